#include "tls/leaf_cache.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

namespace weir::tls {
namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;

bool is_fresh(const Leaf& leaf) {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return leaf.not_after - std::chrono::duration_cast<std::chrono::seconds>(now).count() >= kDay;
}

struct HashText {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

}  // namespace

struct LeafCache::Shard {
  using Place = std::list<LeafPtr>::iterator;

  explicit Shard(std::size_t leaves) : capacity(leaves) {}

  LeafPtr find(std::string_view host);
  void keep(LeafPtr leaf);
  void drop(Place place);

  const std::size_t capacity;
  mutable std::mutex mutex;
  std::list<LeafPtr> leaves;                          ///< most recently used first
  std::unordered_map<std::string_view, Place> index;  ///< keys are the leaves' own host
  std::unordered_map<std::string, std::vector<Done>, HashText, std::equal_to<>> waiting;
};

LeafPtr LeafCache::Shard::find(std::string_view host) {
  auto found = index.find(host);
  if (found == index.end()) return nullptr;
  Place place = found->second;
  if (!is_fresh(**place)) {
    drop(place);
    return nullptr;
  }
  leaves.splice(leaves.begin(), leaves, place);
  return *place;
}

void LeafCache::Shard::keep(LeafPtr leaf) {
  if (auto found = index.find(leaf->host); found != index.end()) drop(found->second);
  if (leaves.size() >= capacity) drop(std::prev(leaves.end()));
  leaves.push_front(std::move(leaf));
  index.emplace(leaves.front()->host, leaves.begin());
}

void LeafCache::Shard::drop(Place place) {
  index.erase((*place)->host);
  leaves.erase(place);
}

LeafCache::LeafCache(std::size_t capacity, std::size_t shards) {
  shards = std::max<std::size_t>(shards, 1);
  for (std::size_t i = 0; i < shards; ++i)
    shards_.push_back(std::make_unique<Shard>(std::max<std::size_t>(capacity / shards, 1)));
}

LeafCache::~LeafCache() = default;

LeafCache::Shard& LeafCache::shard(std::string_view host) const {
  // The high bits: unordered_map uses the low ones.
  std::size_t hash = HashText()(host);
  return *shards_[(hash >> 32 ^ hash >> 16) % shards_.size()];
}

LeafPtr LeafCache::find(std::string_view host) {
  Shard& home = shard(host);
  std::lock_guard lock(home.mutex);
  return home.find(host);
}

bool LeafCache::join(std::string_view host, Done done) {
  Shard& home = shard(host);
  LeafPtr arrived;
  {
    std::lock_guard lock(home.mutex);
    arrived = home.find(host);
    if (!arrived) {
      auto waiting = home.waiting.find(host);
      bool first = waiting == home.waiting.end();
      if (first) waiting = home.waiting.emplace(std::string(host), std::vector<Done>()).first;
      waiting->second.push_back(std::move(done));
      return first;
    }
  }
  done(std::move(arrived));
  return false;
}

void LeafCache::land(std::string_view host, const Result<LeafPtr>& result) {
  Shard& home = shard(host);
  std::vector<Done> joined;
  {
    std::lock_guard lock(home.mutex);
    if (result && is_fresh(**result)) home.keep(*result);
    if (auto waiting = home.waiting.find(host); waiting != home.waiting.end()) {
      joined = std::move(waiting->second);
      home.waiting.erase(waiting);
    }
  }
  for (Done& done : joined) done(result);
}

std::size_t LeafCache::size() const {
  std::size_t total = 0;
  for (const auto& each : shards_) {
    std::lock_guard lock(each->mutex);
    total += each->leaves.size();
  }
  return total;
}

}  // namespace weir::tls
