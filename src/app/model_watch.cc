#include "app/model_watch.h"

#include <atomic>
#include <optional>
#include <utility>
#include <variant>

#include "app/decoded_body.h"
#include "base/thread_name.h"
#include "llm/call_reader.h"
#include "llm/mcp_reader.h"
#include "llm/socket_calls.h"

namespace weir::app {

namespace {

constexpr std::string_view kLeftOut = "more came at once than could be looked at";

}  // namespace

/// What one exchange has become so far. Of the watch's thread, but for `over`.
class ModelWatch::Reading {
 public:
  virtual ~Reading() = default;
  virtual void request_part(std::string_view part) = 0;
  virtual void request_sent(TimePoint at) = 0;
  virtual void response_head(const http::ResponseHead& head, TimePoint at) = 0;
  virtual void response_part(std::string_view part, TimePoint at) = 0;
  virtual void message(Side from, const std::string& text, bool cut, TimePoint at) {
    (void)from, (void)text, (void)cut, (void)at;
  }
  virtual void sender(const std::string& process, const std::string& device) { (void)process, (void)device; }
  virtual void left_out() = 0;
  virtual void ended(const flow::Flow& flow, TimePoint at) = 0;

  /// It is nothing to read after all: no more need be copied.
  std::atomic<bool> over{false};
};

class ModelWatch::Call final : public Reading {
 public:
  Call(ModelWatch& watch, const llm::CallTarget& target, const flow::Flow& flow, bool recorded,
       TimePoint begun)
      : watch_(watch),
        recorded_(recorded),
        certain_(target.certain),
        protocol_(target.protocol),
        provider_(target.provider),
        path_model_(llm::decode_path_model(target.path_model)),
        deployment_(target.deployment),
        head_(flow.request),
        request_(flow.request.fields, watch.options_.most_request),
        begun_(begun) {}

  void request_part(std::string_view part) override { request_.feed(part); }
  void request_sent(TimePoint at) override {
    sent_ = true;
    if (reader_) return;
    begin(at);
  }
  void response_head(const http::ResponseHead& head, TimePoint at) override {
    if (!reader_) begin(at);
    reader_->response_head(head, at);
    response_.emplace(head.fields);
  }
  void response_part(std::string_view part, TimePoint at) override {
    if (!response_) return;
    response_->feed(part, [&](std::string_view text) { reader_->response_body(text, at); });
    if (!response_->problem().empty() && !std::exchange(undecodable_, true))
      reader_->undecodable(response_->problem());
  }
  void left_out() override { left_out_ = true; }

  void ended(const flow::Flow& flow, TimePoint at) override {
    if (!reader_) begin(begun_);
    if (!shaped_) return watch_.told_.no_call(flow.id);
    WatchedCall out{flow.id,
                    head_.origin.place,
                    flow.process,
                    flow.device,
                    reader_->finish(flow.error == Code::none, at),
                    recorded_,
                    {sent_, flow.error == Code::client_closed, left_out_ || undecodable_}};
    out.call.provider = provider_;
    out.call.started = flow.started;
    if (out.call.model_asked.empty()) out.call.model_asked = path_model_;
    // Whatever else could not be read is a consequence.
    if (left_out_) out.call.parse_error = kLeftOut;
    if (prompt_.thread != 0) watch_.prompts_.ended(out.call, prompt_);
    out.call.prompt = std::move(prompt_);
    watch_.told_.call(std::move(out));
  }

 private:
  // A response may come before the request has gone out whole: what is there of it then has to do.
  void begin(TimePoint sent) {
    reader_ = std::make_unique<llm::CallReader>(protocol_, sent);
    reader_->request_head(head_);
    llm::CallTarget target;
    target.protocol = protocol_;
    target.path_model = path_model_;
    target.deployment = deployment_;
    shaped_ = certain_ || llm::has_call_shape(target, request_.text(), request_.cut());
    reader_->request_body(request_.text(), request_.cut());
    if (recorded_ && shaped_ && !request_.cut()) compare_prompt();
    request_.forget();
  }
  void compare_prompt() {
    const llm::ModelCall& call = reader_->so_far();
    const std::string& model = call.model_asked.empty() ? path_model_ : call.model_asked;
    prompt_ = watch_.prompts_.request(provider_, model, call, request_.text());
  }

  ModelWatch& watch_;
  bool sent_ = false;
  const bool recorded_;
  const bool certain_;
  const llm::Protocol protocol_;
  const std::string provider_, path_model_, deployment_;
  const http::RequestHead head_;
  RequestText request_;
  const TimePoint begun_;
  bool shaped_ = false, left_out_ = false, undecodable_ = false;
  std::unique_ptr<llm::CallReader> reader_;
  llm::PromptChange prompt_;
  std::optional<DecodedBody> response_;
};

/// A WebSocket that carries calls of models.
class ModelWatch::Socket final : public Reading {
 public:
  Socket(ModelWatch& watch, const llm::CallTarget& target, const flow::Flow& flow, bool recorded,
         TimePoint begun)
      : watch_(watch),
        recorded_(recorded),
        flow_(flow.id),
        place_(flow.request.origin.place),
        provider_(target.provider),
        calls_(target.protocol, flow.request, llm::decode_path_model(target.path_model),
               {flow.started, begun}, [this](llm::ModelCall call) { tell(std::move(call)); }) {
    sender(flow.process, flow.device);
  }

