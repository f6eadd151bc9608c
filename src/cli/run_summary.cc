#include "cli/run_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "flow/redaction.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMaxHosts = 1000;
constexpr std::size_t kShownHosts = 8;
constexpr std::size_t kMaxDistrust = 8;
constexpr const char* kOtherHosts = "(other hosts)";

std::string plural(std::uint64_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

void RunSummary::closed(const flow::Flow& flow) {
  bool error = flow.error != Code::none || (flow.has_response && flow.response.status >= 400);
  std::uint64_t sent = flow.request_body.size + flow.request_head_bytes;
  std::uint64_t received = flow.response_body.size + flow.response_head_bytes;
  std::lock_guard lock(mutex_);
  ++requests_;
  errors_ += error;
  sent_ += sent;
  received_ += received;
  const std::string& name = flow.request.origin.place.host;
  bool known = hosts_.contains(name) || hosts_.size() < kMaxHosts;
  Host& host = hosts_[known && !name.empty() ? name : kOtherHosts];
  ++host.requests;
  host.bytes += sent + received;
  host.errors += error;
  if (flow.error != Code::none) ++error_codes_[std::string(info(flow.error).name)];
  if (flow.error == Code::client_rejected_certificate) note_distrust(flow);
  if (flow.kind == flow::Kind::tunnel || flow.duration_us <= slowest_us_) return;
  slowest_us_ = flow.duration_us;
  slowest_ = flow.request.method + " " + flow::redacted_url(flow.request.url());
}

void RunSummary::note_distrust(const flow::Flow& flow) {
  if (!flow.rejection) return;
  std::string who = flow.process.empty() ? "a program" : flow.process;
  if (!flow.rejection->library.empty()) who += " with " + flow.rejection->library;
  if (!distrust_.contains(who) && distrust_.size() >= kMaxDistrust) return;
  Distrust& known = distrust_[who];
  known.rejection = *flow.rejection;
  ++known.connections;
}

std::string RunSummary::text(const std::string& command, int status, Duration took,
                             std::uint64_t skipped) const {
  std::lock_guard lock(mutex_);
  std::string out;
  auto line = [&out](std::string_view text) { out.append("weir: ").append(text).append("\n"); };
  auto took_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  line(fmt::format("{} ended with {} after {}: {} to {}, {} sent, {} received, {}", flow::printable(command),
                   status, flow::duration_text(took_us), plural(requests_, "request"),
                   plural(hosts_.size(), "host"), flow::size_text(sent_), flow::size_text(received_),
                   plural(errors_, "error")));
  if (skipped > 0)
    line(fmt::format("  and {} that log_skip.rules keep out of the record", plural(skipped, "request")));
  if (requests_ == 0 && skipped > 0) return out;
  if (requests_ == 0) {
    line(sandboxed_
             ? "nothing came through: the command opened no connection"
             : "nothing came through: programs that ignore HTTP_PROXY go past this proxy; --sandbox holds "
               "them, too");
    return out;
  }
  std::vector<std::pair<std::string, Host>> busiest(hosts_.begin(), hosts_.end());
  std::ranges::sort(busiest,
                    [](const auto& a, const auto& b) { return a.second.requests > b.second.requests; });
  for (std::size_t i = 0; i < std::min(kShownHosts, busiest.size()); ++i) {
    const auto& [name, host] = busiest[i];
    std::string errors = host.errors ? ", " + plural(host.errors, "error") : "";
    line(fmt::format("  {:<40} {:>6}  {:>9}{}", flow::printable(name), host.requests,
                     flow::size_text(host.bytes), errors));
  }
  if (busiest.size() > kShownHosts)
    line(fmt::format("  and {} more", plural(busiest.size() - kShownHosts, "host")));
  for (const auto& [code, count] : error_codes_) line(fmt::format("  error {}: {}", code, count));
  for (const auto& [who, known] : distrust_) {
    const std::string& alert = known.rejection.alert;
    line(fmt::format("{} does not trust Weir ({}, {}): {}", flow::printable(who),
                     alert.empty() ? "it went without an alert" : "alert " + alert,
                     plural(known.connections, "connection"), flow::printable(known.rejection.mend)));
  }
  if (slowest_us_ >= 0)
    line(fmt::format("slowest {}  {}", flow::duration_text(slowest_us_),
                     flow::fitted(flow::printable(slowest_), 90)));
  return out;
}

}  // namespace weir::cli
