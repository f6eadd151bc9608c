// Watch: interest in one non-blocking descriptor, edge-triggered.
//
// The kernel tells of a change once. The watch remembers it (`can_read`, `can_write`) until the owner says
// that a system call found nothing left (`read_drained`, `write_full`); so a wait never misses an edge, and a
// call that would only answer EAGAIN need not be made.
#pragma once

#include <cassert>
#include <functional>

#include "async/loop.h"

namespace weir::async {

class Watch {
 public:
  /// Registers `fd` (not owned, must outlive the watch, must be non-blocking).
  Watch(Loop& loop, int fd);
  Watch(const Watch&) = delete;
  ~Watch();

  bool can_read() const { return can_read_; }
  bool can_write() const { return can_write_; }
  /// A read said EAGAIN, or came back short: nothing is left until the next edge. Ignored once the peer has
  /// closed, since no further edge would come.
  void read_drained() {
    if (seen_ == 0) can_read_ = false;
  }
  /// A write said EAGAIN or took less than it was given.
  void write_full() {
    if (!gone()) can_write_ = false;
  }

  class Wait;
  /// Waits until can_read() / can_write(). At most one waiter a direction.
  Wait readable(TimePoint deadline = kNever);
  Wait writable(TimePoint deadline = kNever);

  /// Ends both waits, and every later one at once, with Wake::cancelled.
  void cancel();
  bool cancelled() const { return cancelled_; }
  /// Ends the present wait for readability, and only that, with Wake::cancelled.
  void interrupt_read() {
    if (reader_) reader_->wake(Wake::cancelled);
  }

  /// Gives the present wait for readability another deadline.
  void rearm_read(TimePoint deadline) {
    if (reader_) reader_->rearm(deadline);
  }

  /// Called once when the peer is gone for good (reset, error, both directions closed, or our own cancel()),
  /// even while nobody waits; with `half_close_counts`, also when it has only closed its sending side. Null
  /// to disarm. The callback may not destroy the watch. If the event has come already, it is called at once.
  void on_hangup(std::move_only_function<void()> call, bool half_close_counts = false);

  /// Called at each edge of either direction, for libraries that do their own reading. It runs while events
  /// are handed out, so it may only note the fact (Loop::post), not create or destroy watches.
  void on_edge(std::move_only_function<void()> call) { edge_ = std::move(call); }

  Loop& loop() const { return loop_; }

 private:
  friend class Loop;
  friend class Wait;
  void notice(std::uint32_t events);
  bool hung_up() const;
  bool gone() const;

  Loop& loop_;
  int fd_;
  bool cancelled_ = false;
  bool can_read_ = true;  // unknown until the first call; a needless one costs an EAGAIN
  bool can_write_ = true;
  bool half_close_counts_ = false;
  std::uint32_t seen_ = 0;  // sticky EPOLLERR, EPOLLHUP, EPOLLRDHUP
  Waiter* reader_ = nullptr;
  Waiter* writer_ = nullptr;
  std::move_only_function<void()> hangup_;
  std::move_only_function<void()> edge_;
};

class Watch::Wait : private Waiter {
 public:
  Wait(Watch& watch, TimePoint deadline, Waiter*& slot, const bool& ready)
      : Waiter(watch.loop_, deadline), watch_(watch), slot_(slot), ready_(ready) {}
  ~Wait() {
    if (slot_ == this) slot_ = nullptr;
  }

  bool await_ready() { return watch_.cancelled_ || ready_; }
  void await_suspend(std::coroutine_handle<> handle) {
    assert(!slot_ && "two coroutines wait for the same direction");
    slot_ = this;
    suspend(handle);
  }
  Wake await_resume() {
    if (slot_ == this) slot_ = nullptr;
    return watch_.cancelled_ ? Wake::cancelled : result();
  }

 private:
  Watch& watch_;
  Waiter*& slot_;
  const bool& ready_;
};

inline Watch::Wait Watch::readable(TimePoint deadline) { return {*this, deadline, reader_, can_read_}; }
inline Watch::Wait Watch::writable(TimePoint deadline) { return {*this, deadline, writer_, can_write_}; }

}  // namespace weir::async