  void request_part(std::string_view) override {}
  void request_sent(TimePoint) override {}
  void response_head(const http::ResponseHead& head, TimePoint at) override {
    calls_.response_head(head, at);
  }
  void response_part(std::string_view, TimePoint) override {}
  void message(Side from, const std::string& text, bool cut, TimePoint at) override {
    if (from == Side::client)
      calls_.from_client({text, cut, at});
    else
      calls_.from_upstream({text, cut, at});
  }
  void sender(const std::string& process, const std::string& device) override {
    process_ = process;
    device_ = device;
  }
  void left_out() override { calls_.left_out(kLeftOut); }
  void ended(const flow::Flow& flow, TimePoint at) override {
    if (process_.empty()) sender(flow.process, flow.device);
    calls_.finish(at);
  }

 private:
  void tell(llm::ModelCall call) {
    call.provider = provider_;
    watch_.told_.call({flow_, place_, process_, device_, std::move(call), recorded_});
  }

  ModelWatch& watch_;
  const bool recorded_;
  const flow::FlowId flow_;
  const HostPort place_;
  const std::string provider_;
  std::string process_, device_;
  llm::SocketCalls calls_;
};

/// Messages of the Model Context Protocol.
class ModelWatch::McpExchange final : public Reading {
 public:
  McpExchange(ModelWatch& watch, const flow::Flow& flow, llm::McpSign sign, TimePoint begun)
      : watch_(watch),
        head_(flow.request),
        sign_(sign),
        flow_(flow.id),
        started_(flow.started),
        begun_(begun),
        request_(flow.request.fields, watch.options_.most_request) {}

  void request_part(std::string_view part) override { request_.feed(part); }
  void request_sent(TimePoint at) override { begin(at); }
  void response_head(const http::ResponseHead& head, TimePoint at) override {
    begin(at);
    reader_->response_head(head, at);
    response_.emplace(head.fields);
    over = !reader_->may_be_mcp();
  }
  void response_part(std::string_view part, TimePoint at) override {
    if (!response_) return;
    response_->feed(part, [&](std::string_view text) { reader_->response_body(text, at); });
    over = !reader_->may_be_mcp();
  }
  void left_out() override { left_out_ = true; }
  void ended(const flow::Flow& flow, TimePoint at) override {
    begin(begun_);
    reader_->finish(flow.error == Code::none && !left_out_, at);
  }

 private:
  void begin(TimePoint sent) {
    if (reader_) return;
    reader_.emplace(watch_.mcp_, head_, sign_, flow_, started_);
    reader_->request_body(request_.text(), request_.cut() || left_out_, sent);
    request_.forget();
    over = !reader_->may_be_mcp();
  }

  ModelWatch& watch_;
  const http::RequestHead head_;
  const llm::McpSign sign_;
  const flow::FlowId flow_;
  const WallNanos started_;
  const TimePoint begun_;
  RequestText request_;
  std::optional<llm::McpReader> reader_;
  bool left_out_ = false;
  std::optional<DecodedBody> response_;
};

struct ModelWatch::Event {
  struct RequestPart {
    std::string bytes;
  };
  struct RequestSent {};
  struct ResponsePart {
    std::string bytes;
  };
  struct Message {
    Side from;
    std::string text;
    bool cut;
  };
  struct Sender {
    std::string process, device;
  };
  struct LeftOut {};
  struct Ended {
    std::unique_ptr<const flow::Flow> flow;
  };

  std::shared_ptr<Reading> reading;
  TimePoint at;
  std::variant<RequestPart, RequestSent, http::ResponseHead, ResponsePart, Message, Sender, LeftOut, Ended>
      what;
};

/// Of the walk's thread: puts into the queue what it sees.
class ModelWatch::Sight final : public proxy::Onlooker {
 public:
  /// `doubtful`: the beginning of its body has to be that of a JSON-RPC message.
  Sight(ModelWatch& watch, std::shared_ptr<Reading> reading, bool doubtful = false)
      : watch_(watch), reading_(std::move(reading)), doubtful_(doubtful) {}

