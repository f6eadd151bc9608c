// Housekeeping: a thread of low priority that does one chore now and then.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace weir::store {

class Housekeeping {
 public:
  /// Does the chore every `interval` (zero = only when nudged), each time on its own thread.
  Housekeeping(const char* thread_name, std::chrono::milliseconds interval, std::function<void()> chore);
  /// Waits for a chore that is under way.
  ~Housekeeping();
  Housekeeping(const Housekeeping&) = delete;

  /// The chore is done soon. Never blocks; any thread.
  void nudge();

 private:
  void run(const char* thread_name);

  const std::chrono::milliseconds interval_;
  const std::function<void()> chore_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool nudged_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace weir::store
