// The HTTP/2 codec as either end of a connection, and the heads that come out of it. The first byte of the
// input says which end and how it is used; the rest is what the peer sends.
#include <deque>
#include <map>
#include <string>

#include "harness.h"
#include "http/h1/encoder.h"
#include "http/h1/head.h"
#include "http/h2/head.h"
#include "http/h2/session.h"
#include "http/syntax.h"

namespace weir::fuzz {
namespace {

using http::h2::ErrorCode;
using http::h2::HeaderBlock;
using http::h2::Outflow;
using http::h2::Role;
using http::h2::Session;
using http::h2::StreamId;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kEmptySettings("\0\0\0\4\0\0\0\0\0", 9);
constexpr std::size_t kTargetBytes = 256;
constexpr std::size_t kFrameHead = 9;
// RFC 9113 section 6.9.2: the window of everything until our SETTINGS are acknowledged.
constexpr std::uint64_t kFirstWindow = 65'535;

/// Small, so that the fuzzer reaches the limits.
http::h2::SessionOptions options() {
  http::h2::SessionOptions out;
  out.peer_streams = 4;
  out.stream_window = 1000;
  out.connection_window = kFirstWindow;
  out.head_bytes = 2048;
  out.fields = 16;
  out.flood = {.reset_burst = 20, .resets_per_second = 1, .control_burst = 40, .control_per_second = 1};
  return out;
}

struct Setting {
  explicit Setting(std::uint8_t flags)
      : role((flags & 1) != 0 ? Role::client : Role::server),
        greeted((flags & 2) == 0),
        answers((flags & 4) != 0),
        tunnel((flags & 8) != 0),
        any_host((flags & 16) != 0),
        requests(1 + (flags >> 5 & 3)) {}
  Role role;
  bool greeted;  ///< the peer has begun as it should, and not within the input
  bool answers;  ///< we answer; else we only listen
  bool tunnel;   ///< where requests were received (http::Door)
  bool any_host;
  int requests;  ///< that we have sent, as a client
};

void check_field(http::Fields::View field) {
  require(http::is_token(field.name), "a name is a token");
  require(http::find_control(field.value) == field.value.size(), "a value has no control bytes");
}

std::size_t check_block(const HeaderBlock& block) {
  std::size_t size = 0;
  for (http::Fields::View field : block.fields) {
    require(!field.name.empty() && field.name[0] != ':', "pseudo-fields are apart");
    check_field(field);
    size += field.name.size() + field.value.size() + 32;
  }
  require(block.fields.size() <= options().fields && size <= options().head_bytes,
          "what is kept of a head is within its limits");
  return size;
}

// What was accepted can be sent on in HTTP/1, and is read there as the same message.
void check_request(const http::RequestHead& head) {
  require(http::is_token(head.method) && (head.upgrade.empty() || http::is_token(head.upgrade)),
          "a method and a protocol are tokens");
  require(head.target.size() <= kTargetBytes, "a target is within its limit");
  require(head.fields.count("host") == 1 && head.fields[0].name == "Host", "Host is there once, and first");
  require(!head.fields.has("transfer-encoding") && !head.fields.has("connection"),
          "fields of HTTP/1 connections do not come out of HTTP/2");
  for (http::Fields::View field : head.fields) check_field(field);
  std::string text;
  http::h1::append_request_head(text, head);
  bool connect = head.is("CONNECT");
  http::Door door{.tunnel = connect ? nullptr : &head.origin, .any_host = !connect};
  auto again = http::h1::parse_request_head(text, {}, door);
  require(again.has_value(), "what was accepted is valid in HTTP/1");
  require(again->method == head.method && again->target == head.target, "HTTP/1 asks for the same");
  require(again->fields.size() == head.fields.size(), "HTTP/1 has as many fields");
}

std::string in_words(const HeaderBlock& block) {
  std::string out = block.method + " " + block.scheme + " " + block.authority + " " + block.path + " " +
                    block.protocol + " " + std::to_string(block.status) +
                    (block.too_large ? " too large" : "");
  for (http::Fields::View field : block.fields)
    out.append("\n ").append(field.name).append("=").append(field.value);
  return out + "\n";
}

class Connection;

/// Checks the order of a stream's events, and writes them down.
class Stream final : public http::h2::StreamEvents {
 public:
  Stream(Connection& connection, StreamId id) : connection_(connection), id_(id) {}

