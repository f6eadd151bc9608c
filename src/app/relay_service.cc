#include "app/relay_service.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/options.h"
#include "app/status_socket.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "relay/certificate_fetch.h"

namespace weir::app {
namespace {

constexpr std::size_t kMostToken = 16 << 10;

std::string_view words(SecretBytes::Keeping keeping) {
  switch (keeping) {
    case SecretBytes::Keeping::secret: return "secret";
    case SecretBytes::Keeping::locked: return "locked";
    default: return "plain";
  }
}

void raise_descriptor_limit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) log::debug("cannot raise the limit of open files");
}

void remove_token(const std::string& file) {
  if (::unlink(file.c_str()) == 0 || errno == ENOENT) return;
  log::warn("the token file could not be removed, so that others of this user can read it: {}",
            fail_errno(Code::io, file, errno).error().context());
}

Result<SecretBytes> read_token(const RelayChoice& choice) {
  auto token = read_secret_file(choice.token_file, kMostToken);
  if (!token)
    return fail(token.error().code(), "the session's token cannot be read: " + token.error().context());
  if (choice.unlink_first) remove_token(choice.token_file);
  return token;
}

Result<tls::ClientContext> make_tls(const config::Settings& settings, const RoomOptions& options) {
  tls::ClientOptions out;
  for (const std::string& file : settings.tls.upstream_ca) out.extra_roots.emplace_back(file);
  out.certificates = options.certificates;
  return tls::ClientContext::make(std::move(out));
}

relay::AgentOptions agent_options(relay::BaseUrl base, RoomOptions& options) {
  relay::AgentOptions out;
  out.connector.connect_timeout = options.pool.connect_timeout;
  out.connector.tls_timeout = options.pool.tls_timeout;
  // What is on this machine is reached from this machine.
  if (!is_loopback_host(base.origin.place.host)) out.connector.proxy_for = std::move(options.pool.proxy_for);
  out.link.base = std::move(base);
  return out;
}

Result<void> write_bundle(const RelayChoice& choice, const relay::BaseUrl& base,
                          const tls::ClientContext& tls, const wire::ConnectorOptions& options) {
  auto pem = relay::fetch_certificate(base, tls, options);
  if (!pem) return fail(pem.error().code(), "no CA certificate of the gateway: " + pem.error().message());
  return relay::write_relay_bundle(choice.bundle, choice.system_ca, *pem);
}

}  // namespace

Result<std::unique_ptr<RelayService>> RelayService::start(const RelayChoice& choice,
                                                          const config::Settings& settings,
                                                          const Hardening& hardening) {
  auto base = relay::parse_base_url(choice.base);
  if (!base) return pass(base);
  if (!is_loopback_host(choice.listen.host))
    return fail(Code::bad_config, "a relay listens on this machine alone, since it asks nobody who he is");
  auto options = room_options(settings);
  if (!options) return pass(options);
  auto token = read_token(choice);
  if (!token) return pass(token);
  auto credential = relay::RelayCredential::make(*base, choice.session, std::move(*token));
  if (!credential) return pass(credential);
  auto tls = make_tls(settings, *options);
  if (!tls) return pass(tls);
  std::unique_ptr<RelayService> out(new RelayService(std::move(*credential), std::move(*tls)));
  relay::AgentOptions agent = agent_options(std::move(*base), *options);
  if (auto written = write_bundle(choice, agent.link.base, out->tls_, agent.connector); !written)
    return pass(written);
  raise_descriptor_limit();
  auto listener = net::listen_tcp(choice.listen.host, choice.listen.port, false);
  if (!listener) return pass(listener);
  auto status = open_status_socket(choice.status_dir, kRelayStatus);
  if (!status) return pass(status);
  out->socket_ = status->path;
  out->identity_ = {.listen = {choice.listen.host, net::bound_port(listener->get())},
                    .gateway = agent.link.base.str(),
                    .session = choice.session,
                    .ca_bundle = choice.bundle,
                    .no_proxy = relay::relay_no_proxy(choice.direct),
                    .secrets = std::string(words(out->credential_.keeping()))};
  if (!choice.unlink_first) remove_token(choice.token_file);
  auto confined = hardening.confine({.writable = {}, .removable_from = {choice.status_dir}});
  if (!confined) return pass(confined);
  log::debug("{}", *confined);
  out->serve(std::move(agent), std::move(*listener), std::move(status->fd));
  return out;
}

void RelayService::serve(relay::AgentOptions options, UniqueFd listener, UniqueFd status) {
  status_.emplace(identity_);
  status_->reached();  // it has sent its certificate
  agent_ = std::make_unique<relay::Agent>(loop_, std::move(options), credential_, tls_, *status_);
  agent_->serve(std::move(listener));
  agent_->tell_status(std::move(status), may_ask_status);
  thread_ = std::thread([this] {
    name_thread("weir-relay");
    loop_.run();
  });
}

std::vector<relay::Variable> RelayService::variables() const {
  return relay::relay_variables(identity_.listen, identity_.ca_bundle, identity_.no_proxy);
}

async::Task<void> RelayService::finish() {
  co_await agent_->finish();
  loop_.stop();
}

RelayService::~RelayService() {
  if (thread_.joinable()) {
    loop_.post([this] { finishing_.spawn(finish()); });
    thread_.join();
  }
  if (!socket_.empty()) ::unlink(socket_.c_str());
}

}  // namespace weir::app
