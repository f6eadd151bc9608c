// Event: one coroutine of a loop tells others that something has happened. Not for other threads (use
// Loop::post).
#pragma once

#include <vector>

#include "async/loop.h"

namespace weir::async {

/// Starts unset. set() wakes all who wait; who comes later does not wait. reset() makes it unset again.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}
  Event(const Event&) = delete;

  void set() {
    set_ = true;
    wake_all(Wake::ready);
  }
  void reset() { set_ = false; }
  bool is_set() const { return set_; }
  /// Ends the present waits with Wake::cancelled.
  void cancel() { wake_all(Wake::cancelled); }

  class Wait : private Waiter {
   public:
    Wait(Event& event, TimePoint deadline) : Waiter(event.loop_, deadline), event_(event) {}
    ~Wait() { std::erase(event_.waiters_, this); }
    bool await_ready() const { return event_.set_; }
    void await_suspend(std::coroutine_handle<> handle) {
      event_.waiters_.push_back(this);
      suspend(handle);
    }
    Wake await_resume() {
      std::erase(event_.waiters_, this);
      return result();
    }

   private:
    friend class Event;
    Event& event_;
  };
  Wait wait(TimePoint deadline = kNever) { return {*this, deadline}; }

 private:
  void wake_all(Wake why) {
    for (Wait* waiter : waiters_) waiter->wake(why);
  }

  Loop& loop_;
  bool set_ = false;
  std::vector<Wait*> waiters_;
};

}  // namespace weir::async
