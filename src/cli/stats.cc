#include "cli/stats.h"

#include <fmt/format.h>

#include <algorithm>

#include "flow/text.h"
#include "flow/view.h"

namespace weir::cli {
namespace {

constexpr std::size_t kSlowest = 3;
constexpr std::size_t kTop = 5;
constexpr std::size_t kMostHosts = 10'000;

using Count = std::pair<std::string, std::uint64_t>;

// The most frequent of them.
std::vector<Count> top(const std::unordered_map<std::string, std::uint64_t>& counts) {
  std::vector<Count> out(counts.begin(), counts.end());
  std::ranges::sort(out, [](const Count& a, const Count& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (out.size() > kTop) out.erase(out.begin() + kTop, out.end());
  return out;
}

struct ClassName {
  int hundreds;
  std::string_view label;
  std::string_view key;
};
// The seed's lines with the seed's spacing.
constexpr ClassName kClasses[] = {{2, "Success (2xx):  ", "2xx"},
                                  {3, "Redirect (3xx): ", "3xx"},
                                  {4, "Client err (4xx): ", "4xx"},
                                  {5, "Server err (5xx): ", "5xx"},
                                  {1, "Informational (1xx): ", "1xx"}};

}  // namespace

void Stats::add(const store::Row& row) {
  const flow::Flow& flow = row.flow;
  first_ = total_ == 0 ? flow.started : std::min(first_, flow.started);
  last_ = total_ == 0 ? flow.started : std::max(last_, flow.started);
  ++total_;
  if (row.incomplete || flow::failed(flow)) {
    ++errors_;
  } else if (flow.has_response) {
    ++classes_[std::min(flow.response.status / 100, 9)];
  } else if (flow.duration_us < 0) {
    ++open_;
  }
  if (flow.duration_us >= 0) {
    ++timed_;
    duration_sum_us_ += static_cast<std::uint64_t>(flow.duration_us);
    remember_if_slow(row);
  }
  sent_ += flow.request_head_bytes + flow.request_body.size;
  received_ += flow.response_head_bytes + flow.response_body.size;
  count_host(flow.request.origin.place.host);
  count_process(flow.process);
}

void Stats::remember_if_slow(const store::Row& row) {
  std::int64_t duration = row.flow.duration_us;
  auto place = std::ranges::find_if(slowest_, [&](const Slow& slow) { return slow.duration_us < duration; });
  if (place == slowest_.end() && slowest_.size() == kSlowest) return;
  slowest_.insert(place, {duration, row.flow.request.method, row.flow.request.url(), row.id});
  if (slowest_.size() > kSlowest) slowest_.pop_back();
}

void Stats::count_host(const std::string& host) {
  auto known = hosts_.find(host);
  if (known != hosts_.end()) {
    ++known->second;
  } else if (hosts_.size() < kMostHosts) {
    hosts_.emplace(host, 1);
  } else {
    ++other_hosts_;
  }
}

void Stats::count_process(const std::string& name) {
  if (!name.empty() && (processes_.contains(name) || processes_.size() < kMostHosts)) ++processes_[name];
}

std::int64_t Stats::average_us() const {
  return timed_ == 0 ? -1 : static_cast<std::int64_t>(duration_sum_us_ / timed_);
}

std::string Stats::percent(std::uint64_t part) const {
  return fmt::format("{} ({:.1f}%)", part, 100.0 * static_cast<double>(part) / static_cast<double>(total_));
}

std::string Stats::counts_text() const {
  std::string out;
  for (const ClassName& each : kClasses)
    if (classes_[each.hundreds] > 0)
      out += fmt::format("  {}{}\n", each.label, percent(classes_[each.hundreds]));
  if (open_ > 0) out += fmt::format("  Still open: {}\n", percent(open_));
  return out;
}

std::string Stats::text() const {
  std::string out = fmt::format("Summary:\n  Total requests: {}\n", total_);
  if (total_ == 0) return out;
  out += counts_text();
  if (timed_ > 0) out += fmt::format("  Avg duration: {}\n", flow::duration_text(average_us()));
  if (errors_ > 0) out += fmt::format("  Errors: {}\n", percent(errors_));
  out += fmt::format("  Time range: {} - {}\n", flow::local_date_time(first_), flow::local_date_time(last_));
  out += fmt::format("  Bytes: {} sent, {} received\n", flow::size_text(sent_), flow::size_text(received_));
  if (!slowest_.empty()) out += "  Slowest:\n";
  for (const Slow& slow : slowest_)
    out += fmt::format("    {:>6}  {} {} ({})\n", flow::duration_text(slow.duration_us),
                       flow::printable(slow.method), flow::printable(slow.url), flow::printable(slow.id));
  out += "  Top hosts:\n";
  for (const auto& [host, count] : top(hosts_))
    out += fmt::format("    {}  {}\n", percent(count), flow::printable(host));
  if (other_hosts_ > 0)
    out += fmt::format("    {}  hosts after the first {} names\n", percent(other_hosts_), kMostHosts);
  if (!processes_.empty()) out += "  Top programs:\n";
  for (const auto& [name, count] : top(processes_))
    out += fmt::format("    {}  {}\n", percent(count), flow::printable(name));
  return out;
}

void Stats::write(JsonWriter& json) const {
  json.begin_object().field("total", total_);
  json.key("status").begin_object();
  for (const ClassName& each : kClasses) json.field(each.key, classes_[each.hundreds]);
  json.end_object();
  json.field("errors", errors_).field("open", open_);
  if (timed_ > 0) json.field("avg_duration_ns", average_us() * 1000);
  if (total_ > 0) json.field("first", flow::rfc3339(first_)).field("last", flow::rfc3339(last_));
  json.field("sent_bytes", sent_).field("received_bytes", received_);
  json.key("slowest").begin_array();
  for (const Slow& slow : slowest_) {
    json.begin_object().field("id", slow.id).field("method", slow.method).field("url", slow.url);
    json.field("duration_ns", slow.duration_us * 1000).end_object();
  }
  json.end_array().key("top_hosts").begin_array();
  for (const auto& [host, count] : top(hosts_))
    json.begin_object().field("host", host).field("requests", count).end_object();
  json.end_array();
  if (!processes_.empty()) json.key("top_processes").begin_array();
  for (const auto& [name, count] : top(processes_))
    json.begin_object().field("process", name).field("requests", count).end_object();
  if (!processes_.empty()) json.end_array();
  json.end_object();
}

}  // namespace weir::cli
