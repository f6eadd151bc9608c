#include "config/credentials.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "broker/preset.h"
#include "config/redaction.h"
#include "config/row.h"
#include "http/syntax.h"
#include "policy/canonical.h"

namespace weir::config {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr const char* kExample = "[credentials.NAME] with a preset or hosts, and a source";

struct CredentialName {
  static std::string accepts() {
    return "a name of letters, digits, '-' and '_', at most 64, beginning with a letter or digit";
  }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return is_credential_name(scalar.text) && Text::parse(scalar, place, out);
  }
};

struct PresetName {
  static std::string accepts() {
    std::string out = "one of";
    for (const broker::Preset& preset : broker::presets())
      out.append(out.ends_with("of") ? " " : ", ").append(preset.name);
    return out;
  }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return broker::find_preset(scalar.text) != nullptr && Text::parse(scalar, place, out);
  }
};

/// A name or the names below one: whoever holds a network's range could be anybody.
struct BoundHost {
  static std::string accepts() {
    return "a host: \"api.example.com\", \"*.example.com\" or \"api.example.com:8443\"";
  }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    auto pattern = policy::HostPattern::parse(scalar.text);
    using Kind = policy::HostPattern::Kind;
    if (!pattern || pattern->kind == Kind::every) return false;
    if (pattern->kind == Kind::range && scalar.text.contains('/')) return false;
    return Text::parse(scalar, place, out);
  }
};

struct BoundPath {
  static std::string accepts() { return "a path such as \"/v1\", without a query"; }
  static bool parse(const Scalar& scalar, const Place&, std::string& out) {
    if (scalar.type != Scalar::Type::string || !scalar.text.starts_with("/")) return false;
    if (scalar.text.find_first_of("?#") != std::string::npos || policy::is_ambiguous(scalar.text))
      return false;
    out = policy::resolve_segments(policy::canonical_escapes(scalar.text));
    while (out.size() > 1 && out.ends_with("/")) out.pop_back();
    return true;
  }
};

struct Format {
  static std::string accepts() { return "a text with {secret} or {user:secret} in it once"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    std::size_t found = 0;
    for (std::string_view wanted : {"{secret}", "{user:secret}"})
      for (std::size_t at = 0; (at = scalar.text.find(wanted, at)) != std::string::npos; ++at) ++found;
    return found == 1 && http::find_control(scalar.text) == scalar.text.size() &&
           Text::parse(scalar, place, out);
  }
};

struct UserName {
  static std::string accepts() { return "a user's name without a colon"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return !scalar.text.contains(':') && http::find_control(scalar.text) == scalar.text.size() &&
           Text::parse(scalar, place, out);
  }
};

struct Variable {
  static std::string accepts() { return "a variable's name in quotes, such as \"GITHUB_TOKEN\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    bool plain =
        std::ranges::all_of(scalar.text, [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
    return plain && !scalar.text.empty() && Text::parse(scalar, place, out);
  }
};

/// Of characters that no spelling changes, so that what is found of it is all of it.
struct PlaceholderText {
  static std::string accepts() {
    return "16 to 256 letters, digits, '-', '_' and '.', that nothing else is likely to hold";
  }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    bool plain = std::ranges::all_of(
        scalar.text, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; });
    bool fits = scalar.text.size() >= 16 && scalar.text.size() <= 256;
    return plain && fits && Text::parse(scalar, place, out);
  }
};

/// Where an access token is fetched: the client's secret goes there.
struct TokenUrl {
  static std::string accepts() { return "\"https://host/path\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return scalar.text.starts_with("https://") && http::find_control(scalar.text) == scalar.text.size() &&
           !scalar.text.contains(' ') && Text::parse(scalar, place, out);
  }
};

constexpr std::array<const char*, 2> kGrants = {"refresh_token", "client_credentials"};

void read_oauth(const Value& value, const Place& place, Complaints& complaints, OauthSettings& out) {
  if (value.list || value.items.front().type != Scalar::Type::table)
    return complaints.push_back(
        {"oauth: wanted is a table such as { token_url = \"https://...\", client_id = "
         "\"...\" }",
         value.line, value.column});
  Row row(value.items.front(), "oauth: ", place, complaints);
  row.require<TokenUrl>("token_url", out.token_url);
  row.require<Text>("client_id", out.client_id);
  row.read<Text>("scope", out.scope);
  row.read<Choice<bool, kGrants>>("grant", out.client_credentials);
  if (const Value* secret = row.take("client_secret"))
    read_source(*secret, place, complaints, out.client_secret.emplace(), true);
  row.finish();
  if (out.client_credentials && !out.client_secret)
    row.complain("client_secret is missing; the grant client_credentials has nothing else to show");
}

void read_sources(Row& row, const Place& place, Complaints& complaints, Credential& out) {
  auto source = [&](std::string_view member, std::optional<SecretSource>& into) {
    if (const Value* value = row.take(member)) read_source(*value, place, complaints, into.emplace(), true);
  };
  source("source", out.source);
  source("access_key_id", out.access_key_id);
  source("session_token", out.session_token);
  if (const Value* oauth = row.take("oauth")) read_oauth(*oauth, place, complaints, out.oauth.emplace());
}

