#include "app/secret_sources.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "app/secret_command.h"
#include "base/json_reader.h"
#include "config/redaction.h"
#include "sandbox/environment.h"

namespace weir::app {
namespace {

using config::SecretSource;
using Kind = SecretSource::Kind;

constexpr std::chrono::seconds kCommandTime{60};
/// What temporary AWS keys must be good for at least.
constexpr std::chrono::nanoseconds kBeforeEnd = std::chrono::minutes(2);

WallNanos in(std::chrono::nanoseconds time) { return wall_now() + time.count(); }

WallNanos until(const SecretSource& source) {
  switch (source.kind) {
    case Kind::value:
    case Kind::env:
    case Kind::file:
    case Kind::env_file: return 0;
    case Kind::command: return source.ttl.count() > 0 ? in(source.ttl) : 0;
  }
  return 0;
}

/// A string of what a credential process prints (JSON); empty where there is none.
Result<SecretBytes> member(const JsonValue& object, std::string_view name) {
  std::string copy(object[name].string().value_or(""));
  return SecretBytes::take(copy);
}

/// "2026-11-23T18:00:00Z" or with "+00:00"; 0 for anything else.
WallNanos time_of(std::string_view text) {
  std::tm parts{};
  std::string copy(text);
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  bool utc =
      rest != nullptr && (std::string_view(rest).starts_with("Z") || std::string_view(rest) == "+00:00");
  constexpr WallNanos kSecond = 1'000'000'000;
  if (!utc) return 0;
  return std::clamp<WallNanos>(::timegm(&parts), 0, std::numeric_limits<WallNanos>::max() / kSecond) *
         kSecond;
}

}  // namespace

bool is_file(const std::optional<SecretSource>& source) {
  return source && (source->kind == Kind::file || source->kind == Kind::env_file);
}

std::string place_of(const SecretSource& source) {
  switch (source.kind) {
    case Kind::value: return "its value";
    case Kind::env: return "the variable " + source.text;
    case Kind::file: return source.text;
    case Kind::env_file: return source.key + " in " + source.text;
    case Kind::command: return "the command " + source.command.front();
  }
  return {};
}

Failure wrong(const config::Credential& credential, const Error& error) {
  return fail(Code::credential_failed,
              fmt::format("\"{}\": {}", credential.name,
                          error.context().empty() ? error.message() : error.context()));
}

Result<> SecretSources::take_variables(const config::Credential& credential) {
  const std::optional<SecretSource> none;
  for (const auto* source : {&credential.source, &credential.access_key_id, &credential.session_token,
                             credential.oauth ? &credential.oauth->client_secret : &none}) {
    if (!*source || (*source)->kind != Kind::env) continue;
    const char* value = ::getenv((*source)->text.c_str());
    if (value == nullptr) continue;  // reading it will say so
    std::string copy = value;
    auto secret = SecretBytes::take(copy);
    if (!secret) return pass(secret);
    variables_[(*source)->text] = std::move(*secret);
  }
  return {};
}

Result<> SecretSources::forget_variables(std::span<const std::string> names) {
  sandbox::forget_variables(names);
  return spawner_ ? spawner_->forget(names) : Result<>();
}

Result<SecretBytes> SecretSources::read(const SecretSource& source) {
  if (source.kind == Kind::command) return run(source.command);
  Result<SecretBytes> secret;
  if (auto known = variables_.find(source.text); source.kind == Kind::env && known != variables_.end()) {
    secret = SecretBytes::make(known->second.size());
    if (secret) secret->append(known->second.reveal());
  } else {
    auto text = config::read_secret(source);
    if (!text) return fail(Code::credential_failed, text.error().context());
    secret = SecretBytes::make(text->reveal().size());
    if (secret) secret->append(text->reveal());
  }
  if (secret) secret->trim();
  if (secret && secret->empty()) return fail(Code::credential_failed, place_of(source) + " is empty");
  return secret;
}

Result<SecretBytes> SecretSources::run(const std::vector<std::string>& command) {
  auto runner = [&]() -> Result<sandbox::Spawner> {
    std::lock_guard lock(spawning_);
    if (!spawner_) return fail(Code::credential_failed, "it cannot be run here");
    return spawner_->open_runner();
  }();
  if (!runner)
    return fail(Code::credential_failed,
                fmt::format("the command {}: {}", command.front(), runner.error().context()));
  return run_secret_command(std::move(*runner), command, kCommandTime, stop_);
}

Result<broker::Secret> SecretSources::read_spoken(const config::Credential& credential) {
  auto text = read(*credential.source);
  if (!text) return wrong(credential, text.error());
  return broker::Secret{.text = std::move(*text), .until = until(*credential.source)};
}

Result<broker::Secret> SecretSources::read_aws(const config::Credential& credential) {
  auto text = read(*credential.source);
  if (!text) return wrong(credential, text.error());
  broker::Secret out{.until = until(*credential.source)};
  if (credential.source->kind == Kind::command && text->reveal().starts_with("{")) {
    auto document = JsonDocument::parse(text->reveal());
    if (!document)
      return wrong(credential,
                   Error(Code::credential_failed, place_of(*credential.source) + " prints no JSON"));
    auto key = member(document->root(), "SecretAccessKey"), id = member(document->root(), "AccessKeyId"),
         token = member(document->root(), "SessionToken");
    if (!key || !id || !token) return fail(Code::io, "no memory for a secret");
    out.text = std::move(*key);
    out.access_key_id = std::move(*id);
    out.session_token = std::move(*token);
    // They are renewed while the old ones are good still.
    if (WallNanos end = time_of(document->root()["Expiration"].string().value_or("")); end != 0)
      out.until = std::min(out.until == 0 ? end : out.until, end - kBeforeEnd.count());
  } else {
    out.text = std::move(*text);
  }
  auto more = [&](const std::optional<SecretSource>& source, SecretBytes& into) -> Result<> {
    if (!source) return {};
    auto got = read(*source);
    if (!got) return wrong(credential, got.error());
    into = std::move(*got);
    return {};
  };
  if (auto done = more(credential.access_key_id, out.access_key_id); !done) return pass(done);
  if (auto done = more(credential.session_token, out.session_token); !done) return pass(done);
  if (out.text.empty() || out.access_key_id.empty())
    return wrong(credential,
                 Error(Code::credential_failed,
                       "an access key id is missing beside the secret; give access_key_id a source"));
  return out;
}

}  // namespace weir::app
