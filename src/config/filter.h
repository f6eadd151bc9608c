// The filter's rules as tables of a file: [[filter.rules]] and [[filter.domains]].
#pragma once

#include <vector>

#include "config/fields.h"
#include "policy/rule.h"

namespace weir::config {

/// Append what `value` says to `out`, with the place's layer and "path:line" as the source. Every complaint
/// is returned, not only the first; then `out` is of no use. Whether patterns compile is for policy::Policy.
Complaints read_rules(const Value& value, const Place& place, std::vector<policy::Rule>& out);
Complaints read_domains(const Value& value, const Place& place, std::vector<policy::DomainRule>& out);

/// As a table that read_rules or read_domains reads back; layer and source left out.
Scalar to_table(const policy::Rule& rule);
Scalar to_table(const policy::DomainRule& rule);

/// "allow", "block" or "ask".
struct ActionWord {
  static std::string accepts();
  static bool parse(const Scalar& scalar, const Place&, policy::Action& out);
};
std::string_view word(policy::Action action);

/// An action, or "" for none.
struct DefaultAction {
  static std::string accepts();
  static bool parse(const Scalar& scalar, const Place& place, std::optional<policy::Action>& out);
  static Value show(std::optional<policy::Action> action);
};
/// That of the weightiest layer that has one.
std::optional<policy::Action> effective_default(const FilterSettings& filter);

/// Time to answer a question: a duration, or seconds.
struct AskTime {
  static std::string accepts();
  static bool parse(const Scalar& scalar, const Place&, std::chrono::milliseconds& out);
  static Value show(std::chrono::milliseconds duration);
};

}  // namespace weir::config
