#include "app/credential_keeper.h"

#include <errno.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "base/json_reader.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "base/wipe_stack.h"
#include "broker/oauth.h"
#include "broker/request.h"
#include "config/redaction.h"
#include "sandbox/environment.h"
#include "tls/file.h"

namespace weir::app {
namespace {

using config::SecretSource;
using Kind = SecretSource::Kind;

/// A file is read again after this long, since somebody may have written a new secret into it.
constexpr std::chrono::seconds kFileStays{5};
/// After a failure, and after a secret that the origin would not have, nobody tries again before this.
constexpr std::chrono::seconds kPause{5};
constexpr std::chrono::seconds kCommandTime{60};
/// What temporary AWS keys must be good for at least.
constexpr std::chrono::nanoseconds kBeforeEnd = std::chrono::minutes(2);

WallNanos in(std::chrono::nanoseconds time) { return wall_now() + time.count(); }

bool is_oauth(const ResolvedCredential& credential) { return credential.settings.oauth.has_value(); }

bool is_aws(const ResolvedCredential& credential) {
  return credential.binding.use == broker::Use::aws_signature;
}

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

CredentialKeeper::CredentialKeeper(std::vector<ResolvedCredential> credentials,
                                   std::optional<sandbox::Spawner> spawner)
    : credentials_(std::move(credentials)), spawner_(std::move(spawner)), slots_(credentials_.size()) {
  std::vector<std::string> names;
  for (const ResolvedCredential& credential : credentials_) {
    bindings_.push_back(credential.binding);
    names.push_back(credential.settings.name);
  }
  live_ = std::make_shared<flow::LiveSecrets>(std::move(names));
}

CredentialKeeper::~CredentialKeeper() { stop(); }

Result<std::unique_ptr<CredentialKeeper>> CredentialKeeper::open(std::vector<ResolvedCredential> credentials,
                                                                 std::optional<sandbox::Spawner> spawner) {
  std::unique_ptr<CredentialKeeper> out(new CredentialKeeper(std::move(credentials), std::move(spawner)));
  out->stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!out->stop_) return fail_errno(Code::internal, "eventfd", errno);
  if (auto done = out->read_first(); !done) return pass(done);
  return out;
}

Result<> CredentialKeeper::read_first() {
  bool commands = false;
  for (std::size_t i = 0; i < credentials_.size(); ++i)
    if (bindings_[i].active)
      if (auto done = take_variables(credentials_[i].settings); !done) return done;
  if (auto done = forget_variables(); !done) return done;
  for (std::size_t i = 0; i < credentials_.size(); ++i) {
    const auto& settings = credentials_[i].settings;
    auto runs = [](const auto& source) { return source && source->kind == Kind::command; };
    commands |= bindings_[i].active &&
                (runs(settings.source) || runs(settings.access_key_id) || runs(settings.session_token) ||
                 (settings.oauth && runs(settings.oauth->client_secret)));
    // A token is asked for when it is needed first: starting does not take a network.
    if (!bindings_[i].active || is_oauth(credentials_[i])) continue;
    auto secret = obtain(i);
    if (!secret)
      return fail(Code::bad_config,
                  fmt::format("{}: the credential {}", settings.place, secret.error().context()));
  }
  if (!commands) spawner_.reset();
  rebuild();
  return {};
}

// They are read once: then nobody is to find them in the environment any more.
Result<> CredentialKeeper::take_variables(const config::Credential& credential) {
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

// Not in the spawner either, whose environment everybody of this user may read.
Result<> CredentialKeeper::forget_variables() {
  std::vector<std::string> names;
  for (const ResolvedCredential& credential : credentials_)
    if (credential.binding.active) std::ranges::move(variables_of(credential), std::back_inserter(names));
  sandbox::forget_variables(names);
  return spawner_ ? spawner_->forget(names) : Result<>();
}

std::string CredentialKeeper::without_secrets(std::string text) const {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < bindings_.size(); ++i) {
    if (!slots_[i].current) continue;
    std::string_view secret = slots_[i].current->text.reveal();
    if (secret.size() < broker::Guard::kShortest) continue;
    const broker::Binding& binding = bindings_[i];
    const std::string& shown = is_aws(credentials_[i]) ? binding.placeholder_secret : binding.placeholder;
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += shown.size())
      text.replace(at, secret.size(), shown);
  }
  return text;
}

bool CredentialKeeper::any_active() const { return std::ranges::any_of(bindings_, &broker::Binding::active); }

std::vector<std::filesystem::path> CredentialKeeper::writable() const {
  std::vector<std::filesystem::path> out;
  for (const ResolvedCredential& credential : credentials_) {
    const auto& source = credential.settings.source;
    if (credential.binding.active && is_oauth(credential) && source && source->kind == Kind::file)
      out.push_back(std::filesystem::path(source->text).parent_path());
  }
  return out;
}

