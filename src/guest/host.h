// HostAddress: where a guest's relay reaches the host, and connecting to it.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace weir::guest {

/// What the relay's own TCP connections are marked with, so that no rule leads them back to it.
inline constexpr int kMark = 0x57656972;

class HostAddress {
 public:
  /// "vsock:CID:PORT", "unix:PATH" or "tcp:ADDRESS:PORT" (no names: who would look them up?).
  static Result<HostAddress> parse(std::string_view text);

  const std::string& text() const { return text_; }
  bool is_tcp() const { return address_.ss_family == AF_INET || address_.ss_family == AF_INET6; }
  bool is_vsock() const { return address_.ss_family == AF_VSOCK; }

  /// A new non-blocking connection. It may still be on its way: then it is writable when it is there, and
  /// connection_error() says how it went. overloaded when the host accepts too slowly for now (Unix sockets).
  Result<UniqueFd> connect() const;

 private:
  std::string text_;
  sockaddr_storage address_{};
  socklen_t size_ = 0;
};

/// 0, or why connecting failed.
int connection_error(int socket);

}  // namespace weir::guest
