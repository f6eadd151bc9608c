#include "policy/screen.h"

namespace weir::policy {
namespace {

constexpr std::size_t kChunk = 128;  // patterns in one set: an automaton of more grows out of bounds
constexpr std::size_t kFew = 8;      // as many are quicker one after another
constexpr std::string_view kAnyQuery = "(?:\\?.*)?";
constexpr std::int64_t kSetMemory = 8 << 20;

std::unique_ptr<const RE2::Set> set_of(std::span<const std::uint32_t> ranks,
                                       std::span<const CompiledRule> rules, Scope scope) {
  if (ranks.size() < kFew) return nullptr;
  RE2::Options options =
      regex_options(scope == Scope::host ? Pattern::Case::insensitive : Pattern::Case::sensitive);
  options.set_max_mem(kSetMemory);
  auto set = std::make_unique<RE2::Set>(options, RE2::UNANCHORED);
  for (std::uint32_t rank : ranks)
    if (set->Add(rules[rank].rest->as_regex(scope == Scope::host ? "" : kAnyQuery), nullptr) < 0)
      return nullptr;
  return set->Compile() ? std::move(set) : nullptr;
}

/// False when the set gave up. Asks for the numbers only when there are any, since they are what allocates.
bool match(const RE2::Set& set, std::string_view text, std::vector<int>& hits) {
  RE2::Set::ErrorInfo error{RE2::Set::kNoError};
  bool any = set.Match({text.data(), text.size()}, nullptr, &error) &&
             set.Match({text.data(), text.size()}, &hits, &error);
  return any || error.kind == RE2::Set::kNoError;
}

}  // namespace

void Screen::compile(std::span<const CompiledRule> rules) {
  std::span<const std::uint32_t> rest = ranks_;
  while (!rest.empty()) {
    auto ranks = rest.first(std::min(rest.size(), kChunk));
    rest = rest.subspan(ranks.size());
    bool paths_too = scope_ != Scope::host && std::ranges::any_of(ranks, [&](std::uint32_t rank) {
                       return !rules[rank].rest->whole();
                     });
    chunks_.push_back({ranks, set_of(ranks, rules, scope_), paths_too});
  }
}

bool Screen::matches_of(const Chunk& chunk, const Subject& subject, std::vector<int>& hits) const {
  auto add = [&](std::string_view text) {
    std::vector<int> more;
    if (!match(*chunk.set, text, more)) return false;
    hits.insert(hits.end(), more.begin(), more.end());
    return true;
  };
  auto add_with_path = [&](std::string_view text) {
    std::size_t path = path_length(text);
    return add(text) && (!chunk.paths_too || path == text.size() || add(text.substr(0, path)));
  };
  if (!add_with_path(subject.text(scope_))) return false;
  if (subject.read_otherwise() && scope_ != Scope::host && !add_with_path(subject.reading(scope_)))
    return false;
  if (!hits.empty()) std::ranges::sort(hits);
  return true;
}

}  // namespace weir::policy
