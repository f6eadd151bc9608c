#include "store/housekeeping.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "base/thread_name.h"

namespace weir::store {
namespace {

constexpr int kNiceness = 10;

}  // namespace

Housekeeping::Housekeeping(const char* thread_name, std::chrono::milliseconds interval,
                           std::function<void()> chore)
    : interval_(interval), chore_(std::move(chore)), thread_([this, thread_name] { run(thread_name); }) {}

Housekeeping::~Housekeeping() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Housekeeping::nudge() {
  {
    std::lock_guard lock(mutex_);
    nudged_ = true;
  }
  wake_.notify_one();
}

void Housekeeping::run(const char* thread_name) {
  name_thread(thread_name);
  // Of this thread alone, on Linux. Where it is not allowed the chore is done all the same.
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
  auto called = [this] { return nudged_ || ending_; };
  std::unique_lock lock(mutex_);
  while (true) {
    if (interval_.count() > 0) {
      wake_.wait_for(lock, interval_, called);
    } else {
      wake_.wait(lock, called);
    }
    if (ending_) return;
    nudged_ = false;
    lock.unlock();
    chore_();
    lock.lock();
  }
}

}  // namespace weir::store
