#include "broker/sieve.h"

#include <algorithm>
#include <utility>

namespace weir::broker {

Sieve::Look Sieve::look(const Guard& guard, const Allowed& allowed, std::string_view part, bool last) {
  Look out{.text = part, .passed = kept_.size() - std::exchange(held_, 0)};
  if (!kept_.empty()) {
    joined_ = std::exchange(kept_, {}).append(part);
    out.text = joined_;
  } else if (!joined_.empty()) {
    joined_ = std::string();
  }
  out.found = guard.find(out.text, allowed);
  if (out.found || last) return out;
  std::size_t unfinished = guard.unfinished(out.text);
  kept_.assign(out.text.substr(unfinished));
  if (kept_.size() > kMayPass) held_ = out.text.size() - std::max(out.passed, unfinished);
  out.held = held_;
  return out;
}

}  // namespace weir::broker
