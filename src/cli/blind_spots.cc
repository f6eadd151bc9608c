#include "cli/blind_spots.h"

#include <algorithm>

#include "policy/canonical.h"

namespace weir::cli {
namespace {

constexpr std::string_view kRedacted = "[REDACTED";

/// The part of a pattern that is compared with the target; empty when the pattern says nothing about it.
std::string_view target_part(const policy::Rule& rule) {
  std::string_view text = rule.pattern;
  if (rule.scope == policy::Scope::path) return text;
  std::size_t border = text.find("://");
  std::size_t slash = border == text.npos ? text.npos : text.find('/', border + 3);
  return slash == text.npos ? std::string_view() : text.substr(slash);
}

/// What every target begins with that the rule matches.
std::string start_of(const policy::CompiledRule& compiled) {
  std::string_view text = target_part(*compiled.rule);
  switch (compiled.type) {
    case policy::PatternType::exact: return policy::canonical_target(text);
    case policy::PatternType::glob:
      return policy::canonical_escapes(text.substr(0, text.find_first_of("*?[]{}\\")));
    case policy::PatternType::regex: break;
  }
  return "";
}

}  // namespace

Result<BlindSpots> BlindSpots::compile(const std::array<policy::RuleSet, 5>& layers) {
  BlindSpots out;
  for (const policy::RuleSet& layer : layers) {
    for (const policy::Rule& rule : layer.rules) {
      if (rule.scope == policy::Scope::host) continue;
      auto compiled = policy::CompiledRule::compile(rule);
      if (!compiled) return pass(compiled);
      bool query = compiled->type == policy::PatternType::regex || target_part(rule).contains('?');
      std::string start = start_of(*compiled);
      out.rules_.push_back({std::move(*compiled), query, std::move(start)});
    }
    for (const policy::DomainRule& domain : layer.domains) {
      if (domain.paths.empty()) continue;
      auto host = policy::HostPattern::parse(domain.pattern);
      if (!host) return pass(host);
      out.path_hosts_.push_back(std::move(*host));
    }
  }
  return out;
}

bool BlindSpots::concern(const policy::Question& question) const {
  if (question.opaque || !question.target.contains(kRedacted)) return false;
  policy::Subject subject(question);
  std::size_t hidden = subject.target().find(kRedacted);
  bool in_path = hidden < policy::path_length(subject.target());
  if (in_path &&
      std::ranges::any_of(path_hosts_, [&](const auto& host) { return host.matches(subject.host()); }))
    return true;
  return std::ranges::any_of(rules_, [&](const Rule& rule) { return hinges(rule, subject, hidden); });
}

bool BlindSpots::hinges(const Rule& rule, const policy::Subject& subject, std::size_t hidden) {
  const policy::CompiledRule& compiled = rule.compiled;
  if (!compiled.rest || !compiled.host.matches(subject.host()) ||
      !compiled.methods.contains(subject.method()))
    return false;
  std::string_view known = subject.target().substr(0, hidden);
  if (!known.starts_with(rule.start) && !rule.start.starts_with(known)) return false;
  if (hidden < policy::path_length(subject.target())) return true;
  if (!rule.query) return false;
  // A rule that matches without the query matches whatever the query.
  std::string_view text = subject.text(compiled.rule->scope);
  return !compiled.rest->matches(text.substr(0, policy::path_length(text)));
}

}  // namespace weir::cli
