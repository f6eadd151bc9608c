#include "proxy/exchange.h"

#include "http/h1/framing.h"
#include "proxy/held_body.h"

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
    if (!client.reverse) {
      take_name_from_host();
      compare_names();
    }
    request_.origin = route_.origin;
    incoming.head().origin = route_.origin;
  }
  judged_as_ = {route_.origin.scheme, client.reverse ? route_.origin.place : route_.dial};
  route_.offer = offer(client);
  route_.caller = client.caller;
  account.request = std::move(incoming.head());
  if (client.reverse && !client.keep_host)
    request_.fields.set("Host", route_.origin.place.authority(route_.origin.scheme == http::Scheme::https));
  strip_hop_by_hop();
  account.request.upgrade =
      request_.upgrade;  // what HTTP/1 says in Upgrade, who looks on finds where HTTP/2 says it
}

void Exchange::hold_body(std::shared_ptr<const std::string> read) {
  cover_body(std::make_unique<HeldBody>(std::move(read), body()));
}

void Exchange::allow(std::unique_ptr<Allowance> allowance, bool metered) {
  allowance_ = std::move(allowance);
  if (!metered || !allowance_) return;
  cover_body(
      std::make_unique<MeteredBody>(body(), [this](std::size_t bytes) { return allowance_->upload(bytes); }));
}

void Exchange::show_to(Onlookers& onlookers) {
  onlooker_ = onlookers.look_on(flow(), !recording_.skipped(), steady_now());
  if (onlooker_ && allowance_) allowance_->leave_to_onlooker();
}

void Exchange::end() {
  if (allowance_) allowance_->ended(flow().request_body.size, sent != TimePoint());
  if (!onlooker_) return;
  recording_.recorder().senders().name(flow());
  onlooker_->ended(flow(), steady_now());
}

// Who gave no more than an address is taken by the name in its request: that is what it is judged by, and
// what is resolved here, whatever the address was.
void Exchange::take_name_from_host() {
  if (!is_ip_literal(route_.dial.host)) return;
  auto place = parse_host_port(request_.fields.get("host").value_or(""), route_.dial.port);
  if (!place || is_ip_literal(place->host) || place->port != route_.dial.port) return;
  route_.dial = route_.origin.place = *place;
}

// The place the client had itself connected to, the one in its ClientHello and the one in Host.
void Exchange::compare_names() {
  if (route_.dial != route_.origin.place) {
    recording_.mark("sni_mismatch");
    claimed_ = route_.origin.place;
  }
  std::string_view host = request_.fields.get("host").value_or("");
  auto place = parse_host_port(host, route_.origin.scheme == http::Scheme::https ? 443 : 80);
  if (place && *place == route_.origin.place) return;
  recording_.mark("host_mismatch");
  // With three names about, one that differs from the first is enough to be refused for.
  if (!claimed_) claimed_ = place ? *place : HostPort{std::string(host), 0};
}

// HTTP/2 towards the origin where the client speaks it: then the origin sees what it would have seen without
// us. Without TLS only prior knowledge is left: in a tunnel the client has it; on the proxy port its HTTP/2
// is with us alone, but gRPC knows no other protocol.
wire::Offer Exchange::offer(const ClientSide& client) const {
  bool h2 = request_.version == http::Version::h2;
  bool tls = route_.origin.scheme == http::Scheme::https;
  if (client.http2 == UpstreamHttp2::never) return wire::Offer::http1;
  if (tls)
    return h2 || client.http2 == UpstreamHttp2::always ? wire::Offer::http2_or_http1 : wire::Offer::http1;
  bool grpc = request_.fields.get("content-type").value_or("").starts_with("application/grpc");
  return h2 && ((client.tunnel && !client.reverse) || grpc) ? wire::Offer::http2 : wire::Offer::http1;
}

void Exchange::strip_hop_by_hop() {
  // A request with a body keeps its protocol: its bytes and those of the new one could not be told apart.
  bool bare = incoming_.body().finished();
  if (bare && request_.fields.has_token("connection", "upgrade") &&
      request_.version == http::Version::http11) {
    std::string_view wanted = request_.fields.get("upgrade").value_or("");
    // h2c would turn the connection into a protocol that the client's side does not speak.
    if (!wanted.empty() && !request_.fields.has_token("upgrade", "h2c")) request_.upgrade = wanted;
  }
  bool http10 = request_.version == http::Version::http10;
  http::h1::remove_hop_by_hop(request_.fields);
  if (http10) request_.fields.remove("expect");
  request_.fields.remove("http2-settings");
}

}  // namespace weir::proxy