  void on_head(HeaderBlock block) override;
  void on_data(std::string_view data) override;
  void on_trailers(HeaderBlock block) override;
  void on_end() override;
  void on_close(ErrorCode why, std::string_view fault) override;
  std::optional<Outflow> outflow() override { return Outflow{rest_, true, &trailers_}; }
  void sent(std::size_t bytes) override { rest_.remove_prefix(bytes); }

  void set_id(StreamId id) { id_ = id; }
  StreamId id() const { return id_; }
  bool closed() const { return closed_; }
  std::string_view data() const { return faulty_ ? std::string_view() : data_; }
  void headed() { headed_ = true; }

 private:
  void more(bool ended = false);

  Connection& connection_;
  StreamId id_;
  bool headed_ = false;  // the final head has come
  bool trailed_ = false;
  bool ended_ = false;
  bool closed_ = false;
  bool faulty_ = false;
  std::string data_;
  std::string_view rest_ = "the body of an answer";
  http::Fields trailers_;
};

class Connection final : public http::h2::SessionEvents {
 public:
  explicit Connection(const Setting& setting)
      : setting_(setting), session_(setting.role, options(), *this, TimePoint()) {
    if (setting.role == Role::client) ask();
    if (setting.greeted) greet();
  }

  /// False when that was the end of the connection.
  bool receive(std::string_view part) {
    auto taken = session_.receive(part, TimePoint());
    faulty_ = !taken;
    if (!taken) note("error " + std::string(info(taken.error().code()).name) + "\n");
    received_ += part.size();
    // A frame of ours for each of the peer's at most, and the first of ours.
    require(session_.queued() <= 8 + received_ / kFrameHead, "what waits to be sent is bounded");
    if (taken && setting_.answers) answer();
    return taken.has_value();
  }

  void note(std::string_view text) {
    if (!over()) log_ += text;
  }
  /// The connection was at its end, once: whether the bytes behind that are looked at depends on the cut.
  bool over() { return over_ = over_ || !session_.wants_input(); }
  void arrived(std::size_t bytes) {
    unread_ += bytes;
    require(unread_ <= kFirstWindow, "no more than the window of the connection comes");
  }
  void closed() {
    require(live_ > 0, "as many streams close as were opened");
    --live_;
  }
  /// All events; to be asked at the end. Without bodies where we found a fault: how much of them is handed
  /// out before it depends on the cut.
  std::string log() {
    drain();
    if (faulty_ || session_.fault()) return log_;
    for (const Stream& stream : streams_) log_ += stream.data();
    return log_;
  }

  http::h2::StreamEvents* on_request(StreamId id, HeaderBlock block, bool end) override;
  void on_malformed(StreamId id, std::string_view) override {
    note("malformed " + std::to_string(id) + "\n");
  }
  void on_goaway(StreamId last, ErrorCode why) override {
    note("goaway " + std::to_string(last) + " " + std::string(name(why)) + "\n");
  }
  void on_settings() override { note("settings\n"); }
  void on_pong() override { note("pong\n"); }

 private:
  void ask();
  void greet();
  void answer();
  void drain();

