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
  const flow::Finds finds = finder_.find_each_value(text);
  auto may_pass = [&](const flow::Find& find) { return allowed.has(of_number(find.rule)); };
  // What is part of something that may pass, or the same text.
  auto covered = [&](const flow::Find& find) {
    return std::ranges::any_of(finds, [&](const flow::Find& other) {
      return may_pass(other) && other.begin <= find.begin && find.end <= other.end;
    });
  };
  const flow::Find* first = nullptr;
  for (const flow::Find& find : finds)
    if (!may_pass(find) && (first == nullptr || find.begin < first->begin) && !covered(find)) first = &find;
  return first == nullptr ? std::nullopt : std::optional(of_number(first->rule));
}

}  // namespace weir::broker
