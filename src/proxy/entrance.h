// Entrance: by which kind of listener a client came in, and so how it says where it wants to go.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/host_port.h"

namespace weir::proxy {

enum class EntranceKind : std::uint8_t {
  proxy,        ///< the client says it: HTTP proxy requests, CONNECT, SOCKS
  transparent,  ///< it believes that it talks to the host itself; the socket says which (REDIRECT, TPROXY)
  guest,    ///< the same, in a virtual machine; its relay says which, in a preamble (net/guest_preamble.h)
  gateway,  ///< its relay is a WebSocket's client, and it asks through that for a tunnel (proxy/gateway.h)
};

struct Gateway;

/// Finds the own connections that a redirecting rule leads back to Weir, before they go round for ever. A
/// connection is known by both its ends, as this machine sees them ("1.2.3.4:5"): ports alone are used again
/// at once. Both sides note it before they look, so that whichever comes second sees the other. Any thread.
class LoopGuard {
 public:
  /// A connection from `from` that wanted to go to `to` was accepted; false when Weir itself made it.
  bool arrived(const std::string& from, const std::string& to, TimePoint now);
  void arrival_ended(const std::string& from, const std::string& to);
  /// A connection was made; false when it came back in. After ten seconds it is forgotten: by then it has
  /// come back, or will not.
  bool made(const std::string& from, const std::string& to, TimePoint now);
  /// Its two ends may from now on be those of somebody else's connection.
  void made_ended(const std::string& from, const std::string& to);

 private:
  void forget_before(TimePoint time);
  bool passes(bool looped);

  std::mutex mutex_;
  std::unordered_multiset<std::string> arrived_;
  std::unordered_map<std::string, TimePoint> made_;
  std::deque<std::pair<TimePoint, std::string>> order_;  ///< of made_; some are no longer there
  bool told_ = false;
};

/// What all connections of one listener have in common. Outlives them.
struct Entrance {
  EntranceKind kind = EntranceKind::proxy;
  HostPort listener;  ///< transparent: a connection that was really meant for this place is refused
  /// Transparent, guest: the name that an address was made up for, or nothing where it was not; bad_target
  /// for an address that could have been but was not. Null: no name has one. Any thread.
  std::function<Result<std::optional<std::string>>(const std::string& address)> name_of;
  bool preambles = false;      ///< transparent: a stream may begin with a guest's preamble, which is believed
  LoopGuard* loops = nullptr;  ///< transparent: null where no rule could lead back here
  /// Guest: the answer to a DNS message, empty when it must not be answered; null: DNS is not answered. Any
  /// thread, never waits.
  std::function<std::string(std::string_view message, bool datagram)> answer_dns;
  const Gateway* gateway = nullptr;  ///< of an entrance of that kind
};

/// The name that the address in `place` was made up for, in its place; `place` itself if it was not.
Result<HostPort> named(const Entrance& entrance, HostPort place);

/// Where the client of an accepted socket wanted to go, as an address. loop_detected when that is the
/// listener itself.
Result<HostPort> destination(const Entrance& entrance, int socket);

}  // namespace weir::proxy
