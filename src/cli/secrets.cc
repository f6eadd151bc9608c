#include "cli/secrets.h"

#include <errno.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <utility>

#include "flow/text.h"
#include "sandbox/environment.h"

namespace weir::cli {
namespace {

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

/// The keeper has forgotten its own variables here and in its spawner. Here and in the other one the values
/// are to be in no variable at all: where they stand among other things the placeholder does from now on.
Result<> forget(const app::CredentialKeeper& keeper, sandbox::Spawner* spawner) {
  std::vector<std::string> names, hidden;
  for (const app::ResolvedCredential& credential : keeper.credentials())
    if (credential.binding.active)
      std::ranges::move(app::variables_of(credential), std::back_inserter(names));
  for (std::string& entry : sandbox::own_environment()) {
    std::string without = keeper.without_secrets(entry);
    if (without != entry) {
      names.emplace_back(name_of(entry));
      hidden.push_back(std::move(without));
    }
    zero(entry);
  }
  sandbox::forget_variables(names);
  for (const std::string& entry : hidden) {
    std::string name(name_of(entry));
    if (::setenv(name.c_str(), entry.c_str() + name.size() + 1, 1) != 0)
      return fail_errno(Code::io, "putting a placeholder into the variable " + name, errno);
  }
  return spawner == nullptr ? Result<>() : spawner->forget(names);
}

}  // namespace

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i)
    out.append(i == 0 ? "" : i + 1 == words.size() ? " and " : ", ").append(words[i]);
  return out;
}

namespace {

/// A redaction rule about a variable that is forgotten now: its value is a credential's, and redacted as
/// that.
void drop_rules_about(const app::CredentialKeeper& keeper, config::RedactionSettings& redaction) {
  std::vector<std::string> names;
  for (const app::ResolvedCredential& credential : keeper.credentials())
    if (credential.binding.active)
      std::ranges::move(app::variables_of(credential), std::back_inserter(names));
  for (config::RedactionLayer& layer : redaction.layers)
    std::erase_if(layer.rules, [&](const config::RedactionRule& rule) {
      return rule.source && rule.source->kind == config::SecretSource::Kind::env &&
             ::getenv(rule.source->text.c_str()) == nullptr &&
             std::ranges::find(names, rule.source->text) != names.end();
    });
}

}  // namespace

Result<std::unique_ptr<app::CredentialKeeper>> open_credentials(config::Settings& settings,
                                                                const app::CredentialChoice& choice,
                                                                std::optional<sandbox::Spawner> runner,
                                                                sandbox::Spawner* spawner) {
  bool any =
      std::ranges::any_of(settings.credentials.layers, [](const auto& layer) { return !layer.empty(); });
  if (!any && choice.asked.empty()) return nullptr;
  auto key = app::placeholder_key();
  if (!key) return pass(key);
  auto credentials = app::resolve_credentials(settings, choice, key->reveal());
  if (!credentials) return pass(credentials);
  auto keeper = app::CredentialKeeper::open(std::move(*credentials), std::move(runner));
  if (!keeper) return pass(keeper);
  if (auto done = forget(**keeper, spawner); !done) return pass(done);
  drop_rules_about(**keeper, settings.redaction);
  return keeper;
}

std::vector<std::string> with_placeholders(std::vector<std::string> environment,
                                           const app::CredentialKeeper& keeper) {
  for (const app::ResolvedCredential& credential : keeper.credentials()) {
    if (!credential.binding.active) continue;
    auto variables = app::variables_of(credential);
    std::erase_if(environment, [&](const std::string& entry) {
      return std::ranges::find(variables, name_of(entry)) != variables.end();
    });
    std::ranges::move(app::placeholders_of(credential), std::back_inserter(environment));
  }
  for (std::string& entry : environment) entry = keeper.without_secrets(std::move(entry));
  return environment;
}

std::string secrets_greeting(const app::CredentialKeeper& keeper) {
  std::string out;
  for (const app::ResolvedCredential& credential : keeper.credentials()) {
    if (!credential.binding.active) continue;
    std::vector<std::string> names;
    for (const std::string& entry : app::placeholders_of(credential)) names.emplace_back(name_of(entry));
    out += fmt::format("weir: secret {}: goes to {} alone{}\n", flow::printable(credential.settings.name),
                       flow::printable(listed(credential.settings.hosts)),
                       names.empty()
                           ? ""
                           : fmt::format("; {} {}", listed(names),
                                         names.size() == 1 ? "has a placeholder" : "have placeholders"));
  }
  return out;
}

std::string secrets_report(const app::CredentialKeeper& keeper) {
  std::string out;
  auto uses = keeper.uses();
  for (std::size_t i = 0; i < uses.size(); ++i)
    if (keeper.credentials()[i].binding.active)
      out += fmt::format("weir: secret {}: put into {} request{}\n",
                         flow::printable(keeper.credentials()[i].settings.name), uses[i],
                         uses[i] == 1 ? "" : "s");
  return out;
}

}  // namespace weir::cli
