// [log_skip]: requests that are never recorded. Policy applies to them all the same.
#pragma once

#include <memory>
#include <vector>

#include "config/fields.h"
#include "policy/policy.h"

namespace weir::config {

/// Append what `value` says to `out`, with the place's layer and "path:line" as the source; the action is
/// policy::Action::allow. Every complaint is returned; then `out` is of no use.
Complaints read_skip_rules(const Value& value, const Place& place, std::vector<policy::Rule>& out);
/// As a table that read_skip_rules reads back.
Scalar to_skip_table(const policy::Rule& rule);

/// A policy that allows just what is to be skipped, of tunnels those whose every request would be; null when
/// there are no rules. Errors of policy::Policy::compile.
Result<std::shared_ptr<const policy::Policy>> compile(const LogSkipSettings& settings);

}  // namespace weir::config
