// RelaySessions: who may come in at a gateway: each relay by the token of its session.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "policy/host_patterns.h"

namespace weir::proxy {

/// Why something is refused to a session, in the words of the protocol's `x-deny-reason`. An error of them is
/// Code::blocked, and its context begins with the word.
namespace deny {
inline constexpr std::string_view kExpired = "session_expired", kMismatch = "session_mismatch",
                                  kLimit = "session_limit", kHost = "host_not_allowed", kPolicy = "policy";
}
/// "policy" for what the policy for everybody says; the code's name for what is blocked otherwise.
std::string_view deny_reason(const Error& error);

/// What is granted to a session: one [[session]] of the gateway's file.
struct RelayGrant {
  std::string id;
  Sha256 token{};         ///< of the token, which nobody here knows
  WallNanos expires = 0;  ///< 0: never
  policy::HostPatterns allowed_hosts;
  bool any_host = true;  ///< no allowed_hosts are given: what policy says
  std::string note;
};

/// One session, for as long as the file has it with the same token. Any thread.
class RelaySession {
 public:
  explicit RelaySession(RelayGrant grant)
      : id(grant.id), grant_(std::make_shared<const RelayGrant>(std::move(grant))) {}

  const std::string id;

  /// Null once the session was taken out of the file.
  std::shared_ptr<const RelayGrant> grant() const;
  void set(std::shared_ptr<const RelayGrant> grant);
  /// Fails (deny::kExpired) when it is over, or was removed.
  Result<void> stands(WallNanos now) const;
  /// Fails as stands(), and (deny::kHost) for what is not among its hosts.
  Result<void> may_reach(const HostPort& place, WallNanos now) const;

  struct Counts {
    std::atomic<std::uint64_t> open{0}, tunnels{0}, denied{0};
  };
  Counts counts;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const RelayGrant> grant_;
};
using RelaySessionPtr = std::shared_ptr<RelaySession>;

/// Slows down who tries tokens: of each address a few failures a second are heard, then nothing. Bounded: of
/// very many addresses those that failed longest ago are forgotten.
class AttemptLimit {
 public:
  static constexpr double kBurst = 5, kPerSecond = 3;
  static constexpr std::size_t kMostAddresses = 4096;

  /// `peer` is "1.2.3.4:5" or "[::1]:5"; of IPv6 the network of 64 bits counts as one.
  bool may_try(std::string_view peer, TimePoint now);
  void failed(std::string_view peer, TimePoint now);
  std::size_t size() const { return known_.size(); }

 private:
  struct Address {
    std::string name;
    double tries;
    TimePoint at;
  };
  Address* find(const std::string& name, TimePoint now);

  std::list<Address> addresses_;  // the one that failed last is first
  std::unordered_map<std::string, std::list<Address>::iterator> known_;
};

/// All sessions of a gateway. Any thread.
class RelaySessions {
 public:
  /// Sessions that are still there with the same token go on, under what is granted to them now; the others
  /// are over.
  void replace(std::vector<RelayGrant> grants);
  /// The session of a token. How long it takes does not tell how much of it was right. Errors: flood when
  /// this address has tried too many; proxy_auth_required; blocked (deny::kExpired).
  Result<RelaySessionPtr> admit(const std::optional<Sha256>& token, std::string_view peer, TimePoint now,
                                WallNanos wall);
  /// Whether a tunnel's first bytes show `session` and its token. Errors: blocked (deny::kMismatch), which
  /// counts as a wrong token.
  Result<void> confirm(const RelaySession& session, std::string_view id, const std::optional<Sha256>& token,
                       std::string_view peer, TimePoint now);
  /// In the order of the file.
  std::vector<RelaySessionPtr> all() const;
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::vector<RelaySessionPtr> sessions_;
  AttemptLimit attempts_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace weir::proxy
