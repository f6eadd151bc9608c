// The filter over rows that no database holds. SessionReader says the same in SQL; a test holds them to it.
#include <algorithm>

#include "base/ascii.h"
#include "flow/process.h"
#include "store/query.h"

namespace weir::store {
namespace {

bool host_matches(std::string_view wanted, std::string_view host) {
  if (!wanted.starts_with("*.")) return wanted.empty() || iequals(wanted, host);
  wanted.remove_prefix(1);
  return host.size() >= wanted.size() && iequals(host.substr(host.size() - wanted.size()), wanted);
}

bool part_matches(std::string_view part, std::string_view text) {
  return part.empty() || icontains(text, part);
}

// Of its name with the pid behind it, its path, and its command line.
bool process_matches(std::string_view part, const flow::Flow& flow) {
  if (part_matches(part, flow.process)) return true;
  return flow.sender &&
         (icontains(flow::process_label(flow), part) || icontains(flow.sender->executable, part) ||
          icontains(flow::command_line(*flow.sender), part));
}

bool status_matches(const std::vector<StatusRange>& ranges, const flow::Flow& flow) {
  auto holds = [&](StatusRange range) {
    return flow.response.status >= range.from && flow.response.status <= range.to;
  };
  return ranges.empty() || (flow.has_response && std::ranges::any_of(ranges, holds));
}

bool is_error(const flow::Flow& flow) {
  return flow.error != Code::none || (flow.has_response && flow.response.status >= 400);
}

bool is_blocked(const flow::Flow& flow) {
  return std::ranges::find(kBlockedCodes, flow.error) != std::end(kBlockedCodes) ||
         flow.filter_action == "block";
}

}  // namespace

bool matches(const Filter& filter, const Row& row) {
  const flow::Flow& flow = row.flow;
  if (filter.since && flow.started < *filter.since) return false;
  if (filter.until && flow.started > *filter.until) return false;
  if (filter.errors && !is_error(flow)) return false;
  if (filter.blocked && !is_blocked(flow)) return false;
  return host_matches(filter.host, flow.request.origin.place.host) &&
         (filter.method.empty() || iequals(filter.method, flow.request.method)) &&
         status_matches(filter.status, flow) && process_matches(filter.process, flow) &&
         part_matches(filter.device, flow.device) && part_matches(filter.model, flow.model) &&
         (filter.url.empty() || icontains(flow.request.url(), filter.url));
}

}  // namespace weir::store
