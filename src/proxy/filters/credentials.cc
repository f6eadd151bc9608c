#include "proxy/filters/credentials.h"

#include <utility>

#include "async/signal.h"
#include "base/log.h"
#include "proxy/aws_body.h"
#include "proxy/guarded_body.h"
#include "proxy/read_ahead.h"

namespace weir::proxy {
namespace {

/// Shared with who fetches: the secret may come when nobody waits any more.
struct Pending {
  explicit Pending(async::Loop& loop) : told(loop) {}
  async::Signal told;
  std::optional<Result<broker::SecretPtr>> secret;
};

class SpokenSecrets final : public Disclosure {
 public:
  SpokenSecrets(Secrets& secrets, broker::Plan plan, std::vector<broker::SecretPtr> of_used)
      : secrets_(secrets), plan_(std::move(plan)), of_used_(std::move(of_used)) {}

  Result<http::RequestHead> disclose(const http::RequestHead& head) override {
    for (std::size_t binding : plan_.used) secrets_.used(binding);
    return broker::with_secrets(head, secrets_.bindings(), plan_,
                                [this](std::size_t binding) { return secret(binding)->text.reveal(); });
  }

  void answered(std::uint16_t status) override {
    constexpr std::uint16_t kUnauthorized = 401;
    if (status != kUnauthorized) return;
    for (std::size_t binding : plan_.used) secrets_.rejected(binding, secret(binding));
  }

 private:
  const broker::SecretPtr& secret(std::size_t binding) const {
    return of_used_[static_cast<std::size_t>(std::ranges::find(plan_.used, binding) - plan_.used.begin())];
  }

  Secrets& secrets_;
  broker::Plan plan_;
  std::vector<broker::SecretPtr> of_used_;
};

class SignedAgain final : public Disclosure {
 public:
  /// `spoken` puts in what else the request is to have, if there is any; `body`, where it is of signed
  /// chunks, outlives it.
  SignedAgain(Secrets& secrets, std::unique_ptr<Disclosure> spoken, broker::AwsPlan plan,
              broker::SecretPtr keys, std::string body_hash, AwsBody* body)
      : secrets_(secrets),
        spoken_(std::move(spoken)),
        plan_(std::move(plan)),
        keys_(std::move(keys)),
        body_hash_(std::move(body_hash)),
        body_(body) {}

  Result<http::RequestHead> disclose(const http::RequestHead& head) override {
    secrets_.used(plan_.binding);
    auto out = spoken_ ? spoken_->disclose(head) : Result<http::RequestHead>(head);
    if (!out) return out;
    broker::AwsKeys keys{keys_->access_key_id.reveal(), keys_->text.reveal(), keys_->session_token.reveal()};
    auto seed = broker::sign_again(*out, plan_.signature, keys, body_hash_);
    if (!seed) {
      if (out->secret_target) zero(out->target);
      return pass(seed);
    }
    if (body_ != nullptr) body_->begin(std::move(*seed));
    return out;
  }

  void answered(std::uint16_t status) override {
    constexpr std::uint16_t kForbidden = 403;
    if (status == kForbidden) secrets_.rejected(plan_.binding, keys_);
    if (spoken_) spoken_->answered(status);
  }

