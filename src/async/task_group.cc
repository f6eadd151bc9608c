#include "async/task_group.h"

#include <cstdlib>

#include "base/log.h"

namespace weir::async {

// The root of a child: a frame that destroys itself when the child has ended.
struct TaskGroup::Child {
  struct promise_type {
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }
    Child get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::abort(); }
  };
  std::coroutine_handle<promise_type> handle;
};

TaskGroup::~TaskGroup() {
  if (live_ == 0) return;
  log::error("bug: a task group with {} live tasks was destroyed", live_);
  std::abort();
}

void TaskGroup::spawn(Task<void> task) {
  if (closed_) return;
  ++live_;
  idle_.reset();
  loop_.resume_soon(run(std::move(task)).handle);
}

TaskGroup::Child TaskGroup::run(Task<void> task) {
  try {
    co_await task;
  } catch (const std::exception& bug) {
    log::error("bug: a task ended with an exception: {}", bug.what());
  }
  {
    // The child's frame goes before the group hears of its end, so that nothing of it outlives join().
    Task<void> done = std::move(task);
  }
  ended();
}

void TaskGroup::ended() {
  if (--live_ == 0) idle_.set();
}

}  // namespace weir::async
