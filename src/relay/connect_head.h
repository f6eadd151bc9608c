// ConnectHead: what a client of the relay says first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/host_port.h"
#include "http/h1/head.h"

namespace weir::relay {

/// Of a whole head, its empty line included.
inline constexpr std::size_t kMostConnectHead = 8192;

struct ConnectHead {
  HostPort to;
  std::size_t size = 0;  ///< of the head; what follows belongs to the tunnel
};

/// Finds and reads `CONNECT host:port HTTP/1.x` in what has come so far. The outcome does not depend on how
/// the bytes were cut. The fields are passed over: nothing of them goes to the gateway.
class ConnectHeadReader {
 public:
  ConnectHeadReader();

  /// What to answer a client that is refused.
  enum class Refusal : std::uint8_t { none, bad_request, method_not_allowed };

  /// `buffer` is all that has come, from the first byte. Nothing when more is needed; an error (bad_request,
  /// bad_target, head_too_large, unsupported_version, ...) says what is wrong, and refusal() what to answer.
  Result<std::optional<ConnectHead>> read(std::string_view buffer);
  Refusal refusal() const { return refusal_; }

 private:
  Result<ConnectHead> parse(std::string_view head);

  http::h1::HeadScanner scanner_;
  Refusal refusal_ = Refusal::none;
};

}  // namespace weir::relay
