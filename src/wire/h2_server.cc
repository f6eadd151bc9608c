#include "wire/h2_server.h"

#include "http/h2/head.h"

namespace weir::wire {
namespace {

bool has_body(std::uint16_t status, bool to_head) {
  return !to_head && status >= 200 && status != 204 && status != 304;
}

std::optional<std::uint64_t> content_length(const http::Fields& fields) {
  auto text = fields.get("content-length");
  return text ? parse_decimal(*text) : std::nullopt;
}

}  // namespace

H2Incoming::H2Incoming(H2ServerConnection& connection, http::h2::StreamId id)
    : connection_(connection), stream_(connection, id), tunnel_(stream_, Side::client) {
  stream_.set_idle_limit(connection.server_.body_idle);
}

// What comes behind an extended CONNECT is the new protocol's, no body.
Body& H2Incoming::body() {
  if (!upgrade_.empty() || connect_) return nothing_;
  return stream_;
}

bool H2Incoming::cut() const { return connection_.cut(); }

async::Task<Result<void>> H2Incoming::inform(const http::ResponseHead& head) {
  if (stream_.failure()) co_return Failure(*stream_.failure());
  connection_.session().submit_interim(stream_.id(), http::h2::block_of(head));
  connection_.flush_soon();
  co_return Result<void>();
}

async::Task<Result<void>> H2Incoming::respond(http::ResponseHead& head, Body* body) {
  if (stream_.failure()) co_return Failure(*stream_.failure());
  if (!upgrade_.empty() && head.status / 100 == 2)
    co_return fail(Code::upstream_bad_response, "the origin answered " + std::to_string(head.status) +
                                                    " and did not change to " + upgrade_);
  if (!has_body(head.status, to_head_)) body = nullptr;
  std::optional<std::string_view> first;
  if (body && body->ready()) {
    auto part = co_await body->read();
    if (!part) co_return pass(part);
    first = *part;
    if (first->empty() && body->trailers().empty()) body = nullptr;
  }
  if (head.status == 204) head.fields.remove("content-length");  // RFC 9110 section 8.6
  if (body && body->length() && !head.fields.has("content-length"))
    head.fields.add("content-length", std::to_string(*body->length()));
  responded_ = true;
  if (!body) {
    connection_.session().submit_response(stream_.id(), http::h2::block_of(head), false);
    stream_.set_sent();
    connection_.flush_soon();
    co_return Result<void>();
  }
  if (first) stream_.offer(*first, first->empty() || body->finished(), &body->trailers());
  connection_.session().submit_response(stream_.id(), http::h2::block_of(head), true);
  connection_.flush_soon();
  co_return co_await stream_.send_body(*body, first);
}

async::Task<Result<void>> H2Incoming::leave_http(http::ResponseHead& head) {
  if (stream_.failure()) co_return Failure(*stream_.failure());
  responded_ = true;
  http::ResponseHead consent = head;
  consent.fields.remove("content-length");
  connection_.session().submit_response(stream_.id(), http::h2::block_of(consent), true);
  connection_.flush_soon();
  co_return Result<void>();
}

H2ServerConnection::H2ServerConnection(net::Stream& stream, const ServerLimits& server, const H2Limits& h2,
                                       http::Door door)
    : H2Connection(stream, http::h2::Role::server, h2), server_(server), door_(door) {
  watch_the_clock();
}

H2ServerConnection::~H2ServerConnection() = default;

// A client without requests may be idle for a while; one that has begun a head, or has not greeted yet, must
// go on; one that waits for answers may wait.
void H2ServerConnection::watch_the_clock() {
  if (ended()) return;
  TimePoint now = loop().now();
  if (session().head_open()) {
    if (head_since_ == kNever) head_since_ = now;
  } else {
    head_since_ = kNever;
  }
  TimePoint deadline = kNever;
  if (!greeted_) {
    if (head_since_ == kNever) head_since_ = now;
    deadline = head_since_ + server_.head_timeout;
  } else if (head_since_ != kNever) {
    deadline = head_since_ + server_.head_timeout;
  } else if (live() == 0 && server_.idle_timeout > Duration::zero()) {
    deadline = now + server_.idle_timeout;
  }
  set_deadline(deadline);
}

async::Task<Result<H2ServerConnection::Arrival>> H2ServerConnection::next() {
  for (;;) {
    if (!arrivals_.empty()) {
      Arrival out = std::move(arrivals_.front());
      arrivals_.pop_front();
      co_return out;
    }
    if (live() == 0 && ((draining_ && final_goaway_) || peer_leaves_)) break;
    watch_the_clock();
    auto more = co_await read_frames();
    if (more && *more) continue;
    if (more) {
      fail_streams(Error(Code::client_closed));
      break;
    }
    Error why = std::move(more).error();
    bool idle = live() == 0 && greeted_ && head_since_ == kNever && !stream_.cancelled();
    if (why.code() == Code::cancelled && !stream_.cancelled()) continue;  // only woken to look again
    fail_streams(why);
    if (info(why.code()).phase == Phase::timeout) {
      session().terminate(http::h2::ErrorCode::no_error);
      if (idle) break;
    }
    if (idle && info(why.code()).phase == Phase::client) {
      bool left = why.code() == Code::client_reset || why.code() == Code::client_closed;
      if (left) break;
    }
    co_return Failure(std::move(why));
  }
  co_return Arrival{};
}

void H2ServerConnection::drain() {
  if (std::exchange(draining_, true)) return;
  session().announce_goaway();
  flush_soon();
  if (live() == 0) end_drain();
}

// Nothing is under way: whatever the client sends now, it can send again elsewhere.
void H2ServerConnection::end_drain() {
  if (!std::exchange(final_goaway_, true)) session().submit_goaway();
  flush_soon();
  stream_.interrupt_read();
}

void H2ServerConnection::live_changed() {
  watch_the_clock();
  if (live() > 0) return;
  if (draining_) end_drain();
  if (peer_leaves_) stream_.interrupt_read();
}

void H2ServerConnection::on_pong() {
  if (!draining_ || std::exchange(final_goaway_, true)) return;
  session().submit_goaway();
  flush_soon();
}

async::Task<void> H2ServerConnection::close() {
  co_await finish_writing();
  if (stream_.cancelled()) co_return;
  auto ended = co_await stream_.shutdown();
  if (!ended) co_return;
  // A close with unread bytes would be a reset, and could take the last frames with it.
  constexpr auto kLinger = std::chrono::seconds(2);
  constexpr std::size_t kLingerBytes = 256 * 1024;
  set_deadline(loop().now() + kLinger);
  ReadBuffer rest;
  for (std::size_t discarded = 0; discarded < kLingerBytes;) {
    auto got = co_await rest.fill(stream_);
    if (!got || *got == 0) co_return;
    discarded += *got;
    rest.consume(*got);
  }
}

http::h2::StreamEvents* H2ServerConnection::on_request(http::h2::StreamId id, http::h2::HeaderBlock block,
                                                       bool end) {
  // The client may have closed streams whose exchanges have not noticed yet: they count, too.
  if (live() >= 2 * std::size_t{limits().session.peer_streams}) {
    session().reset(id, http::h2::ErrorCode::refused_stream);
    return nullptr;
  }
  auto incoming = std::make_unique<H2Incoming>(*this, id);
  incoming->head_bytes_ = block.bytes;
  incoming->stream_.set_length(content_length(block.fields));
  if (end) incoming->stream_.set_ended();
  Arrival arrival;
  auto head = http::h2::request_head(std::move(block), door_, server_.head.target_bytes);
  if (head) {
    incoming->head_ = std::move(*head);
    incoming->to_head_ = incoming->head_.is("HEAD");
    incoming->connect_ = incoming->head_.is("CONNECT");
    incoming->upgrade_ = incoming->head_.upgrade;
  } else {
    arrival.fault = std::move(head).error();
  }
  http::h2::StreamEvents* events = &incoming->stream_.events();
  arrival.incoming = std::move(incoming);
  arrivals_.push_back(std::move(arrival));
  return events;
}

void H2ServerConnection::on_malformed(http::h2::StreamId id, std::string_view why) {
  Arrival arrival;
  arrival.fault.emplace(Code::bad_request, "HTTP/2 stream " + std::to_string(id) + ": " + std::string(why));
  arrivals_.push_back(std::move(arrival));
}

}  // namespace weir::wire