void CredentialKeeper::start(const tls::ClientContext& tls, wire::ConnectorOptions options) {
  network_.emplace(&tls, std::move(options));
  thread_ = std::thread([this] {
    name_thread("weir-secrets");
    run();
  });
}

void CredentialKeeper::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (stop_) ::eventfd_write(stop_.get(), 1);
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::vector<std::uint64_t> CredentialKeeper::uses() const {
  std::vector<std::uint64_t> out;
  for (const Slot& slot : slots_) out.push_back(slot.uses.load(std::memory_order_relaxed));
  return out;
}

broker::SecretPtr CredentialKeeper::at_hand(std::size_t binding) {
  std::lock_guard lock(mutex_);
  Slot& slot = slots_[binding];
  if (!slot.current || (slot.current->until != 0 && slot.current->until <= wall_now())) return nullptr;
  // A file is looked at again meanwhile, and nobody waits for it.
  bool look = !is_oauth(credentials_[binding]) && is_file(credentials_[binding].settings.source);
  if (look && steady_now() - slot.looked > kFileStays) {
    slot.looked = steady_now();
    wanted_.push_back(binding);
    wake_.notify_one();
  }
  return slot.current;
}

void CredentialKeeper::fetch(std::size_t binding, Reply reply) {
  std::lock_guard lock(mutex_);
  if (stopping_) return reply(Failure(Error(Code::shutting_down)));
  slots_[binding].waiting.push_back(std::move(reply));
  if (slots_[binding].waiting.size() > 1) return;  // it is on its way
  wanted_.push_back(binding);
  wake_.notify_one();
}

void CredentialKeeper::rejected(std::size_t binding, const broker::SecretPtr& secret) {
  std::lock_guard lock(mutex_);
  Slot& slot = slots_[binding];
  const auto& source = credentials_[binding].settings.source;
  bool renewable = is_oauth(credentials_[binding]) || (source && source->kind == Kind::command);
  // A request that is refused for its own sake does not make everybody wait for a new secret each time.
  if (renewable && slot.current == secret && steady_now() - slot.tried > kPause)
    slot.before = std::exchange(slot.current, nullptr);
}

void CredentialKeeper::used(std::size_t binding) {
  slots_[binding].uses.fetch_add(1, std::memory_order_relaxed);
}

void CredentialKeeper::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !wanted_.empty(); });
    if (stopping_) break;
    std::size_t binding = wanted_.front();
    wanted_.pop_front();
    lock.unlock();
    serve(binding);
    wipe_stack();
    lock.lock();
  }
  for (Slot& slot : slots_)
    for (Reply& reply : std::exchange(slot.waiting, {})) reply(Failure(Error(Code::shutting_down)));
}

void CredentialKeeper::serve(std::size_t binding) {
  Slot& slot = slots_[binding];
  std::optional<Error> recent;
  {
    std::lock_guard lock(mutex_);
    if (slot.trouble && steady_now() - slot.tried < kPause) recent = slot.trouble;
  }
  auto secret = recent ? Result<broker::SecretPtr>(std::unexpected(*recent)) : obtain(binding);
  if (!secret && !recent) log::warn("credential {}", secret.error().context());
  std::vector<Reply> waiting;
  {
    std::lock_guard lock(mutex_);
    waiting = std::exchange(slot.waiting, {});
  }
  for (Reply& reply : waiting) reply(secret);
}

Result<broker::SecretPtr> CredentialKeeper::obtain(std::size_t binding) {
  const ResolvedCredential& credential = credentials_[binding];
  auto made = is_oauth(credential) ? ask_for_token(binding)
              : is_aws(credential) ? read_aws(credential.settings)
                                   : read_spoken(credential.settings);
  if (made)
    if (auto fit = broker::check_speakable(made->text.reveal()); !fit)
      made = wrong(credential.settings, fit.error());
  broker::SecretPtr secret;
  {
    std::lock_guard lock(mutex_);
    Slot& slot = slots_[binding];
    slot.tried = slot.looked = steady_now();
    // Who takes the file away takes the secret away.
    if (!made && slot.current && is_file(credential.settings.source))
      slot.before = std::exchange(slot.current, nullptr);
    slot.trouble = made ? std::nullopt : std::optional(made.error());
    if (!made) return pass(made);
    bool same = slot.current && same_secret(slot.current->text.reveal(), made->text.reveal()) &&
                same_secret(slot.current->session_token.reveal(), made->session_token.reveal());
    if (slot.current && !same) slot.before = slot.current;
    secret = slot.current = std::make_shared<const broker::Secret>(std::move(*made));
    if (same) return secret;
  }
  rebuild();
  return secret;
}

