#include "llm/prompt_change.h"

#include <algorithm>
#include <iterator>

#include "base/utf8.h"

namespace weir::llm {
namespace {

constexpr std::string_view kNames[] = {"",      "tools", "system",  "settings", "history",
                                       "model", "marks", "expired", "missed"};

bool is_tail(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string_view name(PromptBreak reason) { return kNames[static_cast<std::size_t>(reason)]; }

PromptBreak prompt_break(std::string_view name) {
  auto found = std::ranges::find(kNames, name);
  return found == std::end(kNames) ? PromptBreak::none : static_cast<PromptBreak>(found - std::begin(kNames));
}

PromptSample PromptSample::around(std::string_view value, std::size_t place) {
  place = std::min(place, value.size());
  std::size_t from = place - std::min(place, kAround);
  return {std::string(value.substr(from, place - from + kAround)), place - from};
}

void PromptSample::cut() {
  std::size_t from = at - std::min(at, kBefore);
  while (from < text.size() && is_tail(text[from])) ++from;
  std::size_t end = std::min(text.size(), from + kShown);
  while (end > from && end < text.size() && is_tail(text[end])) --end;
  at -= std::min(at, from);
  text = text.substr(from, end - from);
}

}  // namespace weir::llm
