// The network of a guest, as far as the relay makes it: every TCP connection and DNS message that leaves is
// redirected to the relay, and no other UDP leaves.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/error.h"
#include "sandbox/nft.h"

namespace weir::guest {

/// The name of the table of rules.
inline constexpr const char* kTable = "weir_guest";

/// The rules for a relay that listens on `port` (TCP and UDP) of 127.0.0.1 and ::1.
sandbox::nft::Table guest_rules(std::uint16_t port);

/// Without it there is not even an address to listen on. Wants CAP_NET_ADMIN.
Result<> bring_loopback_up();

/// While it lives the rules are in force. When the program is killed they stay: then nothing leaves.
class Network {
 public:
  /// Wants CAP_NET_ADMIN. Gives either IP version that has no way out a route to this machine itself,
  /// without which there would be no packets to redirect; installs the rules in place of those that
  /// an earlier relay left behind, and reads them back.
  static Result<Network> make(std::uint16_t port);
  Network(Network&& other) noexcept;
  Network& operator=(Network&&) = delete;
  ~Network();

 private:
  Network(sandbox::NetlinkSocket route, sandbox::NetlinkSocket netfilter)
      : route_(std::move(route)), netfilter_(std::move(netfilter)) {}
  Result<> add_routes();

  sandbox::NetlinkSocket route_, netfilter_;
  std::vector<unsigned char> routes_;  // address families
  bool rules_ = false;
};

/// What a check of the guest wants to know, without any right.
struct WayOut {
  bool loopback_up = false;
  bool ipv4 = false, ipv6 = false;  ///< there is a default route
};
Result<WayOut> find_way_out();

}  // namespace weir::guest
