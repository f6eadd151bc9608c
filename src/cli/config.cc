// `weir config init | show | check`: the configuration file.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "app/filtering.h"
#include "app/remote_logs.h"
#include "base/json.h"
#include "cli/output.h"
#include "cli/problems.h"
#include "cli/verbs.h"
#include "config/doors.h"
#include "config/fields.h"
#include "config/filter.h"
#include "config/load.h"
#include "config/log_skip.h"
#include "config/paths.h"
#include "config/redaction.h"
#include "config/remote.h"
#include "flow/text.h"
#include "tls/file.h"

namespace weir::cli {
namespace {

struct ConfigFlags {
  std::string file;
  bool force = false;
  bool json = false;
};

/// The file meant: the one that was named, else the user's own.
Result<std::string> file_of(const ConfigFlags& flags) {
  return flags.file.empty() ? config::config_file() : Result<std::string>(flags.file);
}

int init(const ConfigFlags& flags) {
  auto file = file_of(flags);
  if (!file) return report(file.error());
  std::error_code error;
  auto status = std::filesystem::symlink_status(*file, error);
  if (std::filesystem::exists(status) && !flags.force)
    return report(Error(Code::io, *file + " exists already; --force replaces it by a new one"));
  std::filesystem::path folder = std::filesystem::absolute(*file, error).parent_path();
  if (auto made = config::make_private_dirs(folder); !made) return report(made.error());
  auto written = tls::write_atomically(*file, config::default_file(), 0600);
  if (!written) return report(written.error());
  fmt::print("wrote {}\n", flow::printable(*file));
  return kExitOk;
}

/// Another shell, or a service, may have what is missing here.
void warn_of_missing(const config::Settings& settings) {
  auto warn = [](const Error& error) {
    fmt::print(stderr, "weir: as things are here, Weir would not start: {}\n",
               flow::printable(error.context()));
  };
  if (auto secrets = config::resolve(settings.redaction); !secrets) warn(secrets.error());
  if (auto receivers = app::remote_receivers(settings.logging); !receivers) warn(receivers.error());
}

int check(const ConfigFlags& flags) {
  auto file = file_of(flags);
  if (!file) return report(file.error());
  auto loaded = config::load({.file = *file, .file_required = true});
  if (!loaded) return report(loaded.error());
  if (auto sound = config::check_doors(loaded->settings); !sound) {
    fmt::print(stderr, "weir: {}: {}\n", flow::printable(*file), flow::printable(sound.error().context()));
    return kExitUsage;
  }
  const config::Settings& settings = loaded->settings;
  auto filtering = app::compile_filter(settings.filter, settings.upstream.private_hosts,
                                       {settings.tls.intercept, settings.tls.passthrough});
  if (!filtering) return report(filtering.error());
  if (auto skip = config::compile(loaded->settings.log_skip); !skip) return report(skip.error());
  if (auto receivers = config::all_receivers(settings.logging); !receivers) return report(receivers.error());
  if (auto control = config::check_control(loaded->settings.control); !control)
    return report(control.error());
  warn_of_missing(settings);
  report(loaded->warnings);
  auto sets = std::ranges::count_if(loaded->origins,
                                    [&](const auto& origin) { return origin.second.source == loaded->file; });
  fmt::print("{}: valid, sets {} of {} keys\n", flow::printable(*file), sets, config::fields().size());
  return kExitOk;
}

template <typename Rule>
void print_rule(const Rule& rule, JsonWriter& json) {
  json.begin_object().key("rule").raw(config::to_table(rule).json());
  json.field("layer", policy::name(rule.layer)).field("source", rule.source).end_object();
}

/// What "settings" has without its layers.
void print_rules(const config::FilterSettings& filter, JsonWriter& json) {
  json.key("rules").begin_array();
  for (const policy::RuleSet& layer : filter.layers)
    for (const policy::Rule& rule : layer.rules) print_rule(rule, json);
  json.end_array().key("domains").begin_array();
  for (const policy::RuleSet& layer : filter.layers)
    for (const policy::DomainRule& domain : layer.domains) print_rule(domain, json);
  json.end_array();
}

void print_json(const config::Configuration& loaded, std::string& out) {
  JsonWriter json(out, 2);
  auto file = [&json](const char* key, const std::string& path) {
    json.key(key);
    path.empty() ? json.null() : json.value(path);
  };
  json.begin_object();
  file("file", loaded.file);
  file("project", loaded.project.path);
  json.key("settings").begin_array();
  for (const config::Field& field : config::fields()) {
    config::Origin origin = loaded.origin(field.key);
    json.begin_object().field("key", field.key).key("value").raw(field.show(loaded.settings).json());
    json.field("origin", origin.str()).end_object();
  }
  json.end_array();
  print_rules(loaded.settings.filter, json);
  json.end_object();
  out += '\n';
}

void print_line(std::string_view key, std::string_view value, std::string_view origin, std::string& out) {
  constexpr std::size_t kKeyWidth = 26, kValueWidth = 34;
  std::string shown = flow::printable(value);
  std::size_t width = flow::display_width(shown);
  fmt::format_to(std::back_inserter(out), "{:<{}} {}{:{}} # {}\n", key, kKeyWidth, shown, "",
                 width < kValueWidth ? kValueWidth - width : 0, flow::printable(origin));
}

/// A line for each, in the order in which policy looks at the layers.
template <typename Rules>
void print_rules(std::string_view key, const config::FilterSettings& filter, Rules policy::RuleSet::* rules,
                 std::string& out) {
  for (const policy::RuleSet& layer : filter.layers)
    for (const auto& rule : layer.*rules)
      print_line(key, config::to_table(rule).toml(),
                 fmt::format("{}, {}", policy::name(rule.layer), rule.source), out);
}

void print_redaction(std::string_view key, const config::RedactionSettings& settings, std::string& out) {
  for (std::size_t i = 0; i < settings.layers.size(); ++i)
    for (const config::RedactionRule& rule : settings.layers[i].rules)
      print_line(key, config::to_table(rule).toml(),
                 fmt::format("{}, {}", policy::name(static_cast<policy::Layer>(i)), rule.place), out);
}

void print_skips(std::string_view key, const config::LogSkipSettings& settings, std::string& out) {
  for (const auto& layer : settings.layers)
    for (const policy::Rule& rule : layer)
      print_line(key, config::to_skip_table(rule).toml(),
                 fmt::format("{}, {}", policy::name(rule.layer), rule.source), out);
}

void print_receivers(std::string_view key, const config::LoggingSettings& settings, std::string& out) {
  for (std::size_t i = 0; i < settings.receivers.size(); ++i)
    for (const config::LogReceiver& receiver : settings.receivers[i])
      print_line(key, config::to_table(receiver).toml(),
                 fmt::format("{}, {}", policy::name(static_cast<policy::Layer>(i)), receiver.place), out);
}

void print_table(const config::Configuration& loaded, std::string& out) {
  out += loaded.file.empty() ? "# no configuration file (`weir config init` writes one)\n"
                             : "# " + flow::printable(loaded.file) + "\n";
  const config::FilterSettings& filter = loaded.settings.filter;
  for (const config::Field& field : config::fields())
    if (field.key == "filter.rules")
      print_rules(field.key, filter, &policy::RuleSet::rules, out);
    else if (field.key == "filter.domains")
      print_rules(field.key, filter, &policy::RuleSet::domains, out);
    else if (field.key == "redaction.rules")
      print_redaction(field.key, loaded.settings.redaction, out);
    else if (field.key == "log_skip.rules")
      print_skips(field.key, loaded.settings.log_skip, out);
    else if (field.key == "logging.receivers")
      print_receivers(field.key, loaded.settings.logging, out);
    else
      print_line(field.key, field.show(loaded.settings).toml(), loaded.origin(field.key).str(), out);
}

int show(const ConfigFlags& flags) {
  ignore_sigpipe();
  auto loaded = config::load({.file = flags.file, .file_required = !flags.file.empty()});
  if (!loaded) return report(loaded.error());
  report(loaded->warnings);
  Output out(STDOUT_FILENO);
  flags.json ? print_json(*loaded, out.buffer()) : print_table(*loaded, out.buffer());
  auto finished = out.finish();
  return finished ? kExitOk : report(finished.error());
}

}  // namespace

int report(const config::Problems& problems) {
  for (const config::Problem& problem : problems)
    fmt::print(stderr, "weir: {}\n", flow::printable(problem.str()));
  return kExitUsage;
}

void add_config(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<ConfigFlags>();
  CLI::App* verb = app.add_subcommand("config", "Write, show or check the configuration file");
  verb->require_subcommand(1);
  auto add = [&](const char* name, const char* what, int (*run)(const ConfigFlags&)) {
    CLI::App* sub = verb->add_subcommand(name, what);
    sub->add_option("file", flags->file, "This file, in place of $XDG_CONFIG_HOME/weir/config.toml")
        ->type_name("FILE");
    sub->callback([flags, run, &exit_code] { exit_code = run(*flags); });
    return sub;
  };
  CLI::App* init_verb = add("init", "Write a file with every key, its default and what it does", init);
  init_verb->add_flag("--force", flags->force, "Replace a file that exists");
  CLI::App* show_verb = add("show", "Show every value in force and where it comes from", show);
  show_verb->add_flag("--json", flags->json, "As JSON");
  add("check", "Find mistakes in the file", check);
}

}  // namespace weir::cli
