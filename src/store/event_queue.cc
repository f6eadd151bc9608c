#include "store/event_queue.h"

namespace weir::store {
namespace {

constexpr std::size_t kHurryEvents = 4096;

std::uint64_t memory(const http::Fields& fields) { return fields.memory(); }

std::uint64_t memory(const flow::Flow& flow) {
  return sizeof flow + memory(flow.request.fields) + memory(flow.request_trailers) +
         memory(flow.response.fields) + memory(flow.response_trailers) + flow.request.target.capacity() +
         flow.request.origin.place.host.capacity() + flow.error_detail.capacity() +
         flow.request_body.bytes.capacity() + flow.response_body.bytes.capacity();
}

std::uint64_t memory(const flow::Message& message) {
  return sizeof message + message.content.bytes.capacity();
}

std::uint64_t memory(const llm::ModelCall& call) {
  std::uint64_t out = sizeof call + call.text.text.size() + call.thinking.text.size() +
                      call.system_prompt.text.size() + call.user_text.text.size();
  for (const llm::ToolCall& each : call.tool_calls) out += sizeof each + each.arguments.text.size();
  for (const llm::ToolResult& each : call.tool_results) out += sizeof each + each.content.text.size();
  return out;
}

std::uint64_t memory(const llm::McpCall& call) {
  return sizeof call + call.arguments.text.size() + call.result.text.size() +
         call.tools.size() * sizeof(llm::McpTool);
}

bool has_bodies(const flow::Flow& flow) {
  return !flow.request_body.bytes.empty() || !flow.response_body.bytes.empty();
}

// The queue is the only owner of what it was handed and nobody has seen it yet, so it may still be changed:
// copying what remains would need memory just when there is none to spare.
void drop_bodies(const flow::Flow& flow) {
  for (const flow::Captured* body : {&flow.request_body, &flow.response_body})
    std::string().swap(const_cast<flow::Captured*>(body)->bytes);
}

void drop_bytes(const flow::Message& message) {
  auto& content = const_cast<flow::Message&>(message).content;
  content.truncated |= !content.bytes.empty();
  std::string().swap(content.bytes);
}

}  // namespace

EventQueue::EventQueue(Limits limits) : limits_(limits) { events_.reserve(2 * kHurryEvents); }

// Under WhenFull::slow producers stop at the high-water mark, but what is under way at that moment still
// comes.
EventQueue::Shed EventQueue::shed_now() const {
  std::uint64_t bytes = bytes_.load(std::memory_order_relaxed);
  bool lenient = limits_.when_full == flow::WhenFull::slow && !stalled();
  std::uint64_t limit = lenient ? 2 * limits_.high_water : limits_.high_water;
  if (bytes < limit) return Shed::nothing;
  return bytes < limit + limits_.high_water ? Shed::bodies : Shed::flows;
}

bool EventQueue::has_room() const {
  if (limits_.when_full == flow::WhenFull::slow && stalled()) return true;
  return bytes_.load(std::memory_order_relaxed) < limits_.high_water;
}

void EventQueue::push_opened(std::unique_ptr<const flow::Flow> flow) {
  // An early view that can be done without: the flow comes again when it closes.
  if (shed_now() != Shed::nothing) return;
  std::uint64_t bytes = memory(*flow);
  push({.kind = Event::Kind::opened, .bytes = bytes, .flow = std::move(flow)});
}

void EventQueue::push_closed(std::unique_ptr<const flow::Flow> flow) {
  Shed shed = shed_now();
  if (shed == Shed::flows) {
    shed_flows_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  bool bodies_shed = shed == Shed::bodies && has_bodies(*flow);
  if (bodies_shed) {
    drop_bodies(*flow);
    shed_bodies_.fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t bytes = memory(*flow);
  push({.kind = Event::Kind::closed, .bodies_shed = bodies_shed, .bytes = bytes, .flow = std::move(flow)});
}

void EventQueue::push(std::unique_ptr<const flow::Message> message) {
  Shed shed = shed_now();
  if (shed == Shed::flows) {
    shed_messages_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (shed == Shed::bodies && !message->content.bytes.empty()) {
    drop_bytes(*message);
    shed_bodies_.fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t bytes = memory(*message);
  push({.kind = Event::Kind::message, .bytes = bytes, .message = std::move(message)});
}

void EventQueue::push(std::unique_ptr<const flow::Connection> connection) {
  if (shed_now() == Shed::flows) {
    shed_connections_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  push({.kind = Event::Kind::connection, .bytes = sizeof *connection, .connection = std::move(connection)});
}

void EventQueue::push(std::unique_ptr<const ModelRecord> model) {
  if (shed_now() == Shed::flows) {
    shed_models_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::uint64_t bytes = memory(model->call);
  push({.kind = Event::Kind::model, .bytes = bytes, .model = std::move(model)});
}

void EventQueue::push(std::unique_ptr<const McpRecord> mcp) {
  if (shed_now() == Shed::flows) {
    shed_models_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::uint64_t bytes = memory(mcp->call);
  push({.kind = Event::Kind::mcp, .bytes = bytes, .mcp = std::move(mcp)});
}

void EventQueue::push(Event event) {
  bool closes_flow = event.kind == Event::Kind::closed;
  std::uint64_t bytes = event.bytes;
  bool hurry = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_) {
      if (closes_flow) shed_flows_.fetch_add(1, std::memory_order_relaxed);
      if (event.model || event.mcp) shed_models_.fetch_add(1, std::memory_order_relaxed);
      if (event.message) shed_messages_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    events_.push_back(std::move(event));
    ++pushed_;
    piled_bytes_ += bytes;
    bool much = events_.size() >= kHurryEvents || piled_bytes_ >= limits_.high_water / 4;
    if (much && !nudged_ && !stalled()) hurry = nudged_ = true;
  }
  if (closes_flow) accepted_.fetch_add(1, std::memory_order_relaxed);
  if (hurry) wake_.notify_one();
}

EventQueue::Counters EventQueue::counters() const {
  Counters counters{.accepted = accepted_,
                    .shed_bodies = shed_bodies_,
                    .shed_flows = shed_flows_,
                    .shed_messages = shed_messages_,
                    .shed_connections = shed_connections_,
                    .shed_models = shed_models_,
                    .bytes = bytes_};
  std::lock_guard lock(mutex_);
  counters.events = pushed_ - settled_;
  return counters;
}

bool EventQueue::flush() {
  std::unique_lock lock(mutex_);
  std::uint64_t target = pushed_;
  std::uint64_t failures = failures_;
  if (settled_ < target) {
    nudged_ = true;
    wake_.notify_one();
  }
  progress_.wait(lock, [&] { return settled_ >= target || failures_ != failures || gone_; });
  return settled_ >= target;
}

void EventQueue::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  wake_.notify_one();
}

bool EventQueue::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, timeout, [&] { return nudged_ || closed_; });
  nudged_ = false;
  return !closed_;
}

void EventQueue::take(std::vector<Event>& out) {
  std::lock_guard lock(mutex_);
  events_.swap(out);
  piled_bytes_ = 0;
}

void EventQueue::settle(std::size_t events, std::uint64_t bytes) {
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  settled_ += events;
  progress_.notify_all();
}

void EventQueue::attempt_failed() {
  std::lock_guard lock(mutex_);
  ++failures_;
  progress_.notify_all();
}

void EventQueue::consumer_gone() {
  std::lock_guard lock(mutex_);
  gone_ = true;
  progress_.notify_all();
}

}  // namespace weir::store
