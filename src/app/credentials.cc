#include "app/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/fd.h"
#include "base/hash.h"
#include "broker/preset.h"
#include "config/credentials.h"
#include "config/paths.h"

namespace weir::app {
namespace {

constexpr std::size_t kKeySize = 32;
constexpr const char* kAwsVariables[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};
constexpr broker::Shape kAwsSecret{"", 40, broker::Alphabet::base62};
constexpr broker::Shape kGeneric{"", 36, broker::Alphabet::base62};

template <typename Range, typename T>
bool has(const Range& range, const T& wanted) {
  return std::ranges::find(range, wanted) != std::ranges::end(range);
}

std::vector<std::string> words(const std::vector<std::string_view>& views) {
  return {views.begin(), views.end()};
}

bool is_aws(const config::Credential& credential) {
  const broker::Preset* preset = broker::find_preset(credential.preset);
  return preset != nullptr && preset->use == broker::Use::aws_signature;
}

config::SecretSource variable(std::string name) {
  return {.kind = config::SecretSource::Kind::env, .text = std::move(name)};
}

bool is_set(const std::string& name) {
  const char* value = ::getenv(name.c_str());
  return value != nullptr && *value != '\0';
}

/// The first that is set, or else the first.
std::string first_set(const std::vector<std::string>& names) {
  auto found = std::ranges::find_if(names, is_set);
  return found == names.end() ? names.front() : *found;
}

void fill_in_aws(config::Credential& credential) {
  if (credential.source) return;
  credential.source = variable(kAwsVariables[1]);
  if (!credential.access_key_id) credential.access_key_id = variable(kAwsVariables[0]);
  if (!credential.session_token && is_set(kAwsVariables[2]))
    credential.session_token = variable(kAwsVariables[2]);
}

void fill_in(config::Credential& credential) {
  const broker::Preset* preset = broker::find_preset(credential.preset);
  if (preset != nullptr) {
    if (credential.hosts.empty()) credential.hosts = words(preset->hosts);
    if (credential.headers.empty() && credential.query.empty()) {
      credential.headers = words(preset->fields);
      credential.query = words(preset->parameters);
    }
    if (credential.env.empty()) credential.env = words(preset->variables);
    if (credential.format.empty()) credential.format = preset->injected;
  }
  if (is_aws(credential)) return fill_in_aws(credential);
  bool elsewhere = credential.oauth && credential.oauth->client_credentials;
  if (!credential.source && !elsewhere && !credential.env.empty())
    credential.source = variable(first_set(credential.env));
  bool variables = credential.source && credential.source->kind == config::SecretSource::Kind::env;
  if (credential.env.empty() && variables && !credential.oauth) credential.env = {credential.source->text};
}

/// "X@HOST,HOST".
Result<config::Credential> ad_hoc(const std::string& asked, std::size_t at) {
  std::string name = asked.substr(0, at);
  config::Credential out{.place = "--secret " + asked};
  for (std::string_view rest = std::string_view(asked).substr(at + 1); !rest.empty();) {
    std::size_t end = std::min(rest.find(','), rest.size());
    std::string host(rest.substr(0, end));
    auto pattern = policy::HostPattern::parse(host);
    using Kind = policy::HostPattern::Kind;
    bool network = pattern && pattern->kind == Kind::range && host.contains('/');
    if (!pattern || pattern->kind == Kind::every || network)
      return fail(Code::bad_config,
                  fmt::format("--secret {}: {} is no host to bind a secret to", asked, host));
    out.hosts.push_back(std::move(host));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (out.hosts.empty())
    return fail(Code::bad_config, fmt::format("--secret {}: a host is missing behind the @", asked));
  if (broker::find_preset(name) != nullptr) {
    out.name = out.preset = name;
    return out;
  }
  if (!config::is_credential_name(name))
    return fail(Code::bad_config,
                fmt::format("--secret {}: {} is neither a preset nor the name of a variable", asked, name));
  out.name = name;
  out.env = {name};
  return out;
}

Error not_there(const std::string& asked, const std::vector<config::Credential>& known) {
  std::string names;
  for (const config::Credential& credential : known)
    names.append(names.empty() ? "" : ", ").append(credential.name);
  std::string presets;
  for (const broker::Preset& preset : broker::presets())
    if (!preset.hosts.empty()) presets.append(presets.empty() ? "" : ", ").append(preset.name);
  return Error(
      Code::bad_config,
      fmt::format("--secret {}: there is no such credential; {}; presets that need no more: {}; or bind "
                  "a variable to a host: --secret {}@api.example.com",
                  asked, names.empty() ? "none is configured" : "configured are: " + names, presets, asked));
}

/// Finds, or makes, what is asked for; its number.
Result<std::size_t> find(const std::string& asked, std::vector<config::Credential>& known) {
  auto add = [&](config::Credential credential) {
    auto same = std::ranges::find(known, credential.name, &config::Credential::name);
    if (same == known.end()) same = known.emplace(known.end());
    *same = std::move(credential);
    return static_cast<std::size_t>(same - known.begin());
  };
  if (std::size_t at = asked.find('@'); at != std::string::npos) {
    auto made = ad_hoc(asked, at);
    if (!made) return pass(made);
    auto same = std::ranges::find(known, made->name, &config::Credential::name);
    if (same != known.end() && !same->place.starts_with("--secret "))
      return fail(Code::bad_config,
                  fmt::format("--secret {}: {} is configured already, for its own hosts ({}); take another "
                              "name, or --secret {}",
                              asked, made->name, same->place, made->name));
    return add(std::move(*made));
  }
  auto found = std::ranges::find(known, asked, &config::Credential::name);
  if (found != known.end()) {
    if (!found->enabled)
      return fail(Code::bad_config,
                  fmt::format("--secret {}: it is switched off (enabled = false, {})", asked, found->place));
    return static_cast<std::size_t>(found - known.begin());
  }
  const broker::Preset* preset = broker::find_preset(asked);
  if (preset == nullptr || preset->hosts.empty()) return std::unexpected(not_there(asked, known));
  return add({.name = asked, .place = "--secret " + asked, .preset = asked});
}

Result<broker::Binding> binding_of(const config::Credential& credential, std::string_view key) {
  broker::Binding out{.name = credential.name};
  auto hosts = policy::HostPatterns::compile(credential.hosts);
  if (!hosts) return fail(Code::bad_config, credential.place + ": hosts: " + hosts.error().context());
  out.hosts = std::move(*hosts);
  out.host_texts = credential.hosts;
  if (!credential.path.empty()) out.path = credential.path;
  out.fields = credential.headers;
  out.parameters = credential.query;
  out.user = credential.user;
  if (credential.inject) out.injected = credential.format;
  const broker::Preset* preset = broker::find_preset(credential.preset);
  broker::Shape shape = preset != nullptr ? preset->shape : kGeneric;
  out.placeholder = credential.placeholder.empty() ? broker::placeholder(key, credential.name, shape)
                                                   : credential.placeholder;
  if (!is_aws(credential)) return out;
  out.use = broker::Use::aws_signature;
  out.placeholder_secret = broker::placeholder(key, credential.name + "/secret", kAwsSecret);
  return out;
}

/// A host that nobody reads would get the placeholder.
Result<> check_read(const config::Settings& settings, const config::Credential& credential) {
  auto intercept = policy::HostPatterns::compile(settings.tls.intercept);
  auto passthrough = policy::HostPatterns::compile(settings.tls.passthrough);
  if (!intercept || !passthrough) return {};  // complained of elsewhere
  for (const std::string& text : credential.hosts) {
    auto pattern = policy::HostPattern::parse(text);
    if (!pattern) continue;
    std::uint16_t port = pattern->port == policy::HostPattern::kAnyPort ? 443 : pattern->port;
    bool below = pattern->kind == policy::HostPattern::Kind::below;
    HostPort place{below ? "host." + pattern->name : pattern->name, port};
    if (pattern->kind == policy::HostPattern::Kind::range) place.host = text;
    bool read = (settings.tls.intercept.empty() || intercept->matches(place)) && !passthrough->matches(place);
    if (!read)
      return fail(
          Code::bad_config,
          fmt::format("{}: the credential \"{}\" is for {}, whose requests are not read "
                      "(tls.passthrough, tls.intercept), so that its placeholder would go there as it "
                      "is. Take the host out of there, or out of the credential",
                      credential.place, credential.name, text));
  }
  return {};
}

}  // namespace

Result<std::vector<ResolvedCredential>> resolve_credentials(const config::Settings& settings,
                                                            const CredentialChoice& choice,
                                                            std::string_view placeholder_key) {
  std::vector<config::Credential> known = config::all_credentials(settings.credentials);
  std::vector<std::size_t> active;
  for (auto each = choice.asked.begin(); each != choice.asked.end(); ++each) {
    const std::string& asked = *each;
    if (std::find(choice.asked.begin(), each, asked) != each) continue;
    auto number = find(asked, known);
    if (!number) return pass(number);
    if (has(active, *number))
      return fail(Code::bad_config,
                  fmt::format("--secret {}: {} is asked for twice; give all its hosts at once, as in "
                              "NAME@HOST,HOST",
                              asked, known[*number].name));
    active.push_back(*number);
  }
  std::vector<ResolvedCredential> out;
  for (std::size_t i = 0; i < known.size(); ++i) {
    config::Credential& credential = known[i];
    fill_in(credential);
    bool used = (choice.all && credential.enabled) || has(active, i);
    if (used)
      if (auto done = check_read(settings, credential); !done) return pass(done);
    auto binding = binding_of(credential, placeholder_key);
    if (!binding) return pass(binding);
    binding->active = used;
    for (const ResolvedCredential& other : out)
      if (other.binding.placeholder.contains(binding->placeholder) ||
          binding->placeholder.contains(other.binding.placeholder))
        return fail(
            Code::bad_config,
            fmt::format("{}: the placeholders of the credentials \"{}\" and \"{}\" are one, or one is "
                        "part of the other",
                        credential.place, other.binding.name, binding->name));
    out.push_back({std::move(credential), std::move(*binding)});
  }
  return out;
}

Result<SecretBytes> placeholder_key() {
  auto root = config::data_root();
  if (!root) return pass(root);
  if (auto made = config::make_private_dirs(*root); !made) return pass(made);
  std::string path = *root + "/placeholder.key";
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto key = read_secret_file(path);
    if (key && key->size() == 2 * kKeySize) return key;
    if (key) return fail(Code::io, path + " is not whole: remove it, and placeholders change");
    if (key.error().code() != Code::not_found) return key;
    char bytes[kKeySize];
    fill_random(bytes, sizeof bytes);
    std::string text = hex({bytes, sizeof bytes});
    // Whole or not at all, and the first of two who make it at once has made it.
    char mark[8];
    fill_random(mark, sizeof mark);
    std::string draft = path + "." + hex({mark, sizeof mark});
    UniqueFd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) return fail_errno(Code::io, "making " + draft, errno);
    bool written = ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    int error = errno;
    bool linked = written && (::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST);
    if (written) error = errno;
    ::unlink(draft.c_str());
    if (!linked) return fail_errno(Code::io, "writing " + path, error);
  }
  return fail(Code::io, path + " cannot be made");
}

std::vector<std::string> variables_of(const ResolvedCredential& credential) {
  std::vector<std::string> out = credential.settings.env;
  auto add = [&](const std::optional<config::SecretSource>& source) {
    if (source && source->kind == config::SecretSource::Kind::env && !has(out, source->text))
      out.push_back(source->text);
  };
  add(credential.settings.source);
  add(credential.settings.access_key_id);
  add(credential.settings.session_token);
  if (credential.settings.oauth) add(credential.settings.oauth->client_secret);
  if (credential.binding.use != broker::Use::aws_signature) return out;
  for (const char* name : kAwsVariables)
    if (!has(out, name)) out.emplace_back(name);
  return out;
}

std::vector<std::string> placeholders_of(const ResolvedCredential& credential) {
  const broker::Binding& binding = credential.binding;
  if (binding.use == broker::Use::aws_signature)
    return {std::string(kAwsVariables[0]) + "=" + binding.placeholder,
            std::string(kAwsVariables[1]) + "=" + binding.placeholder_secret};
  std::vector<std::string> out;
  for (const std::string& name : credential.settings.env) out.push_back(name + "=" + binding.placeholder);
  return out;
}

}  // namespace weir::app
