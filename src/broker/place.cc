#include "broker/place.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace weir::broker {
namespace {

Error leak_at(const Bindings& bindings, Guarded thing, const std::string& where) {
  const Binding& binding = bindings[thing.binding];
  bool secret = thing.what == Guarded::What::secret;
  return Error(secret ? Code::secret_leak : Code::placeholder_leak,
               fmt::format("the {} of \"{}\" in {}; it goes to {} alone, in requests over https",
                           secret ? "secret" : "placeholder", binding.name, where,
                           fmt::join(binding.host_texts, ", ")));
}

}  // namespace

std::optional<Guarded> find_in_host(const Guard& guard, std::string_view host, const Allowed& allowed) {
  if (auto thing = guard.find(host, allowed)) return thing;
  std::string joined(host);
  std::erase(joined, '.');
  return joined.size() < host.size() ? guard.find(joined, allowed) : std::nullopt;
}

Result<> judge_place(const Bindings& bindings, const Guard& guard, const HostPort& place) {
  if (auto thing = find_in_host(guard, place.host, {}))
    return std::unexpected(leak_at(bindings, *thing, "the name of a host"));
  return {};
}

Error leak_in_tunnel(const Bindings& bindings, Guarded thing, const HostPort& place) {
  return leak_at(bindings, thing, "what was sent to " + place.str());
}

}  // namespace weir::broker
