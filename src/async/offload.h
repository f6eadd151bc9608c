// WorkerPool: a few threads for work that would hold up a loop (minting, big inflates).
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "async/loop.h"
#include "async/task.h"

namespace weir::async {

/// Thread-safe. Work that was accepted always runs, also during destruction, which waits for it.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t threads);
  WorkerPool(const WorkerPool&) = delete;
  ~WorkerPool();

  void submit(std::move_only_function<void()> work);

 private:
  void serve();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
  bool stop_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace weir::async
