#include "llm/socket_calls.h"

#include <algorithm>
#include <utility>

#include "llm/json_cursor.h"

namespace weir::llm {
namespace {

constexpr std::size_t kMostId = 256;

bool is_last(std::string_view type) {
  for (std::string_view last : {"response.completed", "response.done", "response.failed",
                                "response.incomplete", "response.cancelled"})
    if (type == last) return true;
  return false;
}

bool is_refusal(std::int64_t status) { return status >= 400 && status < 600; }

}  // namespace

/// The parts of a message that say whose it is.
struct SocketCalls::Event {
  std::string_view type, response_id, event_id;
  std::string_view response, session, item;  // objects
  std::string_view failed_event;             // that an error is about
  std::int64_t status = 0;
  bool broken = false;

  explicit Event(std::string_view text) {
    JsonCursor json(text);
    json.each_member([&](std::string_view key) {
      if (key == "type") type = json.word();
      if (key == "response_id") response_id = json.word();
      if (key == "event_id") event_id = json.word();
      if (key == "response") response = json.raw();
      if (key == "session") session = json.raw();
      if (key == "item") item = json.raw();
      if (key == "status" || key == "status_code") status = json.integer().value_or(0);
      if (key == "error") read(json, "event_id", failed_event);
    });
    broken = json.broken();
    JsonCursor inner(response);
    if (response_id.empty()) read(inner, "id", response_id);
    response_id = response_id.substr(0, kMostId);
  }

 private:
  static void read(JsonCursor& json, std::string_view name, std::string_view& out) {
    json.each_member([&](std::string_view key) {
      if (key == name) out = json.word();
    });
  }
};

SocketCalls::SocketCalls(Protocol protocol, http::RequestHead head, std::string model, Begun begun,
                         std::function<void(ModelCall)> told)
    : protocol_(protocol),
      head_(std::move(head)),
      model_(std::move(model)),
      begun_(begun),
      told_(std::move(told)) {}

void SocketCalls::response_head(const http::ResponseHead& head, TimePoint at) {
  CallReader reader(Protocol::none, at);
  reader.response_head(head, at);
  opening_ = reader.so_far();
}

SocketCalls::Open& SocketCalls::begin(std::string_view request, const Message& message) {
  if (open_.size() == kMostOpen) end(open_.begin(), message.at);
  Open& call = open_.emplace_back();
  call.at = message.at;
  call.reader = std::make_unique<CallReader>(protocol_, message.at);
  call.reader->request_head(head_);
  if (protocol_ == Protocol::openai_realtime)
    call.reader->request_body(realtime_.request(request), message.cut);
  else if (!request.empty())
    call.reader->request_body(request, message.cut);
  return call;
}

void SocketCalls::from_client(const Message& message) {
  Event event(message.text);
  if (event.type == "session.update") return realtime_.session(event.session);
  if (event.type == "conversation.item.create") return realtime_.item(event.item);
  if (event.type != "response.create") return;
  end_failed();
  // Realtime has the request in a member, and so have some beta clients of the other API.
  bool inside = protocol_ == Protocol::openai_realtime || event.response.starts_with('{');
  begin(inside ? event.response : message.text, message).event = JsonString{event.event_id}.str();
}

SocketCalls::Calls::iterator SocketCalls::not_begun() {
  return std::ranges::find_if(open_, [](const Open& call) { return call.id.empty() && !call.over; });
}

// Whose event it is; the end where that is nobody's who is known.
SocketCalls::Calls::iterator SocketCalls::owner(const Event& event) {
  if (event.response_id.empty()) return open_.begin();
  return std::ranges::find(open_, event.response_id, &Open::id);
}

void SocketCalls::from_upstream(const Message& message) {
  Event event(message.text);
  if (event.type.starts_with("session.")) return realtime_.session(event.session);
  if (event.type == "error") return fail(event, message);
  if (event.type.starts_with("response.")) return answer(event, message);
  if (event.broken && !open_.empty()) give(open_.begin(), message);
}

void SocketCalls::answer(const Event& event, const Message& message) {
  auto call = owner(event);
  if (event.type == "response.created" && call == open_.end()) {
    call = not_begun();
    if (call == open_.end()) begin({}, message), call = open_.end() - 1;
    call->id = event.response_id;
  }
  if (call == open_.end()) return;
  give(call, message);
  if (is_last(event.type)) end(call, message.at);
}

// The call that an error is about.
SocketCalls::Calls::iterator SocketCalls::refused(const Event& event) {
  if (!event.failed_event.empty())
    return std::ranges::find_if(open_, [&](const Open& call) {
      return call.id.empty() && call.event == JsonString{event.failed_event}.str();
    });
  // In Realtime most errors concern no response: those that do end it by `response.done`.
  if (protocol_ == Protocol::openai_realtime) return not_begun();
  return owner(event);
}

void SocketCalls::fail(const Event& event, const Message& message) {
  auto call = refused(event);
  if (call == open_.end()) return;
  give(call, message);
  if (is_refusal(event.status)) call->status = static_cast<std::uint16_t>(event.status);
  call->over = message.at;
  if (call->id.empty()) end(call, message.at);
}

void SocketCalls::give(Calls::iterator call, const Message& message) {
  call->reader->message(message.text, message.at);
}

void SocketCalls::end(Calls::iterator call, TimePoint at) {
  Open ended = std::move(*call);
  open_.erase(call);
  ModelCall out = ended.reader->finish(false, ended.over.value_or(at));
  if (ended.status != 0) out.status = ended.status;
  if (out.model_asked.empty()) out.model_asked = model_.empty() ? realtime_.model() : model_;
  if (out.model_served.empty() && out.status == 200) out.model_served = realtime_.model();
  out.request_id = opening_.request_id;
  out.rate_limits = std::exchange(opening_.rate_limits, {});
  out.websocket = true;
  out.started = begun_.wall + std::chrono::nanoseconds(ended.at - begun_.at).count();
  told_(std::move(out));
}

// What failed is over when the next thing is asked for.
void SocketCalls::end_failed() {
  for (std::size_t i = 0; i < open_.size();)
    open_[i].over ? end(open_.begin() + static_cast<std::ptrdiff_t>(i), *open_[i].over) : void(++i);
}

void SocketCalls::left_out(std::string_view why) {
  for (Open& call : open_) call.reader->undecodable(why);
}

void SocketCalls::finish(TimePoint at) {
  while (!open_.empty()) end(open_.begin(), at);
}

}  // namespace weir::llm
