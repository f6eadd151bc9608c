// Tunnel: bytes both ways between two streams, unread.
#pragma once

#include <cstdint>
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

/// Sends `to_upstream` and `to_client` first (bytes that were read already), then copies until both
/// directions have ended. A half-close of one side is passed on and the other direction goes on; an error or
/// cancel() of either stream ends both, an error abruptly (Stream::reset_on_close). Each direction holds one
/// buffer, and only while bytes move: 32 KiB, or 512 KiB where a thread has few that large.
async::Task<Result<void>> tunnel(net::Stream& client, net::Stream& upstream, std::string_view to_upstream,
                                 std::string_view to_client, TunnelCounts& counts,
                                 TunnelWatch* watch = nullptr);

}  // namespace weir::proxy
