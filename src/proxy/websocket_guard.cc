// The guard of WebSocket messages. The bytes that go on are those that came, masked and compressed as they
// were: what the messages say is only looked at, and decides up to where they go.
#include <fmt/format.h>

#include <deque>

#include "http/ws/payload_reader.h"
#include "proxy/held_bytes.h"
#include "proxy/leak_search.h"

namespace weir::proxy {
namespace {

using http::ws::Payload;

// Looked at in one call. What a kilobyte says when it is inflated may be a megabyte.
constexpr std::size_t kMostText = 1 << 20;
constexpr std::size_t kScratch = 32 << 10;

// Frames without a word in them, behind one that is held back.
constexpr std::size_t kMostBare = 256 << 10;

constexpr std::uint16_t kPolicyViolation = 1008;  // RFC 6455 section 7.4.1

/// Which bytes of the wire hold the text that is held back.
class HeldText {
 public:
  void add(const Payload& step);
  /// Only the last `text` bytes of all that was added are held back.
  void let_go(std::size_t text);
  /// So many bytes of the wire, from the first one with a part of that text.
  std::size_t wire() const { return wire_; }
  std::size_t bare() const { return wire_ - std::min(wire_, text_); }

 private:
  struct Run {
    std::size_t wire = 0, text = 0;
    bool plain = false;  // one for one; else it is one whole
  };
  void take_off(Run& run, std::size_t wire, std::size_t text);

  std::deque<Run> runs_;
  std::size_t wire_ = 0, text_ = 0;
};

void HeldText::add(const Payload& step) {
  std::size_t text = step.control ? 0 : step.text.size();
  wire_ += step.wire;
  text_ += text;
  bool joins = !runs_.empty() && (text == 0 ? runs_.back().text == 0 : step.plain && runs_.back().plain);
  if (!joins) runs_.push_back({.plain = step.plain && text > 0});
  runs_.back().wire += step.wire;
  runs_.back().text += text;
}

void HeldText::take_off(Run& run, std::size_t wire, std::size_t text) {
  run.wire -= wire;
  run.text -= text;
  wire_ -= wire;
  text_ -= text;
}

void HeldText::let_go(std::size_t text) {
  while (!runs_.empty() && (text_ > text || runs_.front().text == 0 || text == 0)) {
    Run& run = runs_.front();
    if (text_ - text >= run.text) {
      take_off(run, run.wire, run.text);
      runs_.pop_front();
    } else if (run.plain) {
      take_off(run, text_ - text, text_ - text);
    } else {
      return;
    }
  }
}

class WebSocketGuard final : public TunnelGuard {
 public:
  WebSocketGuard(LeakSearch search, const http::ws::Extensions& extensions)
      : search_(std::move(search)), reader_(Side::client, extensions) {}

  Result<Cleared> look(std::string_view& bytes) override;
  std::string_view rest() override { return held_.release_all(); }
  void told_client(std::string_view bytes) override { to_client_.pass(bytes); }
  std::string last_words(const Error& why) override;

 private:
  Result<> look_at(const Payload& step);
  Result<> look_at_control(const Payload& step);
  Result<> look_at_data(const Payload& step);

  LeakSearch search_;
  std::shared_ptr<const broker::Guard> guard_;
  http::ws::PayloadReader reader_;
  broker::Sieve sieve_;  // of the message under way
  HeldText text_;
  std::size_t open_control_ = 0;  // bytes of a control frame that has not ended
  std::size_t untold_ = 0;        // bytes that the reader has taken and not told of
  HeldBytes held_;
  http::ws::FrameEdges to_client_;
};

Result<TunnelGuard::Cleared> WebSocketGuard::look(std::string_view& bytes) {
  char scratch[kScratch];
  if (sieve_.at_rest()) guard_ = search_.secrets.guard();
  std::string_view whole = bytes;
  std::size_t seen = 0;
  // What was taken is looked at to its end, or it would wait for what comes next.
  while (seen < kMostText || bytes.empty() || bytes.size() == whole.size()) {
    std::size_t before = bytes.size();
    auto step = reader_.next(bytes, scratch);
    if (!step) break;
    untold_ += before - bytes.size() - step->wire;
    seen += step->text.size();
    if (auto done = look_at(*step); !done) return pass(done);
  }
  if (!reader_.broken().empty())
    return fail(Code::bad_request,
                fmt::format("the client's messages cannot be searched for secrets: {}", reader_.broken()));
  if (text_.bare() > kMostBare)
    return fail(Code::bad_request,
                "the client's messages cannot be searched for secrets: too many frames that say nothing");
  return held_.release(whole.substr(0, whole.size() - bytes.size()), text_.wire() + open_control_ + untold_);
}

Result<> WebSocketGuard::look_at(const Payload& step) {
  return step.control ? look_at_control(step) : look_at_data(step);
}

// Its few bytes wait for the last of them, the frame's head does not.
Result<> WebSocketGuard::look_at_control(const Payload& step) {
  open_control_ += step.wire;
  if (!step.ends) return {};
  if (auto thing = guard_->find(step.text, search_.allowed)) return std::unexpected(search_.explain(*thing));
  text_.add({.wire = std::exchange(open_control_, 0), .control = true});
  text_.let_go(sieve_.held());
  return {};
}

Result<> WebSocketGuard::look_at_data(const Payload& step) {
  text_.add(step);
  if (!step.text.empty() || step.ends) {
    auto looked = sieve_.look(*guard_, search_.allowed, step.text, step.ends);
    if (looked.found) return std::unexpected(search_.explain(*looked.found));
  }
  text_.let_go(sieve_.held());
  return {};
}

std::string WebSocketGuard::last_words(const Error& why) {
  if (!to_client_.between()) return {};
  constexpr char kClose = '\x88';
  std::string_view reason = info(why.code()).name;
  std::string out{kClose, static_cast<char>(2 + reason.size()), static_cast<char>(kPolicyViolation >> 8),
                  static_cast<char>(kPolicyViolation & 0xff)};
  return out.append(reason);
}

}  // namespace

std::unique_ptr<TunnelGuard> guard_messages(LeakSearch search, const http::Fields& response) {
  return std::make_unique<WebSocketGuard>(std::move(search), http::ws::negotiated_extensions(response));
}

}  // namespace weir::proxy