  const Setting setting_;
  std::string log_;
  bool over_ = false;
  bool faulty_ = false;
  std::deque<Stream> streams_;
  std::deque<Stream*> waiting_;  // for an answer
  std::size_t live_ = 0;
  std::size_t answered_ = 0;
  std::size_t received_ = 0;
  std::uint64_t unread_ = 0;
  Session session_;
};

void Stream::more(bool ended) {
  require(!closed_, "nothing comes after the close");
  require(!ended_ && (!trailed_ || ended), "nothing comes after the end");
}

void Stream::on_head(HeaderBlock block) {
  more();
  require(!headed_, "there is one final head");
  check_block(block);
  connection_.note("head " + std::to_string(id_) + ": " + in_words(block));
  headed_ = block.status / 100 != 1;
  auto head = http::h2::response_head(std::move(block));
  if (!head) return;
  require(head->status >= 100 && head->status <= 999 && head->status != 101, "a status is one of HTTP/2");
  std::string text;
  http::h1::append_response_head(text, *head);
  auto again = http::h1::parse_response_head(text, {});
  require(again && again->status == head->status && again->fields.size() == head->fields.size(),
          "HTTP/1 says the same");
}

void Stream::on_data(std::string_view data) {
  more();
  require(headed_, "data comes behind the head");
  if (connection_.over()) return;
  data_ += data;
  require(data_.size() <= kFirstWindow, "no more than the window of the stream comes");
  connection_.arrived(data.size());
}

void Stream::on_trailers(HeaderBlock block) {
  more();
  require(headed_, "trailers come behind the head");
  check_block(block);
  trailed_ = true;
  connection_.note("trailers " + std::to_string(id_) + ": " + in_words(block));
}

void Stream::on_end() {
  more(true);
  ended_ = true;
  connection_.note("end " + std::to_string(id_) + "\n");
}

void Stream::on_close(ErrorCode why, std::string_view fault) {
  require(!closed_, "a stream closes once");
  closed_ = true;
  faulty_ = !fault.empty();
  connection_.closed();
  connection_.note("close " + std::to_string(id_) + " " + std::string(name(why)) +
                   (fault.empty() ? "" : " by us") + "\n");
}

http::h2::StreamEvents* Connection::on_request(StreamId id, HeaderBlock block, bool end) {
  check_block(block);
  note("request " + std::to_string(id) + (end ? " whole: " : ": ") + in_words(block));
  require(++live_ <= options().peer_streams, "no more streams are open than were allowed");
  Stream& stream = streams_.emplace_back(*this, id);
  stream.headed();
  waiting_.push_back(&stream);
  static const http::Origin origin{http::Scheme::http, {"a.test", 80}};
  http::Door door{.tunnel = setting_.tunnel ? &origin : nullptr,
                  .any_host = setting_.tunnel && setting_.any_host};
  auto head = http::h2::request_head(std::move(block), door, kTargetBytes);
  if (head) check_request(*head);
  return &stream;
}

void Connection::ask() {
  for (int i = 0; i < setting_.requests; ++i) {
    HeaderBlock block;
    block.method = i == 1 ? "HEAD" : i == 2 ? "CONNECT" : "POST";
    block.protocol = i == 2 ? "websocket" : "";
    block.scheme = "http";
    block.authority = "a.test";
    block.path = "/";
    Stream& stream = streams_.emplace_back(*this, 0);
    auto id = session_.submit_request(block, i != 1, &stream);
    require(id.has_value(), "a new connection takes requests");
    stream.set_id(*id);
    ++live_;
  }
  drain();
}

void Connection::greet() {
  std::string first(setting_.role == Role::server ? kPreface : "");
  first += kEmptySettings;
  require(session_.receive(first, TimePoint()).has_value(), "a greeting is no fault");
}

// In turn: a whole answer, one without a body, an interim one and a reset.
void Connection::answer() {
  for (; !waiting_.empty(); waiting_.pop_front()) {
    Stream& stream = *waiting_.front();
    if (stream.closed()) continue;
    http::ResponseHead head;
    head.status = 200;
    switch (answered_++ % 4) {
      case 0: session_.submit_response(stream.id(), http::h2::block_of(head), true); break;
      case 1:
        session_.submit_response(stream.id(), http::h2::block_of(head), false);
        session_.finish(stream.id());
        --live_;
        break;
      case 2:
        head.status = 103;
        session_.submit_interim(stream.id(), http::h2::block_of(head));
        break;
      default: session_.reset(stream.id(), ErrorCode::cancel);
    }
  }
  session_.consume_connection(unread_);
  unread_ = 0;
  drain();
}

// Frames come out whole, and none is longer than the peer takes by default unless it said so.
void Connection::drain() {
  std::string out;
  session_.produce(out, 1 << 20);
  std::string_view rest(out);
  if (rest.starts_with(kPreface)) rest.remove_prefix(kPreface.size());
  while (!rest.empty()) {
    require(rest.size() >= kFrameHead, "a frame has a whole head");
    auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(rest[i])); };
    std::size_t size = kFrameHead + (byte(0) << 16 | byte(1) << 8 | byte(2));
    require(rest.size() >= size, "a frame is whole");
    rest.remove_prefix(size);
  }
}

std::string read(const std::vector<std::string_view>& parts, const Setting& setting) {
  Connection connection(setting);
  for (std::string_view part : parts)
    if (!connection.receive(part)) break;
  return connection.log();
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::fuzz;
  if (size < 1) return 0;
  Setting setting(data[0]);
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string whole = read({input}, setting);
  for_each_cut(input, [&](const auto& parts) {
    std::string cut = read(parts, setting);
    // What we say in between may change what the peer's next frame is.
    require(setting.answers || cut == whole, "events are the same however the input is cut");
  });
  return 0;
}
