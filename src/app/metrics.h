// What a server tells about itself in metrics.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/observer.h"
#include "app/remote_logs.h"
#include "config/settings.h"
#include "control/metrics_counters.h"
#include "control/metrics_server.h"
#include "proxy/relay_sessions.h"
#include "store/jsonl_writer.h"
#include "store/redacting_sink.h"
#include "store/session_store.h"

namespace weir::app {

class FlowMetrics final : public Observer {
 public:
  void closed(const flow::Flow& flow) override { counters_.count(flow); }
  const control::FlowCounters& counters() const { return counters_; }

 private:
  control::FlowCounters counters_;
};

/// The state of a server at one moment.
struct MetricsState {
  const FlowMetrics& flows;
  TimePoint begun;
  std::size_t connections = 0;  ///< of clients, open now
  std::optional<store::SessionStore::Counters> store;
  std::optional<store::JsonlWriter::Counters> jsonl;
  std::optional<store::RedactingSink::Counters> redaction;
  std::uint64_t skipped = 0, complaints = 0;
  std::vector<RemoteLogs::Counters> remote;
  const proxy::RelaySessions* relays = nullptr;  ///< of a gateway
};
std::string metrics_text(const MetricsState& state);

/// Nothing when no control port is wanted. Errors (bad_config): an address that others can reach without what
/// it takes, a token that cannot be read.
Result<std::optional<control::MetricsServer::Options>> metrics_options(
    const config::ControlSettings& settings);

}  // namespace weir::app
