#include "wire/h1_server.h"

#include <array>
#include <optional>

#include "base/wipe_freed.h"
#include "http/h1/encoder.h"
#include "http/h1/framing.h"
#include "http/ws/handshake.h"
#include "wire/h1_writer.h"

namespace weir::wire {
namespace {

constexpr std::size_t kLingerBytes = 256 * 1024;
constexpr auto kLingerTime = std::chrono::seconds(2);

bool has_body(std::uint16_t status, bool to_head) {
  return !to_head && status >= 200 && status != 204 && status != 304;
}

}  // namespace

H1ServerConnection::H1ServerConnection(net::Stream& stream, const ServerLimits& limits, http::Door door)
    : stream_(stream), limits_(limits), door_(door), scanner_(limits.head), body_(stream, buffer_) {
  body_.set_idle_limit(limits.body_idle);
}

bool H1ServerConnection::may_continue() const { return !closing_ && responded_ && body_.finished(); }

async::Task<Result<Incoming*>> H1ServerConnection::next() {
  bool first = head_bytes_ == 0;
  if (!first && !may_continue()) co_return nullptr;
  stream_.on_hangup(nullptr);
  idle_ = true;
  auto size = co_await read_head();
  idle_ = false;
  if (!size) co_return pass(size);
  if (!*size) co_return nullptr;
  auto parsed = parse(**size);
  if (!parsed) co_return pass(parsed);
  co_return static_cast<Incoming*>(this);
}

// The head's length, or nothing when the client ended between requests.
async::Task<Result<std::optional<std::size_t>>> H1ServerConnection::read_head() {
  scanner_.reset();
  TimePoint now = stream_.loop().now();
  bool begun = false;
  for (;;) {
    if (!buffer_.empty() && !begun) {
      // RFC 9112 section 2.2: empty lines before a request line are ignored.
      while (buffer_.data().starts_with("\r\n")) buffer_.consume(2);
      begun = !buffer_.empty() && buffer_.data() != "\r";
      if (begun) stream_.set_read_deadline(stream_.loop().now() + limits_.head_timeout);
    }
    if (begun) {
      auto size = scanner_.scan(buffer_.data());
      if (!size) co_return pass(size);
      if (*size) co_return **size;
    } else {
      bool limited = limits_.idle_timeout > Duration::zero();
      stream_.set_read_deadline(limited ? now + limits_.idle_timeout : kNever);
    }
    auto got = co_await buffer_.fill(stream_);
    if (!got) {
      // Between requests a client may go as it likes; TLS failures and cancellation are for the caller.
      Phase phase = info(got.error().code()).phase;
      if (!begun && (phase == Phase::client || phase == Phase::timeout)) co_return std::nullopt;
      co_return pass(got);
    }
    if (*got > 0) continue;
    if (begun) co_return fail(Code::bad_request, "the connection ended within the request head");
    co_return std::nullopt;
  }
}

Result<void> H1ServerConnection::parse(std::size_t size) {
  head_bytes_ = size;
  responded_ = false;
  std::optional<WipeFreed> wipe;
  if (secret_heads_) wipe.emplace();
  auto head = http::h1::parse_request_head(buffer_.data().substr(0, size), limits_.head, door_);
  if (!head) return pass(head);
  head_ = std::move(*head);
  if (secret_heads_) head_.fields.keep_secret();
  to_head_ = head_.is("HEAD");
  upgrade_ = head_.fields.get("upgrade").value_or("");
  websocket_key_ = upgrade_.empty() ? "" : head_.fields.get("sec-websocket-key").value_or("");
  auto length = http::h1::request_body_length(head_);
  if (!length) return pass(length);
  buffer_.consume(size);
  body_.begin(*length);
  if (body_.finished()) buffer_.release();
  stream_.set_read_deadline(kNever);
  stream_.set_write_deadline(kNever);
  if (!http::h1::keeps_alive(head_.version, head_.fields)) closing_ = true;
  return {};
}

async::Task<Result<void>> H1ServerConnection::inform(const http::ResponseHead& head) {
  if (head_.version == http::Version::http10) co_return Result<void>();
  std::string text;
  http::h1::append_response_head(text, head);
  co_return co_await stream_.write(text);
}

bool H1ServerConnection::frame(http::ResponseHead& head, const Body* body) {
  bool chunked = false;
  if (head.status == 204) head.fields.remove("content-length");  // RFC 9110 section 8.6
  if (body && has_body(head.status, to_head_)) {
    if (auto length = body->length()) {
      if (!head.fields.has("content-length")) head.fields.add("Content-Length", std::to_string(*length));
    } else if (head_.version == http::Version::http10) {
      closing_ = true;  // the end of the connection is the end of the body
    } else {
      head.fields.remove("content-length");
      head.fields.add("Transfer-Encoding", "chunked");
      chunked = true;
    }
  } else if (!body && has_body(head.status, to_head_) && !head.fields.has("content-length")) {
    head.fields.add("Content-Length", "0");
  }
  // A body that nobody has read to its end leaves the connection at an unknown place.
  if (!body_.finished()) closing_ = true;
  if (closing_) {
    head.fields.add("Connection", "close");
  } else if (head_.version == http::Version::http10) {
    head.fields.add("Connection", "keep-alive");
  }
  return chunked;
}

async::Task<Result<void>> H1ServerConnection::respond(http::ResponseHead& head, Body* body) {
  Writing how;
  how.chunked = frame(head, body);
  how.idle_limit = limits_.body_idle;
  std::string text;
  text.reserve(512);
  http::h1::append_response_head(text, head);
  if (!has_body(head.status, to_head_)) body = nullptr;
  auto sent = co_await write_message(stream_, std::move(text), body, how);
  responded_ = how.head_sent;
  if (!sent && responded_) {
    closing_ = true;
    cut_ = sent.error().side() != Side::client;
    // A cut body shows by its framing, but for one that runs until the end of the connection.
    bool framed = how.chunked || (body && body->length());
    if (cut_ && !framed) stream_.reset_on_close();
  }
  co_return sent;
}

// The consent of an HTTP/2 origin in the words of RFC 6455 section 4.2.2.
http::ResponseHead H1ServerConnection::switching(const http::ResponseHead& consent) const {
  http::ResponseHead out = consent;
  out.status = 101;
  out.reason.clear();
  out.fields.remove("content-length");
  out.fields.add("Connection", "Upgrade");
  out.fields.add("Upgrade", upgrade_);
  if (!websocket_key_.empty()) out.fields.set("Sec-WebSocket-Accept", http::ws::accept_key(websocket_key_));
  return out;
}

async::Task<Result<void>> H1ServerConnection::leave_http(http::ResponseHead& head) {
  std::string text;
  bool translated = !upgrade_.empty() && head.version == http::Version::h2;
  http::h1::append_response_head(text, translated ? switching(head) : head);
  responded_ = true;
  closing_ = true;
  stream_.set_write_deadline(kNever);
  stream_.set_read_deadline(kNever);
  co_return co_await stream_.write(text);
}

async::Task<Result<void>> H1ServerConnection::refuse(http::ResponseHead head, std::string_view body) {
  head.fields.set("Content-Length", std::to_string(body.size()));
  head.fields.set("Connection", "close");
  std::string text;
  http::h1::append_response_head(text, head);
  closing_ = true;
  responded_ = true;
  std::array<std::string_view, 2> pieces{text, body};
  stream_.set_write_deadline(stream_.loop().now() + kLingerTime);
  co_return co_await stream_.write(pieces);
}

void H1ServerConnection::stop_body() {
  body_.stop();
  stream_.interrupt_read();
}

async::Task<void> H1ServerConnection::linger() {
  if (cut_) co_return;  // an orderly end would say that the response was whole
  stream_.set_write_deadline(stream_.loop().now() + kLingerTime);
  auto ended = co_await stream_.shutdown();
  if (!ended) co_return;
  stream_.set_read_deadline(stream_.loop().now() + kLingerTime);
  std::size_t discarded = buffer_.data().size();
  while (discarded < kLingerBytes) {
    buffer_.consume(buffer_.data().size());
    auto got = co_await buffer_.fill(stream_);
    if (!got || *got == 0) co_return;
    discarded += *got;
  }
}

std::string H1ServerConnection::take_buffered() {
  std::string out(buffer_.data());
  buffer_.consume(out.size());
  buffer_.release();
  return out;
}

std::string H1ServerConnection::unparsed() const {
  std::string_view data = buffer_.data().substr(0, 200);
  return std::string(data.substr(0, data.find_first_of("\r\n")));
}

}  // namespace weir::wire
