#include "app/model_watch.h"

#include <optional>
#include <utility>
#include <variant>

#include "base/thread_name.h"
#include "http/content/decoder.h"
#include "llm/call_reader.h"

namespace weir::app {
namespace {

// Streams go on for hours; what they come to decoded is bounded by what their readers keep.
constexpr std::uint64_t kNoLimit = UINT64_MAX;

std::string_view coding_of(const http::Fields& fields) { return fields.get("content-encoding").value_or(""); }

/// A body that is undone piece by piece; plain where it has no coding.
class Body {
 public:
  Body(std::string_view coding, std::uint64_t limit) {
    if (coding.empty()) return;
    auto made = http::content::Decoder::make(coding, limit);
    if (made)
      decoder_ = std::move(*made);
    else
      problem_ = made.error().context();
  }

  template <typename Use>
  void feed(std::string_view part, const Use& use) {
    if (!problem_.empty()) return;
    if (!decoder_) return use(part);
    decoder_->feed(part);
    for (auto text = decoder_->next(); !text.empty(); text = decoder_->next()) use(text);
    if (decoder_->ending() == http::content::Ending::corrupt) problem_ = "its coding is corrupt";
  }
  const std::string& problem() const { return problem_; }

 private:
  std::optional<http::content::Decoder> decoder_;
  std::string problem_;
};

}  // namespace

/// What one exchange has become so far. Of the watch's thread.
class ModelWatch::Call {
 public:
  Call(const llm::CallTarget& target, const flow::Flow& flow, TimePoint begun, std::size_t most_request)
      : certain_(target.certain),
        protocol_(target.protocol),
        provider_(target.provider),
        path_model_(llm::decode_path_model(target.path_model)),
        head_(flow.request),
        most_request_(most_request),
        request_(coding_of(flow.request.fields), most_request + 1),
        begun_(begun) {}

  void request_part(std::string_view part) {
    request_.feed(part, [this](std::string_view text) {
      std::size_t room = most_request_ - request_text_.size();
      request_cut_ |= text.size() > room;
      request_text_.append(text.substr(0, room));
    });
  }
  void request_sent(TimePoint at) {
    if (reader_) return;
    begin(at);
  }
  void response_head(const http::ResponseHead& head, TimePoint at) {
    if (!reader_) begin(at);
    reader_->response_head(head, at);
    response_.emplace(coding_of(head.fields), kNoLimit);
  }
  void response_part(std::string_view part, TimePoint at) {
    if (!response_) return;
    response_->feed(part, [&](std::string_view text) { reader_->response_body(text, at); });
    if (!response_->problem().empty() && !std::exchange(undecodable_, true))
      reader_->undecodable(response_->problem());
  }
  void left_out() { left_out_ = true; }

  /// Nothing where it was no call after all.
  std::optional<WatchedCall> end(const flow::Flow& flow, TimePoint at) {
    if (!reader_) begin(begun_);
    if (!shaped_) return std::nullopt;
    WatchedCall out{flow.id, flow.process, flow.device, reader_->finish(flow.error == Code::none, at)};
    out.call.provider = provider_;
    out.call.started = flow.started;
    if (out.call.model_asked.empty()) out.call.model_asked = path_model_;
    // Whatever else could not be read is a consequence.
    if (left_out_) out.call.parse_error = "more came at once than could be looked at";
    return out;
  }

 private:
  // A response may come before the request has gone out whole: what is there of it then has to do.
  void begin(TimePoint sent) {
    reader_ = std::make_unique<llm::CallReader>(protocol_, sent);
    reader_->request_head(head_);
    llm::CallTarget target;
    target.protocol = protocol_;
    shaped_ = certain_ || llm::has_call_shape(target, request_text_, request_cut_);
    reader_->request_body(request_text_, request_cut_ || !request_.problem().empty());
    std::string().swap(request_text_);
  }

  const bool certain_;
  const llm::Protocol protocol_;
  const std::string provider_, path_model_;
  const http::RequestHead head_;
  const std::size_t most_request_;
  Body request_;
  const TimePoint begun_;
  std::string request_text_;
  bool request_cut_ = false, shaped_ = false, left_out_ = false, undecodable_ = false;
  std::unique_ptr<llm::CallReader> reader_;
  std::optional<Body> response_;
};

struct ModelWatch::Event {
  struct RequestPart {
    std::string bytes;
  };
  struct RequestSent {};
  struct ResponsePart {
    std::string bytes;
  };
  struct LeftOut {};
  struct Ended {
    std::unique_ptr<const flow::Flow> flow;
  };

  std::shared_ptr<Call> call;
  TimePoint at;
  std::variant<RequestPart, RequestSent, http::ResponseHead, ResponsePart, LeftOut, Ended> what;
};

/// Of the walk's thread: puts into the queue what it sees.
class ModelWatch::Sight final : public proxy::Onlooker {
 public:
  Sight(ModelWatch& watch, std::shared_ptr<Call> call) : watch_(watch), call_(std::move(call)) {}

  void request_part(std::string_view part) override {
    if (may_copy(part)) push({}, Event::RequestPart{std::string(part)});
  }
  void request_sent(TimePoint at) override { push(at, Event::RequestSent{}); }
  void response_head(const http::ResponseHead& head, TimePoint at) override { push(at, head); }
  void response_part(std::string_view part, TimePoint at) override {
    if (may_copy(part)) push(at, Event::ResponsePart{std::string(part)});
  }
  void ended(const flow::Flow& flow, TimePoint at) override {
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
    if (lost_) return false;
    if (watch_.hold(part.size())) return true;
    lost_ = true;
    push({}, Event::LeftOut{});
    return false;
  }
  template <typename What>
  void push(TimePoint at, What what) {
    watch_.push({call_, at, std::move(what)});
  }

  ModelWatch& watch_;
  std::shared_ptr<Call> call_;
  bool lost_ = false;
};

ModelWatch::ModelWatch(llm::Recogniser recogniser, const Options& options, Told told)
    : recogniser_(std::move(recogniser)),
      options_(options),
      told_(std::move(told)),
      thread_([this] { run(); }) {}

ModelWatch::~ModelWatch() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::unique_ptr<proxy::Onlooker> ModelWatch::look_on(const flow::Flow& flow, TimePoint now) {
  const http::RequestHead& head = flow.request;
  auto target = recogniser_.recognise(head.method, head.origin.place, head.target, head.upgrade);
  if (!target || target->websocket) return nullptr;
  return std::make_unique<Sight>(*this, std::make_shared<Call>(*target, flow, now, options_.most_request));
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
  Call& call = *event.call;
  if (auto* part = std::get_if<Event::RequestPart>(&event.what)) {
    call.request_part(part->bytes);
    return part->bytes.size();
  }
  if (auto* part = std::get_if<Event::ResponsePart>(&event.what)) {
    call.response_part(part->bytes, event.at);
    return part->bytes.size();
  }
  if (auto* head = std::get_if<http::ResponseHead>(&event.what)) {
    call.response_head(*head, event.at);
  } else if (std::holds_alternative<Event::RequestSent>(event.what)) {
    call.request_sent(event.at);
  } else if (std::holds_alternative<Event::LeftOut>(event.what)) {
    call.left_out();
  } else if (auto told = call.end(*std::get<Event::Ended>(event.what).flow, event.at)) {
    told_(std::move(*told));
  }
  return 0;
}

}  // namespace weir::app
