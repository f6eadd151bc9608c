#include "app/gateway_door.h"

#include "relay/chunk_stream.h"
#include "tls/client_identity.h"

namespace weir::app {
namespace {

Result<void> check(const GatewayOptions& options) {
  bool tls = !options.certificate.empty();
  for (const HostPort& place : options.listen)
    if (!tls && !is_loopback_host(place.host))
      return fail(
          Code::bad_config,
          "--listen " + place.str() +
              ": without --cert and --key tokens would come in clear; give both, or listen on 127.0.0.1");
  if (tls == options.key.empty())
    return fail(Code::bad_config,
                std::string("--cert and --key go together; ") + (tls ? "--key" : "--cert") + " is missing");
  bool good = options.prefix.empty() || (options.prefix.starts_with('/') && !options.prefix.ends_with('/'));
  if (!good)
    return fail(Code::bad_config, "--prefix " + options.prefix +
                                      ": wanted is a path such as /relay, without a slash at its end");
  return {};
}

}  // namespace

Result<std::unique_ptr<GatewayDoor>> GatewayDoor::open(const GatewayOptions& options) {
  if (auto checked = check(options); !checked) return pass(checked);
  std::unique_ptr<GatewayDoor> door(new GatewayDoor());
  door->listen_ = options.listen;
  proxy::Gateway& gateway = door->gateway_;
  gateway.sessions = &door->sessions_;
  gateway.prefix = options.prefix;
  gateway.most_tunnels = options.most_tunnels;
  gateway.unwrap = [idle = options.idle](std::unique_ptr<net::Stream> websocket) {
    auto out = std::make_unique<relay::ChunkStream>(std::move(websocket), relay::ChunkStream::End::server,
                                                    std::string());
    out->set_idle_limit(idle);
    return out;
  };
  if (options.certificate.empty()) return door;
  auto identity = tls::load_server_identity(options.certificate, options.key);
  if (!identity) return fail(identity.error().code(), "--cert, --key: " + identity.error().context());
  gateway.identity = std::move(*identity);
  // Whoever has the secrets of these connections has the tokens: tls.keylog is not for them.
  auto tls = tls::ServerContext::make({.alpn = {"http/1.1"}, .key_log = nullptr, .rsa = true});
  if (!tls) return pass(tls);
  gateway.tls.emplace(std::move(*tls));
  return door;
}

}  // namespace weir::app
