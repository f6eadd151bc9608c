// H2ServerConnection: HTTP/2 towards a client. Many exchanges side by side on one stream.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "http/door.h"
#include "wire/connection.h"
#include "wire/h1_server.h"
#include "wire/h2_stream.h"
#include "wire/h2_tunnel.h"

namespace weir::wire {

class H2ServerConnection;

/// One request of an HTTP/2 client. Belongs to the coroutine that carries it, and must go before its
/// connection.
class H2Incoming final : public Incoming {
 public:
  H2Incoming(H2ServerConnection& connection, http::h2::StreamId id);

  http::RequestHead& head() override { return head_; }
  std::size_t head_bytes() const override { return head_bytes_; }
  Body& body() override;
  async::Task<Result<void>> inform(const http::ResponseHead& head) override;
  async::Task<Result<void>> respond(http::ResponseHead& head, Body* body) override;
  async::Task<Result<void>> leave_http(http::ResponseHead& head) override;
  net::Stream& tunnel() override { return tunnel_; }
  std::string take_buffered() override { return {}; }
  bool responded() const override { return responded_; }
  bool cut() const override;
  void on_client_gone(std::move_only_function<void()> call) override { stream_.on_gone(std::move(call)); }
  void stop_body() override { stream_.stop(); }

 private:
  friend class H2ServerConnection;
  H2ServerConnection& connection_;
  H2Stream stream_;
  H2Tunnel tunnel_;
  TextBody nothing_{std::string()};
  http::RequestHead head_;  // may be moved out by whoever carries the request
  std::string upgrade_;
  std::size_t head_bytes_ = 0;
  bool to_head_ = false;
  bool connect_ = false;
  bool responded_ = false;
};

/// Belongs to the stream's loop. After next() has come to its end the owner lets its exchanges end, then
/// calls close().
class H2ServerConnection final : private H2Connection {
 public:
  /// `server` gives the deadlines, `h2` the rest; both outlive this, as does what `door` points at.
  H2ServerConnection(net::Stream& stream, const ServerLimits& server, const H2Limits& h2, http::Door door);
  ~H2ServerConnection();

  /// Bytes that were read from the stream before this connection took it over.
  using H2Connection::prepend;

  /// A request, or one that could not be understood: then `fault` says why, and `incoming` (if there is one)
  /// may be answered.
  struct Arrival {
    std::unique_ptr<H2Incoming> incoming;
    std::optional<Error> fault;
  };
  /// The next request; neither part when the client is done. An error ends the connection: no stream can be
  /// answered any more.
  async::Task<Result<Arrival>> next();
  /// No new requests; those under way go on, and then next() comes to its end.
  void drain();
  bool idle() const { return live() == 0 && arrivals_.empty(); }
  /// Sends what is left and ends the connection.
  async::Task<void> close();

 private:
  friend class H2Incoming;
  http::h2::StreamEvents* on_request(http::h2::StreamId id, http::h2::HeaderBlock block, bool end) override;
  void on_malformed(http::h2::StreamId id, std::string_view why) override;
  void on_goaway(http::h2::StreamId, http::h2::ErrorCode) override { peer_leaves_ = true; }
  void on_settings() override { greeted_ = true; }
  void on_pong() override;
  void live_changed() override;
  void end_drain();
  void watch_the_clock();

  const ServerLimits& server_;
  http::Door door_;
  std::deque<Arrival> arrivals_;
  TimePoint head_since_ = kNever;
  bool greeted_ = false;  // the client's SETTINGS have come
  bool peer_leaves_ = false;
  bool draining_ = false;
  bool final_goaway_ = false;
};

}  // namespace weir::wire
