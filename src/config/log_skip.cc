#include "config/log_skip.h"

#include <utility>

#include "config/row.h"

namespace weir::config {

Complaints read_skip_rules(const Value& value, const Place& place, std::vector<policy::Rule>& out) {
  Complaints complaints;
  for (const Scalar& table : value.items) {
    Row row(table, "", place, complaints);
    if (!row.is_table("[[log_skip.rules]] with a pattern")) continue;
    policy::Rule& rule = out.emplace_back();
    rule.action = policy::Action::allow;
    rule.layer = place.layer;
    rule.source = source_of(table, place);
    row.require<Pattern>("pattern", rule.pattern);
    row.read<ScopeWord>("scope", rule.scope);
    row.read<PatternTypeWord>("type", rule.type);
    row.read<Method>("methods", rule.methods);
    row.finish();
  }
  return complaints;
}

Scalar to_skip_table(const policy::Rule& rule) {
  Scalar out{Scalar::Type::table, ""};
  out.members = {{"pattern", text_value(rule.pattern)}};
  if (rule.scope != policy::Scope::host) out.members.push_back({"scope", ScopeWord::show(rule.scope)});
  if (rule.type) out.members.push_back({"type", PatternTypeWord::show(*rule.type)});
  if (!rule.methods.empty()) out.members.push_back({"methods", Value::strings(rule.methods)});
  return out;
}

Result<std::shared_ptr<const policy::Policy>> compile(const LogSkipSettings& settings) {
  std::array<policy::RuleSet, 5> layers;
  bool any = false;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].rules = settings.layers[i];
    any |= !settings.layers[i].empty();
  }
  if (!any) return nullptr;
  layers[std::to_underlying(policy::Layer::defaults)].default_action = policy::Action::block;
  return policy::Policy::compile(std::move(layers));
}

}  // namespace weir::config
