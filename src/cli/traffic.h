// Traffic: the recorded requests that a verb judges, from the store or from JSON Lines files.
#pragma once

#include <functional>
#include <string_view>

#include "cli/log_source.h"
#include "cli/place.h"
#include "policy/policy.h"

namespace weir::cli {

struct Traffic {
  Place place;
  LogSource source;      ///< in place of the store
  store::Filter filter;  ///< times and process
};

/// Adds the flags of Place, --from-logs and --process; `traffic` outlives `app`.
void add_traffic_flags(CLI::App& app, Traffic& traffic);

/// One recorded request. Refers to what lives as long as the visit.
struct PastRequest {
  const http::RequestHead& head;  ///< its host is canonical
  const flow::Flow& flow;
  std::string_view session;  ///< empty in logs that do not say
  bool opaque = false;       ///< a tunnel: of what was in it nothing is known

  policy::Question question() const { return {head.origin, head.method, head.target, opaque}; }
};

/// What was recorded and is no request that policy could be asked about.
struct PassedOver {
  /// Connections that failed before a request, in their handshake, and requests of who may not use the proxy.
  std::uint64_t connections = 0;
  std::uint64_t nameless = 0;  ///< requests without a host that could be one, or without a method
};

/// Visits every request, one after the other; memory does not grow with their number. Fails with not_found
/// when there is nothing to read.
Result<PassedOver> for_each_request(Traffic& traffic, const std::function<void(const PastRequest&)>& visit);

/// Tells on standard error what was passed over and what could not be read, if anything.
void report(const PassedOver& passed_over, const Traffic& traffic);
/// Reports what for_each_request said; returns the status to exit with.
int report_no_traffic(const Traffic& traffic, const Error& error);

}  // namespace weir::cli
