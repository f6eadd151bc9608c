#include "proxy/exchange.h"

#include "http/h1/framing.h"

namespace weir::proxy {

Exchange::Exchange(wire::Incoming& incoming, const ClientSide& client, Recorder& recorder)
    : incoming_(incoming), client_(client), recording_(recorder), request_(incoming.head()) {
  flow::Flow& account = flow();
  account.client_connection = client.connection;
  account.interception = client.interception;
  account.request_head_bytes = incoming.head_bytes();
  route_ = client.tunnel ? *client.tunnel : wire::Route{request_.origin, request_.origin.place};
  if (client.tunnel) {
    // The name the tunnel was opened for is where the request goes, whatever its Host says
    // (docs/life_of_a_request).
    std::string_view host = request_.fields.get("host").value_or("");
    auto place = parse_host_port(host, route_.origin.scheme == http::Scheme::https ? 443 : 80);
    if (!place || *place != route_.origin.place) recording_.mark("host_mismatch");
    request_.origin = route_.origin;
    incoming.head().origin = route_.origin;
  }
  account.request = std::move(incoming.head());
  strip_hop_by_hop();
}

void Exchange::strip_hop_by_hop() {
  // A request with a body keeps its protocol: its bytes and those of the new one could not be told apart.
  bool bare = incoming_.body().finished();
  if (bare && request_.fields.has_token("connection", "upgrade") &&
      request_.version == http::Version::http11) {
    std::string_view wanted = request_.fields.get("upgrade").value_or("");
    // h2c would turn the connection into a protocol that nobody here reads.
    if (!wanted.empty() && !request_.fields.has_token("upgrade", "h2c")) upgrade_ = wanted;
  }
  bool http10 = request_.version == http::Version::http10;
  http::h1::remove_hop_by_hop(request_.fields);
  if (http10) request_.fields.remove("expect");
  request_.fields.remove("http2-settings");
  // What is left of these two is named in Connection again (RFC 9110 sections 7.6.1 and 10.1.4).
  bool trailers = request_.fields.has("te");
  if (!upgrade_.empty()) {
    request_.fields.add("Connection", trailers ? "Upgrade, TE" : "Upgrade");
    request_.fields.add("Upgrade", upgrade_);
  } else if (trailers) {
    request_.fields.add("Connection", "TE");
  }
}

}  // namespace weir::proxy
