#include "app/options.h"

#include <memory>

#include "config/paths.h"
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
    const auto& proxy = scheme == http::Scheme::https ? shared->for_https : shared->for_http;
    if (!proxy || exempt->matches(to)) return std::nullopt;
    return wire::UpstreamProxy{proxy->address, proxy->authorization()};
  };
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
  return {};
}

}  // namespace

Result<RoomOptions> room_options(const config::Settings& settings) {
  RoomOptions out;
  const config::LimitSettings& limits = settings.limits;
  http::h1::Limits head;
  head.head_bytes = limits.head_bytes;
  out.session.limits.head = head;
  out.session.limits.head_timeout = limit(limits.head_timeout);
  out.session.limits.idle_timeout = limit(limits.idle_timeout);
  out.session.limits.body_idle = limits.body_idle_timeout;
  out.session.tls_timeout = limit(limits.tls_timeout);
  out.session.wait_for_capture = settings.capture.when_full == config::WhenFull::slow;
  out.walk.response_timeout = limits.response_timeout;
  out.walk.block_when_capture_fails = settings.capture.on_failure == config::OnCaptureFailure::block;
  out.pool.limits.head = head;
  out.pool.limits.response_timeout = limits.response_timeout;
  out.pool.limits.body_idle = limits.body_idle_timeout;
  out.pool.connect_timeout = limit(limits.connect_timeout);
  out.pool.tls_timeout = limit(limits.tls_timeout);
  if (auto done = set_tls(settings.tls, out); !done) return pass(done);
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
  out.body_limit = settings.capture.body_bytes;
  return out;
}

}  // namespace weir::app
