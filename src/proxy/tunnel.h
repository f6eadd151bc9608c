// Tunnel: bytes both ways between two streams.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/stream.h"

namespace weir::proxy {

struct TunnelCounts {
  std::uint64_t to_upstream = 0;
  std::uint64_t to_client = 0;
};

/// Who looks on. The bytes have been sent when it sees them.
class TunnelWatch {
 public:
  virtual ~TunnelWatch() = default;
  virtual void passed(Side from, std::string_view bytes) = 0;
  /// False makes the tunnel wait before it reads more.
  virtual bool has_room() const = 0;
};

/// Who looks at what the client sends before it goes on.
class TunnelGuard {
 public:
  virtual ~TunnelGuard() = default;

  /// Of what was held back, and of what has just come: to be sent in this order. Good until the next call.
  struct Cleared {
    std::string_view held, fresh;
  };
  /// Takes what it has looked at off the front of `bytes`, at least one; not more than is done in a moment.
  /// Fails when something must not go on; nothing may from there on.
  virtual Result<Cleared> look(std::string_view& bytes) = 0;
  /// The client sends no more: what was held back may go.
  virtual std::string_view rest() = 0;
  /// This has been sent to the client.
  virtual void told_client(std::string_view bytes) = 0;
  /// After look() has failed: what to tell the client, in the words of its protocol; empty when there are
  /// none, or none can be said where the bytes to it stand.
  virtual std::string last_words(const Error& why) = 0;
};

/// Sends `to_upstream` and `to_client` first (bytes that were read already), then copies until both
/// directions have ended. A half-close of one side is passed on and the other direction goes on; an error or
/// cancel() of either stream ends both, an error abruptly (Stream::reset_on_close). Where `guard` says no the
/// tunnel fails with its error, and the client's stream is not cancelled if it could be told. Each direction
/// holds one buffer, and only while bytes move: 32 KiB, or 512 KiB where a thread has few that large.
async::Task<Result<void>> tunnel(net::Stream& client, net::Stream& upstream, std::string_view to_upstream,
                                 std::string_view to_client, TunnelCounts& counts,
                                 TunnelWatch* watch = nullptr, TunnelGuard* guard = nullptr);

}  // namespace weir::proxy
