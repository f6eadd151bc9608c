#include "relay/relay_status.h"

#include <unistd.h>

#include "base/json.h"
#include "flow/text.h"

namespace weir::relay {
namespace {

// Of a detail that others have a hand in.
constexpr std::size_t kMostDetail = 500;

}  // namespace

void RelayStatus::ended(Tunnel tunnel) {
  past_.to_upstream += tunnel->to_upstream;
  past_.to_client += tunnel->to_client;
  open_.erase(tunnel);
}

void RelayStatus::failed(const Mishap& mishap, const std::string& host) {
  Kind& kind = troubles_[static_cast<std::size_t>(mishap.kind)];
  ++kind.count;
  kind.time = wall_now();
  kind.host = host;
  kind.last = mishap;
  kind.last.detail.resize(std::min(kind.last.detail.size(), kMostDetail));
  if (mishap.kind == Trouble::gateway_down || mishap.kind == Trouble::gateway_tls) last_silence_ = kind.time;
}

std::optional<bool> RelayStatus::gateway_reachable() const {
  if (last_contact_ == 0 && last_silence_ == 0) return std::nullopt;
  return last_contact_ >= last_silence_;
}

std::string RelayStatus::json() const {
  proxy::TunnelCounts bytes = past_;
  for (const proxy::TunnelCounts& one : open_) {
    bytes.to_upstream += one.to_upstream;
    bytes.to_client += one.to_client;
  }
  std::string out;
  JsonWriter json(out);
  auto time = [&](std::string_view key, WallNanos at) {
    json.key(key);
    at == 0 ? json.null() : json.value(flow::rfc3339(at));
  };
  json.begin_object().field("version", 1).field("pid", static_cast<std::int64_t>(::getpid()));
  time("since", since_);
  json.field("listen", identity_.listen.str()).field("gateway", identity_.gateway);
  json.field("session", identity_.session).field("ca_bundle", identity_.ca_bundle);
  json.field("no_proxy", identity_.no_proxy).field("token_memory", identity_.secrets);
  auto reachable = gateway_reachable();
  json.key("gateway_reachable");
  reachable ? json.value(*reachable) : json.null();
  time("last_contact", last_contact_);
  json.key("tunnels").begin_object().field("open", std::uint64_t{open_.size()}).field("total", total_);
  json.end_object();
  json.key("bytes").begin_object().field("sent", bytes.to_upstream).field("received", bytes.to_client);
  json.end_object().field("keep_alives", keep_alives_);
  json.key("troubles").begin_array();
  for (Trouble each : kTroubles) {
    const Kind& kind = troubles_[static_cast<std::size_t>(each)];
    if (kind.count == 0) continue;
    json.begin_object().field("kind", name(each)).field("title", title(each)).field("count", kind.count);
    time("last", kind.time);
    json.field("host", kind.host).field("status", unsigned{kind.last.status});
    json.field("detail", kind.last.detail).field("advice", advice(each)).end_object();
  }
  json.end_array().end_object();
  return out + "\n";
}

}  // namespace weir::relay
