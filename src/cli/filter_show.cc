// `weir filter show`: the filter in force, rule by rule.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>

#include "base/json.h"
#include "cli/filter_verbs.h"
#include "cli/output.h"
#include "cli/problems.h"
#include "cli/verbs.h"
#include "config/filter.h"
#include "config/load.h"
#include "config/value.h"
#include "flow/text.h"
#include "policy/compiled_rule.h"
#include "policy/policy.h"

namespace weir::cli {
namespace {

struct ShowFlags {
  std::string file;
  bool json = false;
};

/// The rules and entries of all layers, in the order in which they are looked at.
struct Listed {
  std::vector<policy::CompiledRule> rules;
  std::vector<const policy::DomainRule*> domains;
};

/// Views `layers`, whose patterns are known to compile.
Listed list(const std::array<policy::RuleSet, 5>& layers) {
  Listed out;
  auto add = [&](const policy::Rule& rule) {
    if (auto compiled = policy::CompiledRule::compile(rule)) out.rules.push_back(std::move(*compiled));
  };
  const policy::RuleSet& corp = layers.front();
  auto refuses = [](const policy::Rule& rule) { return rule.action != policy::Action::allow; };
  for (const policy::Rule& rule : corp.rules)
    if (refuses(rule)) add(rule);
  for (const policy::RuleSet& layer : layers)
    for (const policy::Rule& rule : layer.rules)
      if (&layer != &corp || !refuses(rule)) add(rule);
  for (const policy::RuleSet& layer : layers)
    for (const policy::DomainRule& domain : layer.domains) out.domains.push_back(&domain);
  return out;
}

struct Shown {
  const config::Configuration& loaded;
  Listed listed;
  bool off;

  policy::Action default_action() const {
    return config::effective_default(loaded.settings.filter).value_or(policy::Action::allow);
  }
  config::Origin default_origin() const { return loaded.origin("filter.default_action"); }
};

std::string place(policy::Layer layer, const std::string& source) {
  return fmt::format("{}{}{}", name(layer), source.empty() ? "" : ", ", flow::printable(source));
}

void print_end(const std::string& reason, policy::Layer layer, const std::string& source, std::string& out) {
  if (!reason.empty()) fmt::format_to(std::back_inserter(out), "   Reason: {}\n", flow::printable(reason));
  fmt::format_to(std::back_inserter(out), "   {}\n", place(layer, source));
}

void print_rule(std::size_t number, const policy::CompiledRule& compiled, std::string& out) {
  const policy::Rule& rule = *compiled.rule;
  fmt::format_to(std::back_inserter(out), "{}. [{}] {} (scope: {}", number, name(rule.action),
                 flow::printable(rule.pattern), name(rule.scope));
  if (compiled.type == policy::PatternType::regex || rule.type)
    fmt::format_to(std::back_inserter(out), ", type: {}", name(compiled.type));
  if (!compiled.methods.every())
    fmt::format_to(std::back_inserter(out), ", methods: {}", compiled.methods.str());
  out += ")\n";
  print_end(rule.reason, rule.layer, rule.source, out);
}

void print_domain(std::size_t number, const policy::DomainRule& rule, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{}. {} (", number, flow::printable(rule.pattern));
  if (rule.read) fmt::format_to(std::back_inserter(out), "read: {}", name(*rule.read));
  if (rule.read && rule.write) out += ", ";
  if (rule.write) fmt::format_to(std::back_inserter(out), "write: {}", name(*rule.write));
  if (rule.other_paths) fmt::format_to(std::back_inserter(out), ", other paths: {}", name(*rule.other_paths));
  out += ")\n";
  for (const policy::PathRule& path : rule.paths)
    fmt::format_to(std::back_inserter(out), "   [{}] {} {}\n", name(path.action),
                   path.methods.empty() ? "*" : fmt::format("{}", fmt::join(path.methods, ",")),
                   flow::printable(path.path));
  print_end(rule.reason, rule.layer, rule.source, out);
}

void print_text(const Shown& shown, std::string& out) {
  if (shown.off) {
    out += "No filter configuration found (filtering disabled).\n";
    return;
  }
  const config::FilterSettings& filter = shown.loaded.settings.filter;
  fmt::format_to(std::back_inserter(out), "Default Action: {} ({})\nAsk Timeout: {}\nCache Decisions: {}\n",
                 name(shown.default_action()), flow::printable(shown.default_origin().str()),
                 config::duration_text(filter.ask_timeout), filter.cache_decisions);
  std::size_t number = 0;
  if (!shown.listed.rules.empty()) out += "\nRules, in the order in which they are looked at:\n";
  for (const policy::CompiledRule& rule : shown.listed.rules) print_rule(++number, rule, out);
  number = 0;
  if (!shown.listed.domains.empty()) out += "\nDomains, of which the most specific counts:\n";
  for (const policy::DomainRule* domain : shown.listed.domains) print_domain(++number, *domain, out);
}

void write_rule(const config::Scalar& rule, policy::Layer layer, const std::string& source,
                JsonWriter& json) {
  json.begin_object().key("rule").raw(rule.json());
  json.field("layer", name(layer)).field("source", source).end_object();
}

void print_json(const Shown& shown, std::string& out) {
  const config::FilterSettings& filter = shown.loaded.settings.filter;
  JsonWriter json(out, 2);
  json.begin_object().field("filtering", !shown.off);
  json.key("default_action").begin_object().field("action", name(shown.default_action()));
  json.field("origin", shown.default_origin().str()).end_object();
  json.field("ask_timeout_ms", std::int64_t{filter.ask_timeout.count()});
  json.field("cache_decisions", filter.cache_decisions);
  json.key("rules").begin_array();
  for (const policy::CompiledRule& compiled : shown.listed.rules) {
    policy::Rule rule = *compiled.rule;
    rule.type = compiled.type;
    write_rule(config::to_table(rule), rule.layer, rule.source, json);
  }
  json.end_array().key("domains").begin_array();
  for (const policy::DomainRule* domain : shown.listed.domains)
    write_rule(config::to_table(*domain), domain->layer, domain->source, json);
  json.end_array().end_object();
  out += '\n';
}

int show(const ShowFlags& flags) {
  ignore_sigpipe();
  auto loaded = config::load({.file = flags.file, .file_required = !flags.file.empty()});
  if (!loaded) return report(loaded.error());
  report(loaded->warnings);
  const config::FilterSettings& filter = loaded->settings.filter;
  auto policy = policy::Policy::compile(filter.layers);
  if (!policy) return report(policy.error());
  Shown shown{*loaded, list(filter.layers), (*policy)->off()};
  Output out(STDOUT_FILENO);
  flags.json ? print_json(shown, out.buffer()) : print_text(shown, out.buffer());
  auto finished = out.finish();
  return finished ? kExitOk : report(finished.error());
}

}  // namespace

void add_filter_show(CLI::App& filter, int& exit_code) {
  auto flags = std::make_shared<ShowFlags>();
  CLI::App* verb =
      filter.add_subcommand("show", "Show the filter in force: every rule, its layer and its file");
  verb->add_option("--config", flags->file, "This configuration file")->type_name("FILE");
  verb->add_flag("--json", flags->json, "As JSON");
  verb->callback([flags, &exit_code] { exit_code = show(*flags); });
}

}  // namespace weir::cli
