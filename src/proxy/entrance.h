// Entrance: by which kind of listener a client came in, and so how it says where it wants to go.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/host_port.h"

namespace weir::proxy {

enum class EntranceKind : std::uint8_t {
  proxy,        ///< the client says it: HTTP proxy requests, CONNECT, SOCKS
  transparent,  ///< it believes that it talks to the host itself; the socket says which (REDIRECT, TPROXY)
  guest,  ///< the same, in a virtual machine; its relay says which, in a preamble (net/guest_preamble.h)
};

/// Finds the own connections that a redirecting rule leads back to Weir, before they go round for ever. Any
/// thread. Both sides note themselves before they look, so that whichever comes second sees the other; what
/// was made is forgotten after ten seconds, in which it has either come back or will not.
class LoopGuard {
 public:
  /// A connection that was accepted from `peer` ("1.2.3.4:5"); false when Weir itself made it.
  bool arrived(const std::string& peer, TimePoint now);
  void arrival_ended(const std::string& peer);
  /// A connection that was made, known as `local` here; false when it came back in.
  bool made(const std::string& local, TimePoint now);

 private:
  void forget_before(TimePoint time);
  std::mutex mutex_;
  std::unordered_multiset<std::string> arrived_, made_;
  std::deque<std::pair<TimePoint, std::string>> order_;  ///< of made_
};

/// What all connections of one listener have in common. Outlives them.
struct Entrance {
  EntranceKind kind = EntranceKind::proxy;
  HostPort listener;  ///< transparent: a connection that was really meant for this place is refused
  /// Transparent, guest: the name that an address was made up for, or nothing where it was not; bad_target
  /// for an address that could have been but was not. Null: no name has one. Any thread.
  std::function<Result<std::optional<std::string>>(const std::string& address)> name_of;
  LoopGuard* loops = nullptr;  ///< transparent: null where no rule could lead back here
  /// Guest: the answer to a DNS message, empty when it must not be answered; null: DNS is not answered. Any
  /// thread, never waits.
  std::function<std::string(std::string_view message, bool datagram)> answer_dns;
};

/// The name that the address in `place` was made up for, in its place; `place` itself if it was not.
Result<HostPort> named(const Entrance& entrance, HostPort place);

/// Where the client of an accepted socket wanted to go, by name if the address is one that was made up.
/// loop_detected when that is the listener itself.
Result<HostPort> destination(const Entrance& entrance, int socket);

}  // namespace weir::proxy
