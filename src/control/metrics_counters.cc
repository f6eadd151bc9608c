#include "control/metrics_counters.h"

#include <algorithm>
#include <string_view>

namespace weir::control {
namespace {

constexpr std::array<std::string_view, 6> kClasses = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
constexpr std::array<std::string_view, 4> kVerdicts = {"none", "allow", "block", "ask"};

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount = 1) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace

void FlowCounters::count(const flow::Flow& flow) {
  std::size_t hundreds = flow.has_response ? flow.response.status / 100 : 0;
  add(by_class_[hundreds < by_class_.size() ? hundreds : 0]);
  add(by_code_[std::to_underlying(flow.error)]);
  auto verdict = std::ranges::find(kVerdicts, std::string_view(flow.filter_action));
  add(by_verdict_[verdict == kVerdicts.end() ? 0 : static_cast<std::size_t>(verdict - kVerdicts.begin())]);
  if (flow.kind == flow::Kind::tunnel) add(tunnels_);
  add(sent_, flow.request_head_bytes + flow.request_body.size);
  add(received_, flow.response_head_bytes + flow.response_body.size);
  if (flow.duration_us > 0) add(duration_us_, static_cast<std::uint64_t>(flow.duration_us));
}

void FlowCounters::write(MetricsText& out) const {
  out.counter("weir_flows_total", "Flows that have ended, by the class of their status.");
  for (std::size_t i = 0; i < kClasses.size(); ++i) out.sample(by_class_[i], {{"status", kClasses[i]}});
  out.counter("weir_tunnels_total", "Those of weir_flows_total that were passed on unread.").sample(tunnels_);
  out.counter("weir_flow_errors_total", "Flows that ended with an error or were blocked, by its code.");
  for (std::size_t i = 1; i < kCodes; ++i)
    if (by_code_[i] != 0) out.sample(by_code_[i], {{"code", info(static_cast<Code>(i)).name}});
  out.counter("weir_filter_verdicts_total", "Flows by what the filter said; none: no filter was in force.");
  for (std::size_t i = 0; i < kVerdicts.size(); ++i) out.sample(by_verdict_[i], {{"action", kVerdicts[i]}});
  out.counter("weir_flow_bytes_total", "Bytes of heads and bodies of ended flows, by direction.");
  out.sample(sent_, {{"direction", "sent"}}).sample(received_, {{"direction", "received"}});
  out.counter("weir_flow_duration_microseconds_total", "Time that ended flows took, together.")
      .sample(duration_us_);
}

}  // namespace weir::control
