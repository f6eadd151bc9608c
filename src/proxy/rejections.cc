#include "proxy/rejections.h"

namespace weir::proxy {
namespace {

constexpr auto kWindow = std::chrono::minutes(10);
constexpr std::size_t kAlertPoints = 2;
constexpr std::size_t kPinnedAt = 6;
constexpr std::size_t kPinnedAgainAt = 2;
constexpr std::size_t kMostTold = 256;

std::string key_of(std::string_view client, const HostPort& host) {
  std::string key(client.substr(0, client.rfind(':')));
  return key.append(" ").append(host.str());
}

}  // namespace

Standing Rejections::rejected(std::string_view client, const HostPort& host, Refusal how, TimePoint now) {
  bool forbidden = is_forbidden(host);
  std::lock_guard lock(mutex_);
  Entry& seen = entry(key_of(client, host));
  ++seen.in_a_row;
  std::erase_if(seen.points, [&](TimePoint point) { return now - point > kWindow; });
  seen.points.insert(seen.points.end(), how == Refusal::alert ? kAlertPoints : 1, now);
  if (seen.points.size() >= (seen.pinned ? kPinnedAgainAt : kPinnedAt)) {
    if (!seen.pinned) pinned_count_.fetch_add(1, std::memory_order_relaxed);
    seen.pinned = true;
    seen.pass_until = now + options_.pass_for;
    seen.points.clear();
  }
  return {seen.in_a_row, seen.pinned && now < seen.pass_until, forbidden, options_.pass_for};
}

bool Rejections::is_news(std::string what) {
  std::lock_guard lock(mutex_);
  return told_.size() < kMostTold && told_.insert(std::move(what)).second;
}

void Rejections::accepted(std::string_view client, const HostPort& host) {
  if (count_.load(std::memory_order_relaxed) == 0) return;
  std::string key = key_of(client, host);
  std::lock_guard lock(mutex_);
  if (auto found = index_.find(key); found != index_.end()) forget(found->second);
}

std::optional<TimePoint> Rejections::passes_until(std::string_view client, const HostPort& host,
                                                  TimePoint now) {
  if (pinned_count_.load(std::memory_order_relaxed) == 0 || is_forbidden(host)) return std::nullopt;
  std::string key = key_of(client, host);
  std::lock_guard lock(mutex_);
  auto found = index_.find(key);
  if (found == index_.end() || !found->second->pinned || now >= found->second->pass_until)
    return std::nullopt;
  return found->second->pass_until;
}

Rejections::Entry& Rejections::entry(std::string key) {
  if (auto found = index_.find(key); found != index_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front();
  }
  if (entries_.size() >= options_.entries) forget(std::prev(entries_.end()));
  entries_.push_front(Entry{.key = std::move(key), .points = {}});
  index_.emplace(entries_.front().key, entries_.begin());
  count_.fetch_add(1, std::memory_order_relaxed);
  return entries_.front();
}

void Rejections::forget(Place place) {
  if (place->pinned) pinned_count_.fetch_sub(1, std::memory_order_relaxed);
  count_.fetch_sub(1, std::memory_order_relaxed);
  index_.erase(place->key);
  entries_.erase(place);
}

}  // namespace weir::proxy
