#include "policy/pattern_finder.h"

#include "policy/pattern.h"

namespace weir::policy {
namespace {

constexpr std::size_t kFew = 3;  // as many are quicker one after another
constexpr std::int64_t kSetMemory = 8 << 20;

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Result<> PatternFinder::add(const std::string& regex) {
  auto compiled = std::make_unique<const RE2>(regex, regex_options(Pattern::Case::sensitive));
  if (!compiled->ok()) return fail(Code::bad_config, "is no regular expression (RE2): " + compiled->error());
  if (compiled->Match("", 0, 0, RE2::UNANCHORED, nullptr, 0))
    return fail(Code::bad_config, "matches an empty text, and so every text; say what must be there");
  patterns_.push_back(std::move(compiled));
  return {};
}

void PatternFinder::compile() {
  if (patterns_.size() <= kFew) return;
  RE2::Options options = regex_options(Pattern::Case::sensitive);
  options.set_max_mem(kSetMemory);
  auto all = std::make_unique<RE2::Set>(options, RE2::UNANCHORED);
  for (const auto& pattern : patterns_)
    if (all->Add(pattern->pattern(), nullptr) < 0) return;
  if (all->Compile()) all_ = std::move(all);
}

void PatternFinder::find(std::string_view text, const Each& each) const {
  std::vector<int> numbers;
  RE2::Set::ErrorInfo error{RE2::Set::kNoError};
  bool sifted = all_ && (all_->Match(piece(text), &numbers, &error) || error.kind == RE2::Set::kNoError);
  if (sifted)
    for (int number : numbers) find_one(static_cast<std::size_t>(number), text, each);
  else
    for (std::size_t number = 0; number < patterns_.size(); ++number) find_one(number, text, each);
}

void PatternFinder::find_one(std::size_t number, std::string_view text, const Each& each) const {
  re2::StringPiece match;
  std::size_t from = 0;
  while (from < text.size() &&
         patterns_[number]->Match(piece(text), from, text.size(), RE2::UNANCHORED, &match, 1)) {
    auto begin = static_cast<std::size_t>(match.data() - text.data());
    if (!match.empty()) each(number, begin, begin + match.size());
    from = begin + std::max<std::size_t>(match.size(), 1);
  }
}

}  // namespace weir::policy