 private:
  Secrets& secrets_;
  std::unique_ptr<Disclosure> spoken_;
  broker::AwsPlan plan_;
  broker::SecretPtr keys_;
  std::string body_hash_;
  AwsBody* body_;
};

/// Somebody is to hear of it, whoever the client is; and not what must not leave.
void complain(Exchange& exchange, const broker::Guard& guard, const Error& error) {
  auto shown = [&](std::string text) { return guard.find(text, {}) ? "(not shown)" : text; };
  log::warn("SECRET: {} {} is refused: {}", shown(exchange.request().method),
            shown(exchange.judged_as().str()), error.message());
}

}  // namespace

async::Task<Result<std::optional<Answer>>> CredentialFilter::on_request(Exchange& exchange) {
  if (auto named = compare_names(exchange); !named) co_return pass(named);
  const broker::Bindings& bindings = secrets_.bindings();
  auto guard = secrets_.guard();
  auto plan = broker::judge(bindings, *guard, exchange.request(), exchange.judged_as());
  if (!plan) {
    complain(exchange, *guard, plan.error());
    co_return pass(plan);
  }
  guard_body(exchange, std::move(guard), plan->allowed);
  if (!exchange.request().upgrade.empty()) guard_tunnel(exchange, plan->allowed);
  std::vector<broker::SecretPtr> of_used;
  for (std::size_t binding : plan->used) {
    auto secret = co_await secret_of(exchange, binding);
    if (!secret) co_return pass(secret);
    of_used.push_back(std::move(*secret));
    exchange.recording().mark("credential:" + bindings[binding].name);
  }
  std::optional<broker::AwsPlan> aws = std::move(plan->aws);
  std::unique_ptr<Disclosure> spoken;
  if (!of_used.empty())
    spoken = std::make_unique<SpokenSecrets>(secrets_, std::move(*plan), std::move(of_used));
  if (aws) {
    auto done = co_await sign_again(exchange, *aws, std::move(spoken));
    if (!done) co_return pass(done);
  } else if (spoken) {
    exchange.disclose_by(std::move(spoken));
  }
  co_return std::nullopt;
}

async::Task<Result<void>> CredentialFilter::sign_again(Exchange& exchange, const broker::AwsPlan& plan,
                                                       std::unique_ptr<Disclosure> spoken) {
  using Payload = broker::AwsSignature::Payload;
  auto keys = co_await secret_of(exchange, plan.binding);
  if (!keys) co_return pass(keys);
  std::string hash;
  AwsBody* chunks = nullptr;
  if (plan.signature.payload == Payload::needed) {
    auto read = co_await read_ahead(loop_, exchange, "its hash is to be signed");
    if (!read) co_return pass(read);
    if (read->cut)
      co_return fail(
          Code::credential_failed,
          "the body is longer than the 32 MiB that are read to sign their hash; let the client say the "
          "hash itself, in x-amz-content-sha256");
    hash = broker::hex_sha256(*read->body);
  } else if (plan.signature.payload != Payload::stated) {
    auto body =
        std::make_unique<AwsBody>(exchange.body(), plan.signature.payload == Payload::chunks_and_trailer);
    chunks = body.get();
    exchange.cover_body(std::move(body));
  }
  exchange.recording().mark("credential:" + secrets_.bindings()[plan.binding].name);
  exchange.disclose_by(std::make_unique<SignedAgain>(secrets_, std::move(spoken), plan, std::move(*keys),
                                                     std::move(hash), chunks));
  co_return Result<void>();
}

// Who is named to the origin might be another than the one the secret is bound to.
Result<void> CredentialFilter::compare_names(Exchange& exchange) const {
  const auto& claimed = exchange.claimed();
  if (!claimed) return {};
  const http::Origin& origin = exchange.judged_as();
  for (const broker::Binding& binding : secrets_.bindings())
    if (binding.hosts.matches(origin.place) || binding.hosts.matches(*claimed))
      return fail(Code::misdirected_request, "a request for " + claimed->str() + " on a connection to " +
                                                 origin.place.str() + ", one of which the credential \"" +
                                                 binding.name + "\" is bound to");
  return {};
}

async::Task<Result<broker::SecretPtr>> CredentialFilter::secret_of(Exchange& exchange, std::size_t binding) {
  if (auto secret = secrets_.at_hand(binding)) co_return secret;
  auto pending = std::make_shared<Pending>(loop_);
  secrets_.fetch(binding, [pending, &loop = loop_](Result<broker::SecretPtr> secret) {
    loop.post([pending, secret = std::move(secret)]() mutable {
      pending->secret = std::move(secret);
      pending->told.notify();
    });
  });
  exchange.incoming().on_client_gone([pending, &exchange] {
    exchange.client_gone = true;
    pending->told.notify();
  });
  while (!pending->secret && !exchange.client_gone) co_await pending->told.wait();
  exchange.incoming().on_client_gone(nullptr);
  if (!pending->secret) co_return fail(Code::client_closed);
  co_return std::move(*pending->secret);
}

void CredentialFilter::guard_body(Exchange& exchange, std::shared_ptr<const broker::Guard> guard,
                                  broker::Allowed allowed) {
  wire::Body& body = exchange.body();
  if (body.finished() && body.trailers().empty()) return;
  auto explain = [this, &exchange, guard](broker::Guarded thing) {
    Error error =
        broker::leak(secrets_.bindings(), thing, "the body", exchange.judged_as(), exchange.request().target);
    complain(exchange, *guard, error);
    return error;
  };
  exchange.cover_body(
      std::make_unique<GuardedBody>(body, std::move(guard), std::move(allowed), std::move(explain)));
}

// What the client sends when the origin has consented to another protocol.
void CredentialFilter::guard_tunnel(Exchange& exchange, broker::Allowed allowed) {
  auto explain = [this, &exchange](broker::Guarded thing) {
    Error error = broker::leak(secrets_.bindings(), thing, "a message", exchange.judged_as(),
                               exchange.request().target);
    complain(exchange, *secrets_.guard(), error);
    return error;
  };
  exchange.tunnel_search().emplace(secrets_, std::move(allowed), std::move(explain));
}

}  // namespace weir::proxy
