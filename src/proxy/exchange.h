// Exchange: one live request and its response. Owned by the coroutine that carries it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/allowance.h"
#include "proxy/disclosure.h"
#include "proxy/leak_search.h"
#include "proxy/onlooker.h"
#include "proxy/recorder.h"
#include "proxy/relay_sessions.h"
#include "wire/connection.h"
#include "wire/upstream_pool.h"

namespace weir::proxy {

/// When origins are offered HTTP/2: where the client speaks it too, always (over TLS), or never.
enum class UpstreamHttp2 : std::uint8_t { mirror, always, never };

/// What is known of the client connection an exchange came on.
struct ClientSide {
  flow::ConnectionId connection = 0;
  flow::Interception interception = flow::Interception::plain;
  /// Inside a tunnel: where all its requests go. Nothing on the proxy port, where each request says it
  /// itself.
  std::optional<wire::Route> tunnel;
  UpstreamHttp2 http2 = UpstreamHttp2::mirror;
  wire::Caller caller = wire::Caller::foreign;
  /// Reverse mode: Host is the client's name for us, and is replaced by the origin's unless it is to be kept.
  bool reverse = false;
  bool keep_host = false;
  /// Behind a relay: whose session it is, which bounds where its requests may go.
  RelaySessionPtr relay;
};

/// Heads exist twice: in the flow as they were received, and here as they are sent on; filters change these.
class Exchange {
 public:
  Exchange(wire::Incoming& incoming, const ClientSide& client, Recorder& recorder);

  wire::Incoming& incoming() { return incoming_; }
  const ClientSide& client() const { return client_; }
  Recording& recording() { return recording_; }
  flow::Flow& flow() { return recording_.flow(); }

  http::RequestHead& request() { return request_; }
  http::ResponseHead& response() { return response_; }
  wire::Route& route() { return route_; }
  /// What policy goes by (mission D5): the place that the client asked us for. Where that was a bare address,
  /// the name it asks the address for.
  const http::Origin& judged_as() const { return judged_as_; }
  /// Another place that the client names to the origin, in Host or in its ClientHello, if it does.
  const std::optional<HostPort>& claimed() const { return claimed_; }
  /// The request's body as it is to be sent on.
  wire::Body& body() { return bodies_.empty() ? incoming_.body() : *bodies_.back(); }
  /// What was read of body() before it is sent goes first, and need not be read again.
  void hold_body(std::shared_ptr<const std::string> read);
  /// What budgets have let this exchange take; `metered`: every part of body() is told to them.
  void allow(std::unique_ptr<Allowance> allowance, bool metered);
  /// From now on body() is `outer`, which reads from what it was before.
  void cover_body(std::unique_ptr<wire::Body> outer) { bodies_.push_back(std::move(outer)); }

  /// What puts secrets into the request as it leaves; null for most.
  Disclosure* disclosure() { return disclosure_.get(); }
  void disclose_by(std::unique_ptr<Disclosure> disclosure) { disclosure_ = std::move(disclosure); }

  /// What is looked for where the exchange becomes a tunnel; nothing when nothing is.
  std::optional<LeakSearch>& tunnel_search() { return tunnel_search_; }

  /// Null when nobody looks on.
  Onlooker* onlooker() { return onlooker_.get(); }
  void show_to(Onlookers& onlookers);
  /// Tells the onlooker that all is over, once.
  void end();
  bool client_gone = false;
  TimePoint sent{};  ///< when the request's last byte went out; the epoch until then

 private:
  void strip_hop_by_hop();
  wire::Offer offer(const ClientSide& client) const;
  void take_name_from_host();
  void compare_names();

  wire::Incoming& incoming_;
  const ClientSide& client_;
  Recording recording_;
  std::unique_ptr<Onlooker> onlooker_;
  std::vector<std::unique_ptr<wire::Body>>
      bodies_;  // each reads from the one before, the first from incoming_
  std::unique_ptr<Allowance> allowance_;
  std::unique_ptr<Disclosure> disclosure_;
  std::optional<LeakSearch> tunnel_search_;
  http::RequestHead request_;
  http::ResponseHead response_;
  wire::Route route_;
  http::Origin judged_as_;
  std::optional<HostPort> claimed_;
};

}  // namespace weir::proxy
