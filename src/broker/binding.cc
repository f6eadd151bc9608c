#include "broker/binding.h"

#include <algorithm>

#include "base/ascii.h"
#include "policy/canonical.h"
#include "policy/readings.h"

namespace weir::broker {
namespace {

bool is_below(std::string_view target, std::string_view folder) {
  std::string_view path = target.substr(0, policy::path_length(target));
  if (folder == "/") return path.starts_with("/");
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

bool Binding::covers(std::string_view target) const {
  if (path == "/" || (policy::is_plainly_canonical(target) && !policy::is_ambiguous(target)))
    return is_below(target, path);
  return std::ranges::all_of(policy::readings(target),
                             [&](const std::string& reading) { return is_below(reading, path); });
}

bool Binding::takes_field(std::string_view name) const {
  if (iequals(name, "host")) return false;
  if (fields.empty()) return parameters.empty();
  return std::ranges::any_of(fields, [&](const std::string& field) { return iequals(field, name); });
}

bool Binding::takes_parameter(std::string_view name) const {
  return std::ranges::find(parameters, name) != parameters.end();
}

}  // namespace weir::broker
