// The two faces of HTTP connections, whatever the protocol version: what carries one exchange on the client's
// side (Incoming) and on the upstream side (Outgoing). HTTP/1 implements both with the connection itself,
// HTTP/2 with a stream of it.
#pragma once

#include <functional>
#include <memory>

#include "http/message.h"
#include "net/stream.h"
#include "wire/body.h"

namespace weir::wire {

/// One request of a client, and the means to answer it. Over HTTP/1 it lives until the connection's next() is
/// called again.
class Incoming {
 public:
  virtual ~Incoming() = default;

  virtual http::RequestHead& head() = 0;
  virtual std::size_t head_bytes() const = 0;
  virtual Body& body() = 0;

  /// Sends an interim response (1xx). Dropped for HTTP/1.0 clients.
  virtual async::Task<Result<void>> inform(const http::ResponseHead& head) = 0;
  /// Sends the final response and pulls `body` to its end (null: no body). Framing fields are the
  /// implementation's own: Content-Length in `head` must be true, transfer codings must have been removed.
  /// A failure of `body` makes the client see a cut response, never a whole one.
  virtual async::Task<Result<void>> respond(http::ResponseHead& head, Body* body) = 0;
  /// Sends `head` (101 or another consent to the request's `upgrade`, 200 to CONNECT) in the words of this
  /// side's version and leaves HTTP: the bytes of tunnel() are the caller's from now on.
  virtual async::Task<Result<void>> leave_http(http::ResponseHead& head) = 0;
  /// After leave_http; belongs to the connection and lives as long as this does.
  virtual net::Stream& tunnel() = 0;
  /// What was read beyond the request, after leave_http: the tunnel's first bytes.
  virtual std::string take_buffered() = 0;
  /// True once a byte of a final response has been sent.
  virtual bool responded() const = 0;
  /// True when it was us who cut the connection.
  virtual bool cut() const = 0;
  /// Called once if the client is gone for good, or wants no answer any more, while the exchange runs.
  virtual void on_client_gone(std::move_only_function<void()> call) = 0;
  /// Ends a wait for the request body with Code::cancelled; an HTTP/1 connection closes after the response.
  virtual void stop_body() = 0;
};

/// One exchange on an upstream connection.
class Outgoing {
 public:
  virtual ~Outgoing() = default;

  /// Sends the head, then pulls `body` to its end (null: no body).
  virtual async::Task<Result<void>> send(const http::RequestHead& head, Body* body) = 0;
  /// The next response head: any number of 1xx, then one other. upstream_closed with Retry::if_reused when
  /// the connection ended before a byte of the response.
  virtual async::Task<Result<http::ResponseHead>> receive_head() = 0;
  virtual std::size_t head_bytes() const = 0;
  /// The body of the final response.
  virtual Body& body() = 0;
  /// The final head consents to the request's `upgrade`: 101, or 2xx to an extended CONNECT.
  virtual bool switched() const = 0;
  /// Then: the stream, and what was read beyond the head.
  virtual net::Stream& tunnel() = 0;
  virtual std::string take_buffered() = 0;
  /// Ends every wait of the exchange with Code::cancelled; an HTTP/1 connection is not used again, an HTTP/2
  /// stream is reset.
  virtual void cancel() = 0;
  /// The response head must have come by then. Does nothing once it has.
  virtual void expect_head_by(TimePoint deadline) = 0;
};

}  // namespace weir::wire
