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

/// Why something is refused to a session, in the words of the protocol's `x-deny-reason`: "policy" for what
/// the policy for everybody says; else the name of the error's code.
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

/// What was said no to, by reason. Any thread.
class Denials {
 public:
  struct Told {
    std::vector<std::pair<std::string_view, std::uint64_t>> counts;  ///< by deny_reason(), most first
    WallNanos last = 0;                                              ///< 0: never
    std::string last_reason, last_detail;
  };
  void note(const Error& error);
  Told told() const;

 private:
  mutable std::mutex mutex_;
  Told told_;
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
  /// Fails (session_expired) when it is over, or was removed.
  Result<void> stands(WallNanos now) const;
  /// Fails as stands(), and (host_not_allowed) for what is not among its hosts.
  Result<void> may_reach(const HostPort& place, WallNanos now) const;

  struct Counts {
    std::atomic<std::uint64_t> open{0}, tunnels{0}, denied{0};
    std::atomic<std::uint64_t> received{0}, sent{0};  ///< bytes of tunnels, without framing
  };
  Counts counts;
  Denials denials;  ///< of tunnels

  void deny(const Error& error) {
    counts.denied.fetch_add(1, std::memory_order_relaxed);
    denials.note(error);
  }

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
  /// The session of a token. How long it takes does not tell how much of it was right. Errors:
  /// too_many_attempts by this address; session_unknown; session_expired.
  Result<RelaySessionPtr> admit(const std::optional<Sha256>& token, std::string_view peer, TimePoint now,
                                WallNanos wall);
  /// Whether a tunnel's first bytes show `session` and its token. Errors: session_mismatch, which
  /// counts as a wrong token; session_expired.
  Result<void> confirm(const RelaySession& session, std::string_view id, const std::optional<Sha256>& token,
                       std::string_view peer, TimePoint now);
  /// In the order of the file.
  std::vector<RelaySessionPtr> all() const;
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  Denials refusals;  ///< of upgrades

  /// The file has a mistake, and replace() was not called for that.
  void keep(std::string mistake);
  struct File {
    WallNanos read = 0;   ///< when what is in force was read
    std::string mistake;  ///< of a later reading; empty: there is none
  };
  File file() const;

 private:
  mutable std::mutex mutex_;
  std::vector<RelaySessionPtr> sessions_;
  File file_;
  AttemptLimit attempts_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace weir::proxy
