// WebSocketTap: looks on at a tunnel that carries WebSocket frames, and records its messages.
#pragma once

#include "http/ws/reader.h"
#include "proxy/onlooker.h"
#include "proxy/recorder.h"
#include "proxy/tunnel.h"

namespace weir::proxy {

/// Belongs to the tunnel's coroutine. Never touches the bytes that pass. After kKeptBytes of messages of one
/// flow, overhead of rows included, the others are only counted: an idle chat may run for weeks. An onlooker
/// is shown data messages all the same.
class WebSocketTap final : public TunnelWatch {
 public:
  static constexpr std::uint64_t kKeptBytes = 32 << 20;
  static constexpr std::uint64_t kMessageOverhead = 128;

  /// `response` is the head that opened the WebSocket, as upstream sent it. `onlooker` may be null.
  WebSocketTap(Recording& recording, const http::Fields& response, bool wait_for_capture,
               Onlooker* onlooker = nullptr);

  void passed(Side from, std::string_view bytes) override;
  bool has_room() const override { return !wait_ || recording_.recorder().sink().has_room(); }
  /// The tunnel has ended: what was under way is told as incomplete.
  void finish();

 private:
  void take(Side from, http::ws::Message message);
  void show(Side from, const http::ws::Message& message);
  void keep(Side from, http::ws::Message message);
  void stop_keeping();
  void charge(http::ws::Reader& reader);

  Recording& recording_;
  Onlooker* const onlooker_;
  const bool wait_;
  http::ws::Reader from_client_;
  http::ws::Reader from_upstream_;
  std::uint64_t kept_ = 0;
  std::uint64_t charged_ = 0;  // of the recording's budget, for messages under way
  std::uint32_t number_ = 0;   // of those told, and of those shown alone
  bool counting_ = false;
};

}  // namespace weir::proxy
