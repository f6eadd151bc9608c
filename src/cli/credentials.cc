// `weir credentials list | check | presets`: secrets that clients get a placeholder for.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "app/hardening.h"
#include "app/options.h"
#include "app/server.h"
#include "base/json.h"
#include "broker/preset.h"
#include "cli/output.h"
#include "cli/problems.h"
#include "cli/secrets.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

struct CredentialFlags {
  std::string config;
  std::vector<std::string> names;
  bool json = false;
};

std::unique_ptr<config::Settings> settings_of(const CredentialFlags& flags) {
  auto loaded = config::load({.file = flags.config, .file_required = !flags.config.empty()});
  if (!loaded) {
    report(loaded.error());
    return nullptr;
  }
  report(loaded->warnings);
  return std::make_unique<config::Settings>(std::move(loaded->settings));
}

app::CredentialChoice choice_of(const CredentialFlags& flags) {
  return {.all = flags.names.empty(), .asked = flags.names};
}

std::string where(const broker::Binding& binding) {
  if (binding.use == broker::Use::aws_signature) return "the signature";
  std::vector<std::string> words = binding.fields;
  for (const std::string& name : binding.parameters) words.push_back("?" + name + "=");
  return words.empty() ? "any header" : listed(words);
}

std::string source_text(const config::Credential& credential) {
  using Kind = config::SecretSource::Kind;
  if (credential.oauth) return "OAuth, " + credential.oauth->token_url;
  if (!credential.source) return "-";
  switch (const config::SecretSource& source = *credential.source; source.kind) {
    case Kind::value: return "the configuration";
    case Kind::env: return "$" + source.text;
    case Kind::file: return source.text;
    case Kind::env_file: return source.key + " in " + source.text;
    case Kind::command: return "`" + source.command.front() + "`";
  }
  return {};
}

void write_json(JsonWriter& json, const app::ResolvedCredential& credential) {
  auto list = [&](const char* name, const std::vector<std::string>& words) {
    json.key(name).begin_array();
    for (const std::string& word : words) json.value(word);
    json.end_array();
  };
  const broker::Binding& binding = credential.binding;
  json.begin_object().field("name", binding.name).field("preset", credential.settings.preset);
  list("hosts", binding.host_texts);
  json.field("path", binding.path);
  list("headers", binding.fields);
  list("query", binding.parameters);
  list("env", credential.settings.env);
  json.field("injected", !binding.injected.empty()).field("source", source_text(credential.settings));
  json.field("placeholder", binding.placeholder);
  if (!binding.placeholder_secret.empty()) json.field("placeholder_secret", binding.placeholder_secret);
  json.field("enabled", credential.settings.enabled).end_object();
}

std::string text_of(const app::ResolvedCredential& credential) {
  const broker::Binding& binding = credential.binding;
  std::string out =
      fmt::format("{}{}\n", binding.name, credential.settings.enabled ? "" : "  (switched off)");
  auto line = [&](std::string_view title, const std::string& text) {
    if (!text.empty()) out += fmt::format("  {:<12} {}\n", title, flow::printable(text));
  };
  line("goes to", listed(binding.host_texts) + (binding.path == "/" ? "" : " below " + binding.path));
  line("stands in", where(binding) + (binding.injected.empty() ? "" : ", put there where it is missing"));
  line("secret", source_text(credential.settings));
  line("variables", listed(credential.settings.env));
  line("placeholder", binding.placeholder);
  if (!binding.placeholder_secret.empty()) line("", binding.placeholder_secret);
  return out;
}

int list(const CredentialFlags& flags) {
  auto settings = settings_of(flags);
  if (!settings) return kExitUsage;
  auto key = app::placeholder_key();
  if (!key) return report(key.error());
  auto all = app::resolve_credentials(*settings, {}, key->reveal());
  if (!all) return report(all.error());
  std::string out;
  if (flags.json) {
    JsonWriter json(out, 2);
    json.begin_array();
    for (const auto& credential : *all) write_json(json, credential);
    json.end_array();
    fmt::print("{}\n", out);
    return kExitOk;
  }
  for (const auto& credential : *all) out.append(out.empty() ? "" : "\n").append(text_of(credential));
  if (all->empty())
    out =
        "no credentials are configured; `weir credentials presets` lists what needs no configuration: weir "
        "run "
        "--secret github -- CMD\n";
  fmt::print("{}", out);
  return kExitOk;
}

