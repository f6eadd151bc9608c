// pasta: a network with one neighbour, in the sandbox of `--net pasta` (passt.top).
//
// The program of that name, started outside, gives a network namespace an interface and passes what is sent
// over it on to this machine. Its gateway is this machine's loopback, whole; rules inside leave one port of
// it (docs/sandbox.md).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "sandbox/netlink.h"
#include "sandbox/nft.h"

namespace weir::sandbox {

inline constexpr const char* kPastaAddress = "10.0.2.15";  ///< of the sandbox
inline constexpr const char* kPastaGateway = "10.0.2.2";   ///< this machine's loopback, seen from inside

/// The command that connects a network namespace, but for the number of a process in it, which goes last.
/// not_found or io, with what mends it: pasta is not installed, /dev/net/tun is closed to this
/// user, or this user is root, as whom pasta can join no namespace.
Result<std::vector<std::string>> pasta_command();

/// pasta beside one sandbox; of the keeper, which is in the sandbox's namespaces. Single-threaded, blocks.
class Pasta {
 public:
  /// To be called before the namespaces are entered: what is forked here stays outside, and waits.
  static Result<Pasta> prepare(std::vector<std::string> command);
  Pasta(Pasta&& other) noexcept;
  /// Ends it.
  ~Pasta();

  /// To be called in the namespaces: returns when this one has its address and its route. An error has
  /// pasta's own words. At most five seconds.
  Result<> connect();

 private:
  Pasta(pid_t child, UniqueFd go, UniqueFd words)
      : child_(child), go_(std::move(go)), words_(std::move(words)) {}
  std::string last_words() const;

  pid_t child_;
  UniqueFd go_;     ///< told here whom to connect
  UniqueFd words_;  ///< what it writes
};

/// Takes away what pasta's gateway leads to but for the gateway itself. In the namespace.
Result<> keep_gateway_alone(NetlinkSocket& route);

/// Fails when there is a route that leads anywhere else.
Result<> verify_gateway_is_alone(NetlinkSocket& route);

/// The rules: loopback, and TCP to `port` of the gateway; nothing else.
nft::Table pasta_rules(std::uint16_t port);

/// Connects to `port` of the gateway and shows `token` there; fails when that fails, and when `closed`,
/// where this machine listens as well, can be connected to.
Result<> send_pasta_canary(std::uint16_t port, std::uint16_t closed, const std::string& token);

}  // namespace weir::sandbox
