// RelayStatus: what a relay has lived through, and how it tells it (docs/formats/relay.md).
#pragma once

#include <array>
#include <list>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/host_port.h"
#include "proxy/tunnel.h"
#include "relay/trouble.h"

namespace weir::relay {

/// What a relay is, for who asks. No secret.
struct RelayIdentity {
  HostPort listen;
  std::string gateway;  ///< the base URL
  std::string session;
  std::string ca_bundle;
  std::string no_proxy;  ///< what its programs reach without it
  std::string secrets;   ///< how the token is kept: "secret", "locked" or "plain" memory
};

/// Belongs to its relay's thread.
class RelayStatus {
 public:
  explicit RelayStatus(RelayIdentity identity) : identity_(std::move(identity)), since_(wall_now()) {}

  /// An open tunnel's account; valid until ended().
  using Tunnel = std::list<proxy::TunnelCounts>::iterator;
  Tunnel opened() {
    ++total_;
    return open_.insert(open_.end(), proxy::TunnelCounts());
  }
  void ended(Tunnel tunnel);
  /// The gateway has answered, whatever it said.
  void reached() { last_contact_ = wall_now(); }
  /// `host`: what the client wanted; empty where that is not known.
  void failed(const Mishap& mishap, const std::string& host);
  void kept_alive() { ++keep_alives_; }

  std::size_t open() const { return open_.size(); }
  std::uint64_t total() const { return total_; }
  std::uint64_t count(Trouble kind) const { return troubles_[static_cast<std::size_t>(kind)].count; }
  std::uint64_t keep_alives() const { return keep_alives_; }
  const RelayIdentity& identity() const { return identity_; }
  /// Nothing while nobody has tried.
  std::optional<bool> gateway_reachable() const;

  /// One JSON document.
  std::string json() const;

 private:
  struct Kind {
    std::uint64_t count = 0;
    WallNanos time = 0;
    std::string host;
    Mishap last;
  };

  RelayIdentity identity_;
  WallNanos since_, last_contact_ = 0, last_silence_ = 0;
  std::list<proxy::TunnelCounts> open_;
  proxy::TunnelCounts past_;
  std::uint64_t total_ = 0, keep_alives_ = 0;
  std::array<Kind, kTroubles.size()> troubles_;
};

}  // namespace weir::relay