int list_presets(const CredentialFlags& flags) {
  std::string text, out;
  JsonWriter json(out, 2);
  json.begin_array();
  for (const broker::Preset& preset : broker::presets()) {
    std::vector<std::string> hosts(preset.hosts.begin(), preset.hosts.end());
    std::vector<std::string> names(preset.variables.begin(), preset.variables.end());
    text += fmt::format("{:<10} {}\n           for {}{}\n", preset.name, preset.title,
                        hosts.empty() ? "the hosts that you name" : listed(hosts),
                        names.empty() ? "" : "; from " + listed(names));
    json.begin_object().field("name", preset.name).field("title", preset.title).key("hosts").begin_array();
    for (const std::string& host : hosts) json.value(host);
    json.end_array().key("env").begin_array();
    for (const std::string& name : names) json.value(name);
    json.end_array().end_object();
  }
  json.end_array();
  fmt::print("{}{}", flags.json ? out : text, flags.json ? "\n" : "");
  return kExitOk;
}

/// How long it is good still, for people.
std::string validity(const broker::Secret& secret) {
  if (secret.until == 0) return "";
  constexpr WallNanos kSecond = 1'000'000'000;
  return fmt::format(", to be had anew in {} s", std::max<WallNanos>(0, secret.until - wall_now()) / kSecond);
}

int check(const CredentialFlags& flags) {
  auto runner = sandbox::Spawner::start();
  if (!runner) return report(runner.error());
  auto hardening = app::Hardening::begin();
  if (!hardening) return report(hardening.error());
  auto settings = settings_of(flags);
  if (!settings) return kExitUsage;
  auto keeper = open_credentials(*settings, choice_of(flags), std::move(*runner), nullptr);
  if (!keeper) return report(keeper.error());
  if (!*keeper) {
    fmt::print(stderr, "weir: no credentials are configured\n");
    return kExitUsage;
  }
  auto options = app::room_options(*settings);
  if (!options) return report(options.error());
  tls::ClientOptions upstream;
  for (const std::string& file : settings->tls.upstream_ca) upstream.extra_roots.emplace_back(file);
  auto tls = tls::ClientContext::make(std::move(upstream));
  if (!tls) return report(tls.error());
  (*keeper)->start(*tls, options->pool);
  bool sound = true;
  for (std::size_t i = 0; i < (*keeper)->bindings().size(); ++i) {
    if (!(*keeper)->bindings()[i].active) continue;
    auto secret = (*keeper)->obtain(i);
    sound = sound && secret.has_value();
    const app::ResolvedCredential& credential = (*keeper)->credentials()[i];
    if (secret)
      fmt::print("ok    {}: {} bytes from {}{}\n", credential.settings.name, (*secret)->text.size(),
                 flow::printable(source_text(credential.settings)), validity(**secret));
    else
      fmt::print("FAIL  {}\n", flow::printable(secret.error().context()));
  }
  (*keeper)->stop();
  return sound ? kExitOk : kExitError;
}

}  // namespace

void add_credentials(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand(
      "credentials",
      "Secrets that clients get a placeholder for: what they are bound to, and whether they are there");
  auto flags = std::make_shared<CredentialFlags>();
  auto add = [&](const char* name, const char* help, int (*run)(const CredentialFlags&)) {
    CLI::App* sub = verb->add_subcommand(name, help);
    sub->callback([flags, run, &exit_code] { exit_code = run(*flags); });
    return sub;
  };
  auto config = [&](CLI::App* sub) {
    sub->add_option("--config", flags->config, "Configuration file")->type_name("FILE");
  };
  CLI::App* listing = add("list", "What is configured, with the placeholders to give to clients", list);
  config(listing);
  listing->add_flag("--json", flags->json, "As JSON");
  CLI::App* checking =
      add("check", "Get each secret, as if it were needed now, and say whether that works", check);
  config(checking);
  checking->add_option("NAME", flags->names, "Only these (as for `weir run --secret`)");
  add("presets", "Services that need no configuration, or little", list_presets)
      ->add_flag("--json", flags->json, "As JSON");
  verb->require_subcommand(1);
}

}  // namespace weir::cli
