// Signal: one coroutine tells one other that there is something to look at. The cheap kind of Event.
#pragma once

#include <cassert>

#include "async/loop.h"

namespace weir::async {

/// notify() wakes who waits; without a waiter it is kept, and the next wait() does not wait. Several
/// notifications before a wait are one. Not for other threads.
class Signal {
 public:
  explicit Signal(Loop& loop) : loop_(loop) {}
  Signal(const Signal&) = delete;

  void notify() {
    set_ = true;
    if (waiter_) waiter_->wake(Wake::ready);
  }
  /// Ends the present wait, and only that, with Wake::cancelled.
  void interrupt() {
    if (waiter_) waiter_->wake(Wake::cancelled);
  }
  /// Another deadline for the present wait.
  void rearm(TimePoint deadline) {
    if (waiter_) waiter_->rearm(deadline);
  }

  class Wait : private Waiter {
   public:
    Wait(Signal& signal, TimePoint deadline) : Waiter(signal.loop_, deadline), signal_(signal) {}
    ~Wait() {
      if (signal_.waiter_ == this) signal_.waiter_ = nullptr;
    }
    bool await_ready() const { return signal_.set_; }
    void await_suspend(std::coroutine_handle<> handle) {
      assert(!signal_.waiter_ && "two coroutines wait for one signal");
      signal_.waiter_ = this;
      suspend(handle);
    }
    Wake await_resume() {
      if (signal_.waiter_ == this) signal_.waiter_ = nullptr;
      if (result() == Wake::ready) signal_.set_ = false;
      return result();
    }

   private:
    Signal& signal_;
  };
  Wait wait(TimePoint deadline = kNever) { return {*this, deadline}; }

 private:
  Loop& loop_;
  bool set_ = false;
  Waiter* waiter_ = nullptr;
};

}  // namespace weir::async
