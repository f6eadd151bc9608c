#include "app/gateway_door.h"

#include "relay/chunk_stream.h"
#include "tls/client_identity.h"

namespace weir::app {
namespace {

Result<void> check(const config::GatewaySettings& settings) {
  bool tls = !settings.cert.empty();
  if (settings.listen.empty())
    return fail(Code::bad_config, "gateway.listen (--listen) names no address: relays could not come in");
  for (const HostPort& place : settings.listen)
    if (!tls && !is_loopback_host(place.host))
      return fail(Code::bad_config,
                  "gateway.listen (--listen) " + place.str() +
                      ": without gateway.cert and gateway.key (--cert, --key) tokens would come in clear; "
                      "give both, or listen on 127.0.0.1");
  if (tls == settings.key.empty())
    return fail(Code::bad_config, std::string("gateway.cert and gateway.key (--cert, --key) go together; ") +
                                      (tls ? "--key" : "--cert") + " is missing");
  return {};
}

}  // namespace

Result<std::unique_ptr<GatewayDoor>> GatewayDoor::open(const config::GatewaySettings& settings) {
  if (auto checked = check(settings); !checked) return pass(checked);
  std::unique_ptr<GatewayDoor> door(new GatewayDoor());
  door->listen_ = settings.listen;
  proxy::Gateway& gateway = door->gateway_;
  gateway.sessions = &door->sessions_;
  gateway.prefix = settings.prefix;
  gateway.most_tunnels = settings.most_tunnels;
  gateway.unwrap = [idle = settings.idle](std::unique_ptr<net::Stream> websocket,
                                          const proxy::RelaySessionPtr& session) {
    auto out = std::make_unique<relay::ChunkStream>(std::move(websocket), relay::ChunkStream::End::server,
                                                    std::string());
    out->set_idle_limit(idle);
    out->count_into(session->counts.received, session->counts.sent);
    return out;
  };
  if (settings.cert.empty()) return door;
  auto identity = tls::load_server_identity(settings.cert, settings.key);
  if (!identity)
    return fail(identity.error().code(),
                "gateway.cert, gateway.key (--cert, --key): " + identity.error().context());
  gateway.identity = std::move(*identity);
  // Whoever has the secrets of these connections has the tokens: tls.keylog is not for them.
  auto tls = tls::ServerContext::make({.alpn = {"http/1.1"}, .key_log = nullptr, .rsa = true});
  if (!tls) return pass(tls);
  gateway.tls.emplace(std::move(*tls));
  return door;
}

}  // namespace weir::app
