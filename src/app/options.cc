#include "app/options.h"

#include <algorithm>
#include <memory>

#include "base/wipe_freed.h"
#include "config/doors.h"
#include "config/log_skip.h"
#include "config/paths.h"
#include "config/redaction.h"
#include "config/upstream_proxy.h"
#include "policy/no_proxy.h"

namespace weir::app {
namespace {

// Users write 0 for "no limit"; a century is one.
Duration limit(std::chrono::milliseconds setting) {
  return setting.count() > 0 ? Duration(setting) : Duration(std::chrono::years(100));
}

Result<policy::HostPatterns> patterns(const std::vector<std::string>& list, std::string_view setting) {
  auto compiled = policy::HostPatterns::compile(list);
  if (!compiled) return fail(Code::bad_config, std::string(setting) + ": " + compiled.error().context());
  return compiled;
}

Result<void> set_upstream(const config::Settings& settings, wire::PoolOptions& pool) {
  auto proxies = config::upstream_proxies(settings.upstream);
  if (!proxies) return pass(proxies);
  auto direct = policy::NoProxy::compile(proxies->no_proxy);
  if (!direct) return pass(direct);
  if (!proxies->for_http && !proxies->for_https) return {};
  auto shared = std::make_shared<const config::UpstreamProxies>(std::move(*proxies));
  auto exempt = std::make_shared<const policy::NoProxy>(std::move(*direct));
  pool.proxy_for = [shared, exempt](const HostPort& to,
                                    http::Scheme scheme) -> std::optional<wire::UpstreamProxy> {
    if (exempt->matches(to)) return std::nullopt;
    return scheme == http::Scheme::https ? shared->for_https : shared->for_http;
  };
  return {};
}

Result<void> set_doors(const config::Settings& settings, proxy::SessionOptions& session) {
  if (auto sound = config::check_doors(settings); !sound) return sound;
  WipeFreed wipe;
  std::vector<proxy::User> users;
  for (const SecretText& text : settings.proxy_auth.users) {
    auto user = config::parse_proxy_user(text.reveal());
    if (!user) return pass(user);
    users.push_back(std::move(*user));
  }
  session.credentials = proxy::Credentials(users);
  session.reverse_keep_host = settings.reverse_keep_host;
  if (settings.reverse.empty()) return {};
  auto origin = config::parse_reverse(settings.reverse);
  if (!origin) return pass(origin);
  session.reverse = std::move(*origin);
  return {};
}

Result<void> set_certificates(const config::TlsSettings& settings, RoomOptions& out) {
  for (const config::ClientCertificate& each : settings.client_certificates) {
    auto hosts = patterns({each.host}, "tls.client_certificates");
    if (!hosts) return pass(hosts);
    auto shared = std::make_shared<const policy::HostPatterns>(std::move(*hosts));
    out.certificates.push_back(
        {each.host, [shared](const HostPort& place) { return shared->matches(place); }, each.cert, each.key});
  }
  return {};
}

Result<void> set_tls(const config::TlsSettings& settings, RoomOptions& out) {
  auto intercept = patterns(settings.intercept, "tls.intercept");
  if (!intercept) return pass(intercept);
  auto passthrough = patterns(settings.passthrough, "tls.passthrough");
  if (!passthrough) return pass(passthrough);
  auto insecure = patterns(settings.insecure_hosts, "tls.insecure_hosts");
  if (!insecure) return pass(insecure);
  out.session.intercept = std::move(*intercept);
  out.session.passthrough = std::move(*passthrough);
  auto shared = std::make_shared<const policy::HostPatterns>(std::move(*insecure));
  out.pool.insecure = [shared](const HostPort& place) { return shared->matches(place); };
  out.session.auto_passthrough = settings.auto_passthrough;
  out.rejections.pass_for = limit(settings.auto_passthrough_for);
  return set_certificates(settings, out);
}

void set_jsonl(const config::Settings& settings, RoomOptions& out) {
  const config::CaptureSettings& capture = settings.capture;
  if (!capture.jsonl) return;
  std::filesystem::path data = settings.data_dir;
  out.jsonl = {.folder = capture.jsonl_dir.empty() ? data / "logs" / "proxy"
                                                   : std::filesystem::path(capture.jsonl_dir),
               .session = {},
               .roll_bytes = capture.jsonl_roll_bytes,
               .keep = capture.jsonl_keep};
}

Result<void> set_redaction(const config::Settings& settings, std::shared_ptr<const flow::LiveSecrets> live,
                           RoomOptions& out) {
  auto skip = config::compile(settings.log_skip);
  if (!skip) return fail(Code::bad_config, "log_skip.rules: " + skip.error().context());
  out.log_skip = std::move(*skip);
  auto options = config::resolve(settings.redaction);
  if (!options) return pass(options);
  options->live = std::move(live);
  if (options->rules.empty() && options->names.empty() && !options->live) return {};
  auto redactor = flow::Redactor::compile(std::move(*options));
  if (!redactor) return pass(redactor);
  out.redactor = std::move(*redactor);
  return {};
}

}  // namespace

Result<RoomOptions> room_options(const config::Settings& settings,
                                 std::shared_ptr<const flow::LiveSecrets> live) {
  RoomOptions out;
  out.sight = {settings.tls.intercept, settings.tls.passthrough};
  out.private_hosts = settings.upstream.private_hosts;
  auto filtering = compile_filter(settings.filter, out.private_hosts, out.sight);
  if (!filtering) return pass(filtering);
  out.filtering = std::move(*filtering);
  const config::LimitSettings& limits = settings.limits;
  http::h1::Limits head;
  head.head_bytes = limits.head_bytes;
  out.session.limits.head = head;
  out.session.h2.session.head_bytes = out.pool.h2.session.head_bytes = limits.head_bytes;
  // Responses are larger than requests, and origins farther away than clients.
  out.pool.h2.session.stream_window = 1 << 20;
  out.pool.h2.session.connection_window = 4 << 20;
  out.pool.h2.held_bytes = 16 << 20;
  out.session.limits.head_timeout = limit(limits.head_timeout);
  out.session.limits.idle_timeout = limit(limits.idle_timeout);
  out.session.limits.body_idle = limits.body_idle_timeout;
  out.session.tls_timeout = limit(limits.tls_timeout);
  out.session.wait_for_capture = settings.capture.when_full == config::WhenFull::slow;
  switch (settings.upstream.http2) {
    case config::UpstreamHttp2::mirror: out.session.upstream_http2 = proxy::UpstreamHttp2::mirror; break;
    case config::UpstreamHttp2::always: out.session.upstream_http2 = proxy::UpstreamHttp2::always; break;
    case config::UpstreamHttp2::never: out.session.upstream_http2 = proxy::UpstreamHttp2::never; break;
  }
  out.walk.wait_for_capture = out.session.wait_for_capture;
  out.walk.response_timeout = limits.response_timeout;
  out.walk.block_when_capture_fails = settings.capture.on_failure == config::OnCaptureFailure::block;
  out.pool.limits.head = head;
  out.pool.limits.response_timeout = limits.response_timeout;
  out.pool.limits.body_idle = limits.body_idle_timeout;
  out.pool.connect_timeout = limit(limits.connect_timeout);
  out.pool.tls_timeout = limit(limits.tls_timeout);
  if (auto done = set_doors(settings, out.session); !done) return pass(done);
  if (auto done = set_tls(settings.tls, out); !done) return pass(done);
  if (auto done = set_redaction(settings, std::move(live), out); !done) return pass(done);
  if (auto done = set_upstream(settings, out.pool); !done) return pass(done);
  auto root = config::data_root();
  if (!root) return pass(root);
  out.store.data_dir = settings.data_dir;
  out.store.catalog = std::filesystem::path(*root) / "catalog.db";
  out.store.version = WEIR_VERSION;
  out.store.when_full =
      settings.capture.when_full == config::WhenFull::slow ? flow::WhenFull::slow : flow::WhenFull::drop;
  out.store.queue_bytes = settings.capture.queue_bytes;
  out.store.roll_bytes = settings.capture.roll_bytes;
  out.store.retention_days = static_cast<int>(settings.capture.retention_days);
  out.store.retention_bytes = settings.capture.retention_bytes;
  out.drain_timeout = limit(limits.drain_timeout);
  out.connections = limits.connections;
  set_jsonl(settings, out);
  auto models = model_options(settings.models);
  if (!models) return pass(models);
  out.models = std::move(*models);
  auto receivers = remote_receivers(settings.logging);
  if (!receivers) return pass(receivers);
  out.receivers = std::move(*receivers);
  out.flush_timeout = limit(settings.logging.flush_timeout);
  bool sent = std::ranges::any_of(out.receivers, [](const auto& receiver) { return receiver.sink.bodies; });
  bool kept = settings.capture.enabled || settings.capture.jsonl || sent;
  out.body_limit = kept ? settings.capture.body_bytes : 0;
  return out;
}

}  // namespace weir::app
