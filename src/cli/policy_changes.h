// PolicyChanges: two verdicts on many recorded requests, and where they differ, in bounded memory.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/json.h"
#include "http/message.h"
#include "policy/policy.h"

namespace weir::cli {

/// Less strict (block, then ask, then allow), or stricter.
enum class Turn : std::uint8_t { wider, narrower };
std::string_view name(Turn turn);

/// One of the two policies that are compared.
struct Side {
  std::string label;           ///< what it is called: "now", a file
  std::string default_origin;  ///< where its default action was said
};

class PolicyChanges {
 public:
  /// Changes beyond this many kinds (host, method, both actions) are counted without being told apart.
  static constexpr std::size_t kMostGroups = 10'000;

  PolicyChanges(Side before, Side after) : sides_{std::move(before), std::move(after)} {}

  /// `blind`: what was redacted in the request might have changed a verdict. What the verdicts view must
  /// outlive this object.
  void add(const http::RequestHead& request, const policy::Verdict& before, const policy::Verdict& after,
           bool blind);

  std::uint64_t requests() const { return requests_; }
  std::uint64_t count(Turn turn) const;

  /// Wider changes first, then by their number of requests, host and method.
  std::string text() const;
  /// The same as one JSON object.
  void write(JsonWriter& json) const;

 private:
  using Verdicts = std::array<policy::Verdict, 2>;
  /// Place, method, the actions before and after.
  using Key = std::tuple<std::string, std::string, policy::Action, policy::Action>;
  struct Change {
    std::uint64_t requests = 0;
    std::uint64_t blind = 0;
    std::string example;  ///< URL of the first
    Verdicts verdicts;    ///< on the first
    bool other_rules = false;
  };
  using Entry = std::map<Key, Change>::value_type;

  std::vector<const Entry*> sorted() const;
  std::string words_of(const policy::Verdict& verdict, const Side& side) const;
  void print(const Entry& entry, std::string& out) const;
  void write(const Entry& entry, JsonWriter& json) const;

  std::array<Side, 2> sides_;
  std::uint64_t requests_ = 0;
  std::uint64_t blind_ = 0;
  std::uint64_t untold_ = 0;  ///< changed requests that found no place among the groups
  std::array<std::array<std::uint64_t, 3>, 3> kinds_ = {};  ///< by the actions before and after
  std::map<Key, Change> changes_;
};

}  // namespace weir::cli
