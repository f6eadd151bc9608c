// Loop: one thread's event loop. Readiness of descriptors, deadlines, and work posted from other threads.
//
// Every object of the walk belongs to one Loop and is touched only on its thread; there are no locks. Only
// post() and stop() may be called from elsewhere. Wakes never resume a coroutine in the caller's stack: they
// queue it, so nobody is destroyed by the call he is making.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

namespace weir::async {

class Loop;
class Watch;

/// Why a wait ended.
enum class Wake : std::uint8_t { ready, timeout, cancelled };

/// A deadline in a loop's heap. Fires at most once a schedule(). Unscheduled by its destructor.
class Timer {
 public:
  explicit Timer(Loop& loop) : loop_(&loop) {}
  Timer(const Timer&) = delete;
  virtual ~Timer() { cancel(); }

  /// (Re)arms. kNever disarms.
  void schedule(TimePoint at);
  void cancel();
  bool armed() const { return index_ != kIdle; }
  Loop& loop() const { return *loop_; }

 protected:
  /// Called on the loop's thread, disarmed. May re-arm or destroy other timers, not this one.
  virtual void fire() = 0;

 private:
  friend class Loop;
  static constexpr std::size_t kIdle = ~std::size_t{0};
  Loop* loop_;
  TimePoint at_ = kNever;
  std::size_t index_ = kIdle;
};

class Loop {
 public:
  /// A test hands in `manual_time`: then time stands still until advance(), and run_until_idle() replaces
  /// run().
  enum class Time : std::uint8_t { steady, manual };
  explicit Loop(Time time = Time::steady);
  Loop(const Loop&) = delete;
  ~Loop();

  /// Runs until stop(). The calling thread becomes the loop's thread.
  void run();
  /// Runs everything that is ready now without blocking; returns when nothing is.
  void run_until_idle();
  /// Any thread. run() returns after the current round.
  void stop();
  /// Any thread: `work` runs on the loop's thread. Never lost, unless the loop is destroyed first.
  void post(std::move_only_function<void()> work);

  /// The time of this round: one clock read a round, not one a call.
  TimePoint now() const { return now_; }
  /// Manual time only.
  void advance(Duration by);

  /// Resumes `handle` in this round, after what is queued already.
  void resume_soon(std::coroutine_handle<> handle) { ready_.push_back(handle); }

  /// The loop of the calling thread while it runs.
  static Loop& current();

 private:
  friend class Timer;
  friend class Watch;

  void poll(int timeout_ms);
  int poll_timeout() const;
  void run_ready();
  /// True when there was something.
  bool run_posted();
  void fire_timers();
  void heap_up(std::size_t at);
  void heap_down(std::size_t at);
  void heap_remove(std::size_t at);
  void heap_put(std::size_t at, Timer* timer);

  UniqueFd epoll_;
  UniqueFd event_;
  Time time_;
  TimePoint now_;
  std::vector<Timer*> heap_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
  std::mutex posted_mutex_;
  std::vector<std::move_only_function<void()>> posted_;
  bool stop_ = false;  // guarded by posted_mutex_
};

/// One suspended coroutine with an optional deadline; lives in the awaiting frame. The base of every wait.
class Waiter : private Timer {
 public:
  Waiter(Loop& loop, TimePoint deadline) : Timer(loop), deadline_(deadline) {}

  bool waiting() const { return static_cast<bool>(handle_); }
  /// Ends the wait; does nothing when it has ended already.
  void wake(Wake why);

  void suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    if (deadline_ != kNever) schedule(deadline_);
  }
  Wake result() const { return result_; }
  /// Another deadline for a wait that is under way.
  void rearm(TimePoint deadline) {
    if (handle_) schedule(deadline);
  }

 private:
  void fire() override { wake(Wake::timeout); }

  TimePoint deadline_;
  std::coroutine_handle<> handle_;
  Wake result_ = Wake::ready;
};

/// Waits until `deadline`: `co_await sleep_until(loop, at)`.
class SleepUntil : private Waiter {
 public:
  SleepUntil(Loop& loop, TimePoint at) : Waiter(loop, at) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { suspend(handle); }
  void await_resume() const {}
};
inline SleepUntil sleep_until(Loop& loop, TimePoint at) { return {loop, at}; }

}  // namespace weir::async
