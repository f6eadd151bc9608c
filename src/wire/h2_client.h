// H2ClientConnection: HTTP/2 towards an upstream, shared by exchanges of one thread.
#pragma once

#include <memory>
#include <string>

#include "async/event.h"
#include "wire/connection.h"
#include "wire/h1_client.h"
#include "wire/h2_stream.h"
#include "wire/h2_tunnel.h"

namespace weir::wire {

class H2ClientConnection;

/// One exchange. Must go before its connection.
class H2Outgoing final : public Outgoing {
 public:
  explicit H2Outgoing(H2ClientConnection& connection);

  async::Task<Result<void>> send(const http::RequestHead& head, Body* body) override;
  async::Task<Result<http::ResponseHead>> receive_head() override;
  std::size_t head_bytes() const override { return head_bytes_; }
  Body& body() override { return stream_; }
  bool switched() const override { return switched_; }
  net::Stream& tunnel() override { return tunnel_; }
  std::string take_buffered() override { return {}; }
  void cancel() override { stream_.cancel(http::h2::ErrorCode::cancel); }
  void expect_head_by(TimePoint deadline) override { stream_.expect_head_by(deadline); }

 private:
  async::Task<Result<void>> wait_for_consent();

  H2ClientConnection& connection_;
  H2Stream stream_;
  H2Tunnel tunnel_;
  std::size_t head_bytes_ = 0;
  std::size_t interim_ = 0;
  bool upgrade_ = false;
  bool to_head_ = false;
  bool switched_ = false;
};

/// Belongs to the stream's loop. The owner runs run() as long as the connection is there, and calls close()
/// when run() has ended and no exchange is left.
class H2ClientConnection final : private H2Connection {
 public:
  H2ClientConnection(std::unique_ptr<net::Stream> stream, const ClientLimits& client, const H2Limits& h2);
  ~H2ClientConnection();

  /// Reads until the peer or we end the connection. What is under way then fails: with Retry::if_reused, or
  /// Retry::yes where the peer said that it has not looked at the request.
  async::Task<void> run();
  async::Task<void> close();
  /// No new exchanges; run() ends when none is left.
  void drain();

  using H2Connection::live;
  using H2Connection::stream;
  /// Another exchange may begin: the peer takes more, and nobody has said goodbye.
  bool has_room() const;
  bool leaving() const { return leaving_ || ended(); }
  bool takes_connect_protocol() const { return session_.peer_takes_connect_protocol(); }
  /// Told when an exchange has ended.
  void on_room(std::move_only_function<void()> call) { room_call_ = std::move(call); }
  /// Told when the peer has said how many exchanges it takes at once.
  void on_greeting(std::move_only_function<void()> call) { greeting_call_ = std::move(call); }

 private:
  friend class H2Outgoing;
  http::h2::StreamEvents* on_request(http::h2::StreamId, http::h2::HeaderBlock, bool) override {
    return nullptr;  // a push, which our SETTINGS forbid
  }
  void on_malformed(http::h2::StreamId, std::string_view) override {}
  void on_goaway(http::h2::StreamId, http::h2::ErrorCode) override { leaving_ = true; }
  void on_settings() override;
  void on_pong() override {}
  void live_changed() override;

  std::unique_ptr<net::Stream> owned_;
  const ClientLimits& client_;
  std::move_only_function<void()> room_call_, greeting_call_;
  async::Event greeted_{loop()};  // SETTINGS have come, or never will
  bool leaving_ = false;
};

}  // namespace weir::wire
