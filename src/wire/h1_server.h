// H1ServerConnection: HTTP/1 towards a client. One exchange after another on one stream.
#pragma once

#include <optional>
#include <string>

#include "http/h1/head.h"
#include "wire/connection.h"
#include "wire/h1_body.h"
#include "wire/read_buffer.h"

namespace weir::wire {

struct ServerLimits {
  http::h1::Limits head;
  Duration head_timeout = std::chrono::seconds(30);   ///< first byte of a head to its last
  Duration idle_timeout = std::chrono::seconds(120);  ///< between requests; zero = none
  Duration body_idle = Duration::zero();  ///< between two parts of a body, either way; zero = none
};

/// Reads requests off `stream` (not owned) and writes responses to it, in order; pipelined requests wait in
/// the buffer. Belongs to the stream's loop.
class H1ServerConnection final : private Incoming {
 public:
  /// `door` decides which target forms are valid (http/h1/head.h); what it points at must outlive this.
  H1ServerConnection(net::Stream& stream, const ServerLimits& limits, http::Door door);

  /// Bytes that were read from the stream before this connection took it over.
  void prepend(std::string_view bytes) { buffer_.prepend(bytes); }
  /// Requests have secrets of this side in their heads (Proxy-Authorization): what came and what was read of
  /// it is overwritten when it goes.
  void keep_heads_secret() {
    buffer_.keep_secret();
    secret_heads_ = true;
  }

  /// The next request; null when the client is done (clean end, idle for too long, or this side said close).
  /// An error is the client's fault: answer it with `refuse`, then the connection ends.
  async::Task<Result<Incoming*>> next();
  /// Answers a request that could not be read, with Connection: close.
  async::Task<Result<void>> refuse(http::ResponseHead head, std::string_view body);
  /// No further request after the present one.
  void close_after_this() { closing_ = true; }
  /// Ends the connection in a way that lets the client read the last response: closes the sending side, then
  /// discards what still comes, for 2 s or 256 KiB at most.
  async::Task<void> linger();
  std::string take_buffered() override;
  /// True between requests.
  bool idle() const { return idle_; }
  /// The first line of a request that could not be parsed, for the record; at most 200 bytes of it.
  std::string unparsed() const;

 private:
  http::RequestHead& head() override { return head_; }
  std::size_t head_bytes() const override { return head_bytes_; }
  Body& body() override { return body_; }

  async::Task<Result<void>> inform(const http::ResponseHead& head) override;
  async::Task<Result<void>> respond(http::ResponseHead& head, Body* body) override;
  async::Task<Result<void>> leave_http(http::ResponseHead& head) override;
  net::Stream& tunnel() override { return stream_; }
  bool responded() const override { return responded_; }
  bool cut() const override { return stream_.cancelled(); }
  void on_client_gone(std::move_only_function<void()> call) override {
    stream_.on_hangup(std::move(call), stream_.half_close_means_gone());
  }
  void stop_body() override;

  async::Task<Result<std::optional<std::size_t>>> read_head();
  Result<void> parse(std::size_t size);
  bool may_continue() const;
  http::ResponseHead switching(const http::ResponseHead& consent) const;
  /// Decides body framing and persistence of the response and writes them into `head`.
  bool frame(http::ResponseHead& head, const Body* body);

  net::Stream& stream_;
  const ServerLimits& limits_;
  http::Door door_;
  ReadBuffer buffer_;
  http::h1::HeadScanner scanner_;
  http::RequestHead head_;  // may be moved out by whoever carries the request
  std::string upgrade_;
  std::string websocket_key_;
  std::size_t head_bytes_ = 0;
  H1Body body_;
  bool secret_heads_ = false;
  bool to_head_ = false;
  bool closing_ = false;
  bool cut_ = false;  // the last response broke off
  bool idle_ = true;
  bool responded_ = true;  // no request is waiting for an answer
};

}  // namespace weir::wire
