// Minter: the leaf for a name, from the cache or made off the loop, once for all who wait for it.
#pragma once

#include <string>

#include "async/loop.h"
#include "async/offload.h"
#include "async/task.h"
#include "tls/authority.h"
#include "tls/leaf_cache.h"

namespace weir::proxy {

/// Thread-safe; shared by all threads. What it is given must outlive it, and it the loops that use it.
class Minter {
 public:
  Minter(const tls::Authority& authority, tls::LeafCache& cache, async::WorkerPool& workers)
      : authority_(authority), cache_(cache), workers_(workers) {}

  /// `host` is canonical. Comes home to `loop`.
  async::Task<Result<tls::LeafPtr>> leaf(async::Loop& loop, std::string host);

 private:
  const tls::Authority& authority_;
  tls::LeafCache& cache_;
  async::WorkerPool& workers_;
};

}  // namespace weir::proxy
