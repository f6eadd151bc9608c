#include "proxy/log_skip.h"

#include <utility>

namespace weir::proxy {

bool LogSkip::matches(const flow::Flow& flow) const {
  bool opaque = flow.kind == flow::Kind::tunnel;
  policy::Question question{.origin = flow.request.origin,
                            .method = flow.request.method,
                            .target = opaque ? std::string_view() : flow.request.target,
                            .opaque = opaque};
  return rules_->decide(question).action == policy::Action::allow;
}

bool LogSkip::matches(const HostPort& place) const {
  http::Origin origin{http::Scheme::https, place};
  return rules_->decide({.origin = origin, .method = "CONNECT", .target = "", .opaque = true}).action ==
         policy::Action::allow;
}

void HeldConnections::note(std::unique_ptr<flow::Connection> connection) {
  flow::ConnectionId id = connection->id;
  bool ended = connection->closed != 0;
  Entry& entry = entries_[id];
  bool told = entry.told || (ended && worth_telling(*connection, entry));
  if (told)
    sink_.connection(std::move(connection));
  else
    entry.held = std::move(connection);
  if (ended) entries_.erase(id);
}

// Of one that has ended before a flow was told of that went over it, and perhaps is still under way.
bool HeldConnections::worth_telling(const flow::Connection& connection, const Entry& entry) const {
  bool named = entry.skipped;
  for (const flow::Flow* flow : open_) {
    if (flow->client_connection != connection.id && flow->upstream_connection != connection.id) continue;
    if (!skip_.matches(*flow)) return true;
    named = true;
  }
  // What went upstream without a flow in the end was an attempt, for nobody knows which.
  if (named || connection.leg == flow::Leg::upstream) return false;
  return connection.sni.empty() || !skip_.matches(HostPort{connection.sni, 443});
}

void HeldConnections::release(flow::ConnectionId id) {
  auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.told = true;
  if (found->second.held) sink_.connection(std::move(found->second.held));
}

void HeldConnections::tell_of(const flow::Flow& flow) {
  release(flow.client_connection);
  release(flow.upstream_connection);
}

void HeldConnections::ended(const flow::Flow& flow, bool skipped) {
  open_.erase(&flow);
  if (!skipped) return tell_of(flow);
  for (flow::ConnectionId id : {flow.client_connection, flow.upstream_connection})
    if (auto found = entries_.find(id); found != entries_.end()) found->second.skipped = true;
}

}  // namespace weir::proxy