// What must not leave: every placeholder, whoever is active, and every secret that is known.
void CredentialKeeper::rebuild() {
  using What = broker::Guarded::What;
  auto guard = std::make_shared<broker::Guard>();
  auto finder = std::make_shared<flow::SecretFinder>();
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < bindings_.size(); ++i) {
    guard->add({i, What::placeholder}, bindings_[i].placeholder);
    if (!bindings_[i].placeholder_secret.empty())
      guard->add({i, What::placeholder}, bindings_[i].placeholder_secret);
    auto add = [&](const SecretBytes& secret) {
      guard->add({i, What::secret}, secret.reveal());
      if (secret.size() >= flow::Needles::kShortest)
        finder->add_value(secret.reveal(), static_cast<std::uint32_t>(i));
    };
    for (const auto& secret : {slots_[i].current, slots_[i].before}) {
      if (!secret) continue;
      add(secret->text);
      add(secret->session_token);
    }
    for (const SecretBytes* secret :
         {&slots_[i].refresh_token, &slots_[i].first_token, &slots_[i].client_secret})
      add(*secret);
  }
  guard->compile();
  finder->compile();
  guard_.store(std::move(guard), std::memory_order_release);
  live_->replace(std::move(finder));
}

Result<SecretBytes> CredentialKeeper::read(const SecretSource& source) {
  if (source.kind == Kind::command) {
    if (!spawner_) return fail(Code::credential_failed, place_of(source) + " cannot be run here");
    return run_secret_command(*spawner_, source.command, kCommandTime, stop_.get());
  }
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

Result<broker::Secret> CredentialKeeper::read_spoken(const config::Credential& credential) {
  auto text = read(*credential.source);
  if (!text) return wrong(credential, text.error());
  return broker::Secret{.text = std::move(*text), .until = until(*credential.source)};
}

// Three sources, or one command that prints them all as the AWS tools' credential_process does.
Result<broker::Secret> CredentialKeeper::read_aws(const config::Credential& credential) {
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

Result<broker::Secret> CredentialKeeper::ask_for_token(std::size_t binding) {
  const config::Credential& credential = credentials_[binding].settings;
  const config::OauthSettings& oauth = *credential.oauth;
  if (!network_) return wrong(credential, Error(Code::credential_failed, "nothing is served yet"));
  Slot& slot = slots_[binding];
  auto fill = [&](const SecretSource& source, SecretBytes& into) -> Result<> {
    auto got = read(source);
    if (!got) return wrong(credential, got.error());
    std::lock_guard lock(mutex_);
    into = std::move(*got);
    return {};
  };
  if (oauth.client_secret)
    if (auto done = fill(*oauth.client_secret, slot.client_secret); !done) return pass(done);
  if (slot.refresh_token.empty() && credential.source)
    if (auto done = fill(*credential.source, slot.first_token); !done) return pass(done);
  std::string_view client_secret = slot.client_secret.reveal();
  std::string_view refresh = (slot.refresh_token.empty() ? slot.first_token : slot.refresh_token).reveal();
  using Options = broker::OAuthOptions;
  Options options{
      .grant = oauth.client_credentials ? Options::Grant::client_credentials : Options::Grant::refresh_token,
      .client = oauth.client_credentials ? Options::Client::basic : Options::Client::body,
      .client_id = oauth.client_id,
      .client_secret = client_secret,
      .scope = oauth.scope};
  auto request = broker::token_request(options, refresh);
  if (!request) return wrong(credential, request.error());
  auto answer = fetch_token(oauth.token_url, *request, *network_->tls, network_->options);
  if (!answer) return wrong(credential, Error(Code::credential_failed, answer.error().message()));
  std::string_view sent[] = {client_secret, refresh};
  auto token = broker::read_token_response(answer->status, answer->body, sent);
  zero(answer->body);
  // Somebody may have logged in anew since it was replaced.
  if (!token && is_file(credential.source)) {
    std::lock_guard lock(mutex_);
    slot.refresh_token.clear();
  }
  if (!token)
    return wrong(credential,
                 Error(Code::credential_failed, oauth.token_url + ": " + token.error().context()));
  if (!token->refresh_token.empty()) keep_refresh_token(binding, std::move(token->refresh_token));
  // Good for as long as it takes to get there, at least.
  auto margin = std::min<std::chrono::seconds>(std::chrono::seconds(60), token->lifetime / 10);
  return broker::Secret{.text = std::move(token->token), .until = in(token->lifetime - margin)};
}

// The old one is worth nothing any more.
void CredentialKeeper::keep_refresh_token(std::size_t binding, SecretBytes token) {
  const config::Credential& credential = credentials_[binding].settings;
  const auto& source = credential.source;
  if (source && source->kind == Kind::file) {
    std::string text(token.reveal());
    auto written = tls::write_atomically(source->text, text, 0600);
    zero(text);
    if (!written)
      log::warn(
          "credential \"{}\": the new refresh token could not be written, and the one in {} is of no use any "
          "more: {}",
          credential.name, source->text, written.error().context());
  } else if (source) {
    log::warn(
        "credential \"{}\": {} holds a refresh token that was replaced and is of no use any more; with a "
        "file as its source Weir writes the new one there",
        credential.name, place_of(*source));
  }
  std::lock_guard lock(mutex_);
  slots_[binding].refresh_token = std::move(token);
}

}  // namespace weir::app
