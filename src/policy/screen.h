// Screen: rules that no host finds, tried in order; many at once when there are many.
#pragma once

#include <re2/set.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "policy/compiled_rule.h"

namespace weir::policy {

/// "No rule" as a rank: weaker than every rule.
inline constexpr std::uint32_t kNoRank = 0xFFFFFFFF;

/// Rules of one scope, known by their rank: their number in order of evaluation.
class Screen {
 public:
  explicit Screen(Scope scope) : scope_(scope) {}

  /// All rules of this scope are added, by ascending rank, before compile is called.
  void add(std::uint32_t rank) { ranks_.push_back(rank); }
  void compile(std::span<const CompiledRule> rules);

  /// The first rank under `limit` that `accept(rank)` takes, else `limit`. Rules whose pattern cannot match
  /// are not asked. Allocates only when a set of many patterns has a match.
  template <typename Accept>
  std::uint32_t first(const Subject& subject, std::uint32_t limit, Accept&& accept) const {
    bool sieve = !subject.opaque() || scope_ == Scope::host;
    for (const Chunk& chunk : chunks_) {
      if (chunk.ranks.front() >= limit) break;
      std::vector<int> hits;
      bool sieved = sieve && chunk.set && matches_of(chunk, subject, hits);
      std::size_t count = sieved ? hits.size() : chunk.ranks.size();
      for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t rank = chunk.ranks[sieved ? static_cast<std::size_t>(hits[i]) : i];
        if (rank >= limit) break;
        if (accept(rank)) return rank;
      }
    }
    return limit;
  }

 private:
  struct Chunk {
    std::span<const std::uint32_t> ranks;
    std::unique_ptr<const RE2::Set> set;  ///< null when there are few, or they are too large together
    bool paths_too = false;               ///< some pattern could match the text without its query alone
  };
  /// The numbers in the chunk of all patterns that match, ascending. False when the set gave up.
  bool matches_of(const Chunk& chunk, const Subject& subject, std::vector<int>& hits) const;

  Scope scope_;
  std::vector<std::uint32_t> ranks_;
  std::vector<Chunk> chunks_;
};

}  // namespace weir::policy