  void request_part(std::string_view part) override {
    if (std::exchange(doubtful_, false) && !llm::may_be_json_rpc(part)) reading_->over = true;
    if (may_copy(part)) push({}, Event::RequestPart{std::string(part)});
  }
  void request_sent(TimePoint at) override {
    if (!reading_->over) push(at, Event::RequestSent{});
  }
  void response_head(const http::ResponseHead& head, TimePoint at) override {
    if (!reading_->over) push(at, head);
  }
  void response_part(std::string_view part, TimePoint at) override {
    if (may_copy(part)) push(at, Event::ResponsePart{std::string(part)});
  }
  void message(const flow::Flow& flow, Side from, const http::ws::Message& message, TimePoint at) override {
    if (reading_->over || message.opcode != http::ws::Opcode::text) return;
    if (!named_ && !flow.process.empty()) {
      named_ = true;
      push(at, Event::Sender{flow.process, flow.device});
    }
    // One that is missing does not hide the next.
    if (!watch_.hold(message.bytes.size())) {
      if (!std::exchange(lost_, true)) push(at, Event::LeftOut{});
      return;
    }
    lost_ = false;
    bool cut = message.truncated || message.problem != http::ws::Problem::none;
    push(at, Event::Message{from, message.bytes, cut});
  }
  void ended(const flow::Flow& flow, TimePoint at) override {
    if (reading_->over) return;
    auto copy = std::make_unique<flow::Flow>();
    copy->id = flow.id;
    copy->process = flow.process;
    copy->device = flow.device;
    copy->started = flow.started;
    copy->error = flow.error;
    push(at, Event::Ended{std::move(copy)});
  }

 private:
  // Once something is missing what follows it cannot be read.
  bool may_copy(std::string_view part) {
    if (lost_ || reading_->over) return false;
    if (watch_.hold(part.size())) return true;
    lost_ = true;
    push({}, Event::LeftOut{});
    return false;
  }
  template <typename What>
  void push(TimePoint at, What what) {
    watch_.push({reading_, at, std::move(what)});
  }

  ModelWatch& watch_;
  std::shared_ptr<Reading> reading_;
  bool doubtful_, lost_ = false, named_ = false;
};

ModelWatch::ModelWatch(llm::Recogniser recogniser, const Options& options, Told told)
    : recogniser_(std::move(recogniser)),
      options_(options),
      told_(std::move(told)),
      mcp_([this](llm::McpCall call) { told_.mcp(std::move(call)); }),
      thread_([this] { run(); }) {}

ModelWatch::~ModelWatch() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::unique_ptr<proxy::Onlooker> ModelWatch::look_on(const flow::Flow& flow, bool recorded, TimePoint now) {
  if (!recorded && !options_.unrecorded) return nullptr;
  const http::RequestHead& head = flow.request;
  auto target = recogniser_.recognise(head.method, head.origin.place, head.target, head.upgrade);
  if (target && target->websocket)
    return std::make_unique<Sight>(*this, std::make_shared<Socket>(*this, *target, flow, recorded, now));
  if (target)
    return std::make_unique<Sight>(*this, std::make_shared<Call>(*this, *target, flow, recorded, now));
  llm::McpSign sign = recorded && options_.mcp ? llm::recognise_mcp(head) : llm::McpSign::none;
  if (sign == llm::McpSign::none) return nullptr;
  bool doubtful = sign == llm::McpSign::body && !head.fields.has("content-encoding");
  return std::make_unique<Sight>(*this, std::make_shared<McpExchange>(*this, flow, sign, now), doubtful);
}

bool ModelWatch::hold(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  if (queued_ + bytes > options_.most_queued) return false;
  queued_ += bytes;
  return true;
}

void ModelWatch::push(Event event) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = queue_.empty();
    queue_.push_back(std::move(event));
    ++pushed_;
  }
  if (first) wake_.notify_one();
}

void ModelWatch::flush() {
  std::unique_lock lock(mutex_);
  std::uint64_t target = pushed_;
  read_.wait(lock, [&] { return done_ >= target; });
}

void ModelWatch::run() {
  name_thread("weir-models");
  std::vector<Event> come;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      done_ += come.size();
      read_.notify_all();
      come.clear();
      wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      if (queue_.empty()) return;
      std::swap(come, queue_);
    }
    for (Event& event : come) {
      std::uint64_t bytes = read(event);
      event = {};
      if (bytes == 0) continue;
      std::lock_guard lock(mutex_);
      queued_ -= bytes;
    }
  }
}

// How many bytes of bodies it was.
std::uint64_t ModelWatch::read(Event& event) {
  Reading& reading = *event.reading;
  if (auto* part = std::get_if<Event::RequestPart>(&event.what)) {
    reading.request_part(part->bytes);
    return part->bytes.size();
  }
  if (auto* part = std::get_if<Event::ResponsePart>(&event.what)) {
    reading.response_part(part->bytes, event.at);
    return part->bytes.size();
  }
  if (auto* message = std::get_if<Event::Message>(&event.what)) {
    reading.message(message->from, message->text, message->cut, event.at);
    return message->text.size();
  }
  if (auto* sender = std::get_if<Event::Sender>(&event.what)) {
    reading.sender(sender->process, sender->device);
  } else if (auto* head = std::get_if<http::ResponseHead>(&event.what)) {
    reading.response_head(*head, event.at);
  } else if (std::holds_alternative<Event::RequestSent>(event.what)) {
    reading.request_sent(event.at);
  } else if (std::holds_alternative<Event::LeftOut>(event.what)) {
    reading.left_out();
  } else {
    reading.ended(*std::get<Event::Ended>(event.what).flow, event.at);
  }
  return 0;
}

}  // namespace weir::app
