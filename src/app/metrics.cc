#include "app/metrics.h"

#include "config/redaction.h"
#include "config/remote.h"

namespace weir::app {
namespace {

using control::MetricsText;

void write_store(MetricsText& out, const store::SessionStore::Counters& store) {
  out.counter("weir_capture_flows_total", "Flows by what became of their record.");
  out.sample(store.written, {{"result", "written"}}).sample(store.shed_flows, {{"result", "shed"}});
  out.sample(store.lost_flows, {{"result", "lost"}});
  out.counter("weir_capture_shed_bodies_total", "Flows and messages that were recorded without their bytes.")
      .sample(store.shed_bodies);
  out.counter("weir_capture_lost_messages_total", "WebSocket messages that were not recorded.")
      .sample(store.lost_messages);
  out.counter("weir_capture_failed_writes_total", "Attempts to write the record that failed.")
      .sample(store.failed_writes);
  out.gauge("weir_capture_queue_bytes", "Memory of what waits to be recorded.").sample(store.queue_bytes);
  out.gauge("weir_capture_queue_events", "What waits to be recorded.").sample(store.queue_events);
}

void write_jsonl(MetricsText& out, const store::JsonlWriter::Counters& jsonl) {
  out.counter("weir_jsonl_flows_total", "Flows by what became of their line of JSON.");
  out.sample(jsonl.written, {{"result", "written"}}).sample(jsonl.shed_flows, {{"result", "shed"}});
  out.sample(jsonl.lost_flows, {{"result", "lost"}}).sample(jsonl.too_long, {{"result", "too_long"}});
}

void write_redaction(MetricsText& out, const store::RedactingSink::Counters& redaction) {
  out.counter("weir_redacted_flows_total", "Flows in which secrets of the rules were found.")
      .sample(redaction.redacted);
  out.counter("weir_withheld_bodies_total", "Bodies not kept, since nobody could look into them.")
      .sample(redaction.withheld);
}

void write_remote(MetricsText& out, const std::vector<RemoteLogs::Counters>& remote) {
  if (remote.empty()) return;
  out.counter("weir_remote_flows_total", "Flows by receiver and what became of them there.");
  for (const auto& [name, counts] : remote) {
    out.sample(counts.sent, {{"receiver", name}, {"result", "sent"}});
    out.sample(counts.dropped, {{"receiver", name}, {"result", "dropped"}});
    out.sample(counts.refused, {{"receiver", name}, {"result", "refused"}});
    out.sample(counts.lost, {{"receiver", name}, {"result", "lost"}});
  }
  out.counter("weir_remote_failed_attempts_total", "Attempts to send that failed and were made again.");
  for (const auto& [name, counts] : remote) out.sample(counts.failed_attempts, {{"receiver", name}});
  out.gauge("weir_remote_queue_flows", "Flows that wait to be sent.");
  for (const auto& [name, counts] : remote) out.sample(counts.waiting, {{"receiver", name}});
  out.gauge("weir_remote_queue_bytes", "Memory of flows that wait to be sent.");
  for (const auto& [name, counts] : remote) out.sample(counts.waiting_bytes, {{"receiver", name}});
}

void write_relays(MetricsText& out, const proxy::RelaySessions& relays) {
  auto sessions = relays.all();
  using Counts = proxy::RelaySession::Counts;
  auto each = [&](std::atomic<std::uint64_t> Counts::* count) {
    for (const auto& session : sessions)
      out.sample((session->counts.*count).load(std::memory_order_relaxed), {{"session", session->id}});
  };
  out.gauge("weir_gateway_tunnels_open", "Tunnels that are open, by session.");
  each(&Counts::open);
  out.counter("weir_gateway_tunnels_total", "Tunnels that were granted, by session.");
  each(&Counts::tunnels);
  out.counter("weir_gateway_denied_total", "Tunnels that were denied with a 403, by session.");
  each(&Counts::denied);
  out.counter("weir_gateway_refused_total", "Attempts with no token, a wrong one, or too many of them.")
      .sample(relays.refused());
}

}  // namespace

std::string metrics_text(const MetricsState& state) {
  MetricsText out;
  out.gauge("weir_build_info", "Which Weir this is.").sample(1, {{"version", WEIR_VERSION}});
  auto up = std::chrono::duration_cast<std::chrono::seconds>(steady_now() - state.begun);
  out.gauge("weir_uptime_seconds", "Time since the start.").sample(static_cast<std::uint64_t>(up.count()));
  out.gauge("weir_client_connections", "Connections of clients that are open.").sample(state.connections);
  state.flows.counters().write(out);
  out.counter("weir_skipped_flows_total",
              "Flows kept out of the record, and of all other counts, by log_skip.rules.")
      .sample(state.skipped);
  out.counter("weir_internal_complaints_total", "Warnings and errors of Weir itself.")
      .sample(state.complaints);
  if (state.store) write_store(out, *state.store);
  if (state.jsonl) write_jsonl(out, *state.jsonl);
  if (state.redaction) write_redaction(out, *state.redaction);
  write_remote(out, state.remote);
  if (state.relays) write_relays(out, *state.relays);
  return out.take();
}

Result<std::optional<control::MetricsServer::Options>> metrics_options(
    const config::ControlSettings& settings) {
  if (!settings.listen) return std::nullopt;
  if (auto sound = config::check_control(settings); !sound) return pass(sound);
  control::MetricsServer::Options out{.listen = *settings.listen, .token = {}};
  if (settings.token_file.empty()) return out;
  auto token = config::read_secret({.kind = config::SecretSource::Kind::file, .text = settings.token_file});
  if (token && token->empty()) token = fail(Code::bad_config, settings.token_file + " is empty");
  if (!token) return fail(Code::bad_config, "control.token_file: " + token.error().context());
  out.token = std::move(*token);
  return out;
}

}  // namespace weir::app