/// What only makes sense together.
void check(Row& row, const Credential& credential) {
  const broker::Preset* preset = credential.preset.empty() ? nullptr : broker::find_preset(credential.preset);
  bool aws = preset != nullptr && preset->use == broker::Use::aws_signature;
  if (credential.hosts.empty() && (preset == nullptr || preset->hosts.empty()))
    row.complain("hosts is missing: which hosts is the secret for?");
  bool variables = !credential.env.empty() || (preset != nullptr && !preset->variables.empty());
  bool elsewhere = credential.oauth && credential.oauth->client_credentials;
  if (!credential.source && !elsewhere && !variables) row.complain("source is missing: where is the secret?");
  if (credential.source && elsewhere)
    row.complain("source: the grant client_credentials takes none; the secret is oauth.client_secret");
  if (!aws && (credential.access_key_id || credential.session_token))
    row.complain("access_key_id and session_token are of the preset \"aws\" alone");
  if (aws && (credential.oauth || credential.inject || !credential.headers.empty() ||
              !credential.query.empty() || !credential.format.empty()))
    row.complain("AWS keys sign requests: headers, query, inject, format and oauth do not go with them");
  if (std::ranges::any_of(credential.headers, [](const std::string& name) { return iequals(name, "host"); }))
    row.complain("headers: no secret goes into Host");
  bool field = !credential.headers.empty() || (preset != nullptr && !preset->fields.empty());
  if (credential.inject && !field) row.complain("inject: into which header? Name it in headers");
  if (credential.inject && credential.format.empty() && (preset == nullptr || preset->injected.empty()))
    row.complain("inject: format is missing, such as \"Bearer {secret}\"");
}

Credential read_credential(const Scalar& table, const Place& place, Complaints& complaints) {
  Credential out{.place = source_of(table, place)};
  Row row(table, "", place, complaints);
  if (table.type != Scalar::Type::table) {
    row.complain(std::string("what stands here is not accepted; wanted is a table: ") + kExample);
    return out;  // and not a word of what it is: people write the secret there
  }
  if (std::ranges::count(table.members, "name", &Member::name) > 1)
    row.complain("name: [credentials.NAME] says it already; leave the other out");
  row.require<CredentialName>("name", out.name);
  row.read<PresetName>("preset", out.preset);
  row.read<BoundHost>("hosts", out.hosts);
  row.read<BoundHost>("host", out.hosts);
  row.read<BoundPath>("path", out.path);
  row.read<FieldName>("headers", out.headers);
  row.read<FieldName>("header", out.headers);
  row.read<QueryKey>("query", out.query);
  row.read<Switch>("inject", out.inject);
  row.read<Format>("format", out.format);
  row.read<UserName>("user", out.user);
  row.read<Variable>("env", out.env);
  row.read<PlaceholderText>("placeholder", out.placeholder);
  row.read<Switch>("enabled", out.enabled);
  std::size_t before = complaints.size();
  read_sources(row, place, complaints, out);
  row.finish();
  if (complaints.size() == before) check(row, out);
  return out;
}

Value table_of(const OauthSettings& oauth) {
  Scalar table{Scalar::Type::table, ""};
  table.members = {{"token_url", text_value(oauth.token_url)}, {"client_id", text_value(oauth.client_id)}};
  if (oauth.client_secret) table.members.push_back({"client_secret", to_value(*oauth.client_secret)});
  if (!oauth.scope.empty()) table.members.push_back({"scope", text_value(oauth.scope)});
  if (oauth.client_credentials) table.members.push_back({"grant", text_value(kGrants[1])});
  return Value{.items = {std::move(table)}};
}

}  // namespace

bool is_credential_name(std::string_view name) {
  auto word = [](char c) { return is_alpha(c) || is_digit(c); };
  return !name.empty() && name.size() <= kLongestName && word(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return word(c) || c == '-' || c == '_'; });
}

Complaints read_credentials(const Value& value, const Place& place, std::vector<Credential>& out) {
  Complaints complaints;
  for (const Scalar& table : value.items) {
    Credential read = read_credential(table, place, complaints);
    if (!read.name.empty() && std::ranges::find(out, read.name, &Credential::name) != out.end())
      complaints.push_back({"there are two with the name \"" + read.name + "\"", table.line, table.column});
    out.push_back(std::move(read));
  }
  return complaints;
}

Scalar to_table(const Credential& credential) {
  Scalar out{Scalar::Type::table, ""};
  auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) out.members.push_back({name, text_value(value)});
  };
  auto texts = [&](const char* name, const std::vector<std::string>& values) {
    if (!values.empty()) out.members.push_back({name, Value::strings(values)});
  };
  auto source = [&](const char* name, const std::optional<SecretSource>& value) {
    if (value) out.members.push_back({name, to_value(*value)});
  };
  text("name", credential.name);
  text("preset", credential.preset);
  texts("hosts", credential.hosts);
  text("path", credential.path);
  texts("headers", credential.headers);
  texts("query", credential.query);
  if (credential.inject) out.members.push_back({"inject", Value::boolean(true)});
  text("format", credential.format);
  text("user", credential.user);
  texts("env", credential.env);
  text("placeholder", credential.placeholder);
  source("source", credential.source);
  source("access_key_id", credential.access_key_id);
  source("session_token", credential.session_token);
  if (credential.oauth) out.members.push_back({"oauth", table_of(*credential.oauth)});
  if (!credential.enabled) out.members.push_back({"enabled", Value::boolean(false)});
  return out;
}

std::vector<Credential> all_credentials(const CredentialSettings& settings) {
  std::vector<Credential> out;
  for (const auto& layer : settings.layers)
    for (const Credential& credential : layer)
      if (std::ranges::find(out, credential.name, &Credential::name) == out.end()) out.push_back(credential);
  return out;
}

}  // namespace weir::config
