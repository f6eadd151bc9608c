// BlindSpots: where the rules of a policy look at text that was redacted before it was recorded.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "policy/compiled_rule.h"
#include "policy/policy.h"

namespace weir::cli {

/// Errs towards saying that a rule looks there: what a regular expression would have made of the hidden text
/// cannot be known.
class BlindSpots {
 public:
  /// Of rules that make a Policy; views them. bad_config as Policy::compile.
  static Result<BlindSpots> compile(const std::array<policy::RuleSet, 5>& layers);

  /// Whether the verdict on a recorded request may hinge on what [REDACTED] stands for in its target.
  bool concern(const policy::Question& question) const;

 private:
  struct Rule {
    policy::CompiledRule compiled;
    bool query = false;  ///< says something about the query
    std::string start;   ///< what a target must begin with, in canonical form
  };
  static bool hinges(const Rule& rule, const policy::Subject& subject, std::size_t hidden);

  std::vector<Rule> rules_;
  std::vector<policy::HostPattern> path_hosts_;  ///< of domain entries with path rules
};

}  // namespace weir::cli
