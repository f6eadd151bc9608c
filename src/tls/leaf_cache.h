// LeafCache: each host's leaf is minted once, however many connections ask at the same time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tls/leaf.h"

namespace weir::tls {

inline constexpr std::size_t kDefaultLeaves = 4096;

/// A bounded cache of leaves by canonical host: sharded, least recently used goes first. Thread-safe.
/// Leaves with less than a day left count as absent. Errors are not kept.
///
///   if (LeafPtr leaf = cache.find(host)) return leaf;
///   if (cache.join(host, done)) offload([&] { cache.land(host, mint(authority, host)); });
class LeafCache {
 public:
  using Done = std::move_only_function<void(Result<LeafPtr>)>;

  /// `capacity` leaves in all, spread evenly over `shards`; at least one a shard.
  explicit LeafCache(std::size_t capacity = kDefaultLeaves, std::size_t shards = 16);
  ~LeafCache();

  LeafPtr find(std::string_view host);
  /// Waits for the leaf of `host`. True: nobody is minting it yet, so the caller must mint, and must call
  /// `land` whatever comes of it, or those who joined wait for ever. `done` runs once, inside `land` and on
  /// its thread; or inside `join` itself when the leaf arrived since `find`. No lock is held while it runs.
  [[nodiscard]] bool join(std::string_view host, Done done);
  /// Keeps a leaf and hands `result` to everyone who joined, the minter included.
  void land(std::string_view host, const Result<LeafPtr>& result);

  std::size_t size() const;

 private:
  struct Shard;
  Shard& shard(std::string_view host) const;

  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace weir::tls
