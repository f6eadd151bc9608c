#include "app/credential_keeper.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"
#include "base/wipe_freed.h"
#include "base/wipe_stack.h"
#include "broker/oauth.h"
#include "broker/request.h"
#include "tls/file.h"

namespace weir::app {
namespace {

using config::SecretSource;
using Kind = SecretSource::Kind;

/// A file is read again after this long, since somebody may have written a new secret into it.
constexpr std::chrono::seconds kFileStays{5};
/// After a failure, and after a secret that the origin would not have, nobody tries again before this.
constexpr std::chrono::seconds kPause{5};
constexpr std::chrono::seconds kTokenTime{20};

WallNanos in(std::chrono::nanoseconds time) { return wall_now() + time.count(); }

bool is_oauth(const ResolvedCredential& credential) { return credential.settings.oauth.has_value(); }

bool is_aws(const ResolvedCredential& credential) {
  return credential.binding.use == broker::Use::aws_signature;
}

}  // namespace

CredentialKeeper::CredentialKeeper(std::vector<ResolvedCredential> credentials,
                                   std::optional<sandbox::Spawner> spawner, UniqueFd stop)
    : credentials_(std::move(credentials)),
      stop_(std::move(stop)),
      sources_(std::move(spawner), stop_.get()),
      slots_(credentials_.size()) {
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
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return fail_errno(Code::internal, "eventfd", errno);
  std::unique_ptr<CredentialKeeper> out(
      new CredentialKeeper(std::move(credentials), std::move(spawner), std::move(stop)));
  if (auto done = out->read_first(); !done) return pass(done);
  return out;
}

Result<> CredentialKeeper::read_first() {
  bool commands = false;
  for (std::size_t i = 0; i < credentials_.size(); ++i)
    if (bindings_[i].active)
      if (auto done = sources_.take_variables(credentials_[i].settings); !done) return done;
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
  if (!commands) sources_.let_spawner_go();
  rebuild();
  return {};
}

Result<> CredentialKeeper::forget_variables() {
  std::vector<std::string> names;
  for (const ResolvedCredential& credential : credentials_)
    if (credential.binding.active) std::ranges::move(variables_of(credential), std::back_inserter(names));
  return sources_.forget_variables(names);
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
  std::lock_guard lock(mutex_);
  add_thread();
}

void CredentialKeeper::stop() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    threads = std::exchange(threads_, {});
  }
  ::eventfd_write(stop_.get(), 1);
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
  const Result<broker::SecretPtr> ended = fail(Code::shutting_down);
  for (std::size_t i = 0; i < slots_.size(); ++i) settle(i, ended);
}

std::vector<std::uint64_t> CredentialKeeper::uses() const {
  std::vector<std::uint64_t> out;
  for (const Slot& slot : slots_) out.push_back(slot.uses.load(std::memory_order_relaxed));
  return out;
}

broker::SecretPtr CredentialKeeper::at_hand(std::size_t binding) {
  std::unique_lock lock(mutex_);
  Slot& slot = slots_[binding];
  broker::SecretPtr current = slot.current;
  if (!current || (current->until != 0 && current->until <= wall_now())) return nullptr;
  // A file is looked at again meanwhile, and nobody waits for it.
  bool look = !is_oauth(credentials_[binding]) && is_file(credentials_[binding].settings.source);
  if (look && steady_now() - slot.looked > kFileStays) {
    slot.looked = steady_now();
    want(std::move(lock), binding);
  }
  return current;
}

void CredentialKeeper::fetch(std::size_t binding, Reply reply) {
  std::unique_lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    return reply(Failure(Error(Code::shutting_down)));
  }
  slots_[binding].waiting.push_back(std::move(reply));
  want(std::move(lock), binding);
}

// With mutex_, which it gives back.
void CredentialKeeper::want(std::unique_lock<std::mutex> lock, std::size_t binding) {
  if (stopping_ || std::exchange(slots_[binding].renewing, true)) return;
  wanted_.push_back(binding);
  std::string why;
  if (idle_ < wanted_.size() && threads_.size() < slots_.size() && network_) try {
      add_thread();
    } catch (const std::system_error& error) {
      why = error.what();
    }
  lock.unlock();
  wake_.notify_one();
  if (!why.empty()) log::warn("a secret is renewed after another, since there is no thread for it: {}", why);
}

void CredentialKeeper::add_thread() {
  threads_.emplace_back([this] {
    name_thread("weir-secrets");
    run();
  });
  ++idle_;
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
    if (stopping_) return;
    std::size_t binding = wanted_.front();
    wanted_.pop_front();
    --idle_;
    lock.unlock();
    serve(binding);
    wipe_stack();
    lock.lock();
    ++idle_;
  }
}

void CredentialKeeper::serve(std::size_t binding) {
  Slot& slot = slots_[binding];
  std::optional<Error> recent;
  {
    std::lock_guard lock(mutex_);
    if (slot.trouble && steady_now() - slot.tried < kPause) recent = slot.trouble;
  }
  auto secret = recent ? Result<broker::SecretPtr>(std::unexpected(*recent)) : renew(binding);
  if (!secret && !recent) log::warn("credential {}", secret.error().context());
  settle(binding, secret);
}

// Tells who waits.
void CredentialKeeper::settle(std::size_t binding, const Result<broker::SecretPtr>& secret) {
  std::vector<Reply> waiting;
  {
    std::lock_guard lock(mutex_);
    slots_[binding].renewing = false;
    waiting = std::exchange(slots_[binding].waiting, {});
  }
  settled_.notify_all();
  for (Reply& reply : waiting) reply(secret);
}

Result<broker::SecretPtr> CredentialKeeper::obtain(std::size_t binding) {
  {
    std::unique_lock lock(mutex_);
    settled_.wait(lock, [&] { return !slots_[binding].renewing; });
    slots_[binding].renewing = true;
  }
  auto secret = renew(binding);
  settle(binding, secret);
  return secret;
}

Result<broker::SecretPtr> CredentialKeeper::renew(std::size_t binding) {
  WipeFreed wipe;
  const ResolvedCredential& credential = credentials_[binding];
  auto made = is_oauth(credential) ? ask_for_token(binding)
              : is_aws(credential) ? sources_.read_aws(credential.settings)
                                   : sources_.read_spoken(credential.settings);
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

Result<broker::Secret> CredentialKeeper::ask_for_token(std::size_t binding) {
  const config::Credential& credential = credentials_[binding].settings;
  const config::OauthSettings& oauth = *credential.oauth;
  if (!network_) return wrong(credential, Error(Code::credential_failed, "nothing is served yet"));
  Slot& slot = slots_[binding];
  auto fill = [&](const SecretSource& source, SecretBytes& into) -> Result<> {
    auto got = sources_.read(source);
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
  auto answer =
      fetch_token(oauth.token_url, *request, *network_->tls, network_->options, kTokenTime, stop_.get());
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
