// RemoteLogs: the receivers of a server's flows on other machines (docs/remote_logging.md).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/sinks.h"
#include "config/settings.h"
#include "store/remote_sink.h"

namespace weir::app {

/// One receiver, checked, its secrets read.
struct RemoteReceiver {
  store::RemoteSink::Options sink;  ///< without its session
  std::function<std::unique_ptr<store::RemoteChannel>(const std::string& session)> open;
};

/// Errors (bad_config) name receiver, place and mend; never a secret.
Result<std::vector<RemoteReceiver>> remote_receivers(const config::LoggingSettings& settings);

class RemoteLogs {
 public:
  struct Counters {
    std::string name;
    store::RemoteSink::Counters counts;
  };

  /// A thread for each begins. `session` may be empty.
  void start(const std::vector<RemoteReceiver>& receivers, const std::string& session);
  bool empty() const { return sinks_.empty(); }
  void add_to(Sinks& sinks);
  /// Sends what is queued, to all at once, for `patience` at most. Blocks; idempotent.
  void close(Duration patience);
  std::vector<Counters> counters() const;

 private:
  std::vector<std::unique_ptr<store::RemoteSink>> sinks_;
};

}  // namespace weir::app
