#include "app/gateway_status.h"

#include <unistd.h>

#include "base/json.h"
#include "flow/text.h"

namespace weir::app {
namespace {

void write_time(JsonWriter& json, std::string_view key, WallNanos time) {
  json.key(key);
  time == 0 ? json.null() : json.value(flow::rfc3339(time));
}

void write_denials(JsonWriter& json, std::string_view counts, std::string_view last,
                   const proxy::Denials::Told& told) {
  json.key(counts).begin_array();
  for (const auto& [reason, count] : told.counts)
    json.begin_object().field("reason", reason).field("count", count).end_object();
  json.end_array().key(last);
  if (told.last == 0) {
    json.null();
    return;
  }
  json.begin_object();
  write_time(json, "time", told.last);
  json.field("reason", told.last_reason).field("detail", told.last_detail).end_object();
}

void write_session(JsonWriter& json, const proxy::RelaySession& session, WallNanos now) {
  auto granted = session.grant();
  if (!granted) return;  // gone from the file since we have asked
  auto count = [](const std::atomic<std::uint64_t>& value) { return value.load(std::memory_order_relaxed); };
  json.begin_object().field("id", session.id).field("note", granted->note);
  write_time(json, "expires", granted->expires);
  json.field("expired", granted->expires != 0 && now >= granted->expires);
  json.field("any_host", granted->any_host);
  json.key("tunnels").begin_object().field("open", count(session.counts.open));
  json.field("total", count(session.counts.tunnels)).end_object();
  json.key("bytes").begin_object().field("received", count(session.counts.received));
  json.field("sent", count(session.counts.sent)).end_object();
  write_denials(json, "denied", "last_denial", session.denials.told());
  json.end_object();
}

}  // namespace

std::string gateway_status(const GatewayIdentity& identity, const proxy::RelaySessions& sessions,
                           WallNanos now) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("version", 1).field("pid", static_cast<std::int64_t>(::getpid()));
  write_time(json, "since", identity.since);
  json.key("listen").begin_array();
  for (const HostPort& place : identity.listen)
    json.value((identity.tls ? "https://" : "http://") + place.str() + identity.prefix);
  json.end_array().field("recording", identity.recording).field("most_tunnels", identity.most_tunnels);
  auto file = sessions.file();
  json.key("sessions_file").begin_object().field("path", identity.sessions_file);
  write_time(json, "read", file.read);
  json.field("mistake", file.mistake).end_object();
  write_denials(json, "refused", "last_refusal", sessions.refusals.told());
  json.key("sessions").begin_array();
  for (const auto& session : sessions.all()) write_session(json, *session, now);
  json.end_array().end_object();
  return out + "\n";
}

}  // namespace weir::app
