// FilterDraft: rules out of recorded requests, for `weir filter generate`.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/traffic.h"
#include "policy/rule.h"

namespace weir::cli {

struct DraftOptions {
  /// For what no rule matches. Rules block when it allows, else they allow.
  policy::Action default_action = policy::Action::block;
  bool group = false;    ///< one rule for the hosts below a registrable domain
  bool methods = false;  ///< rules are about the methods that were seen
  /// Hosts that were blocked get into rules that allow; else only what was let through counts.
  bool include_blocked = false;
  std::uint64_t min_requests = 1;  ///< rules that stand for fewer are left out
};

/// Counts requests by host; memory grows with the number of different hosts, methods and sessions alone.
class FilterDraft {
 public:
  explicit FilterDraft(const DraftOptions& options) : options_(options) {}

  void add(const PastRequest& request);

  struct Line {
    policy::Rule rule;
    std::uint64_t requests = 0;
    std::uint64_t blocked = 0;  ///< further ones, which do not count
    /// Of a group: its hosts and their requests, the most first.
    std::vector<std::pair<std::string, std::uint64_t>> originals = {};
  };
  /// Most requests first, then by name. No two have the same pattern, and addresses are never grouped. A
  /// group has two hosts at least, and none of them was blocked if its rule allows.
  std::vector<Line> lines() const;
  /// A configuration file of these lines.
  std::string toml(const std::vector<Line>& lines) const;

  /// Hosts of which nothing was let through, when rules allow; the most requests first.
  std::vector<std::string> left_out() const;
  using Tally = std::map<std::string, std::uint64_t, std::less<>>;
  /// Requests by session, and by the program that sent them; "" where that was not recorded.
  const Tally& sessions() const { return sessions_; }
  const Tally& processes() const { return processes_; }
  bool rules_allow() const { return options_.default_action != policy::Action::allow; }

 private:
  struct Place {
    std::string host;
    std::uint16_t port = 0;  ///< 0 = those of the schemes

    std::string pattern() const;
    auto operator<=>(const Place&) const = default;
  };
  struct Seen {
    std::uint64_t passed = 0;
    std::uint64_t blocked = 0;
    std::set<std::string, std::less<>> methods = {};
    bool tunnel = false;    ///< of its requests nothing is known
    bool own_port = false;  ///< the scheme's

    std::uint64_t all() const { return passed + blocked; }
    void add(const Seen& other);
  };
  using Places = std::map<Place, Seen>;
  using Group = std::vector<Places::const_pointer>;

  /// Whether requests that were blocked are to stay so.
  bool keeps_blocks() const { return rules_allow() && !options_.include_blocked; }
  std::uint64_t counted(const Seen& seen) const { return keeps_blocks() ? seen.passed : seen.all(); }
  /// What becomes a pattern each: the schemes' own ports in one, unless that would let through another port,
  /// which was blocked.
  Places places() const;
  /// Hosts to be covered by one rule, by domain and port.
  std::map<Place, Group> groups(const Places& places) const;
  Line line(const std::string& pattern, const Group& group) const;
  void set_methods(policy::Rule& rule, const Group& group) const;

  DraftOptions options_;
  Places seen_;  ///< by true ports
  Tally sessions_;
  Tally processes_;
};

}  // namespace weir::cli
