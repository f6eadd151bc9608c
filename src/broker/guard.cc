#include "broker/guard.h"

#include <algorithm>

namespace weir::broker {
namespace {

std::uint32_t number_of(Guarded thing) {
  return static_cast<std::uint32_t>(2 * thing.binding + (thing.what == Guarded::What::secret ? 1 : 0));
}

Guarded of_number(std::uint32_t number) {
  return {number / 2, number % 2 == 1 ? Guarded::What::secret : Guarded::What::placeholder};
}

}  // namespace

bool Allowed::has(Guarded thing) const { return std::ranges::find(things_, thing) != things_.end(); }

void Guard::add(Guarded thing, std::string_view value) {
  if (value.size() >= kShortest) finder_.add_value(value, number_of(thing));
}

std::optional<Guarded> Guard::find(std::string_view text, const Allowed& allowed) const {
  if (finder_.empty()) return std::nullopt;
  for (const flow::Find& find : finder_.find_values(text))
    if (Guarded thing = of_number(find.rule); !allowed.has(thing)) return thing;
  return std::nullopt;
}

}  // namespace weir::broker
