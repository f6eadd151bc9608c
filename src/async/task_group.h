// TaskGroup: owns concurrent child tasks. Nothing in Weir runs detached from a group.
#pragma once

#include <exception>

#include "async/event.h"
#include "async/task.h"

namespace weir::async {

/// Children run on the group's loop. The owner closes the group, makes the children end (by cancelling the
/// streams and events they wait on), and joins before it goes: destroying a group with live children is a bug
/// and aborts.
class TaskGroup {
 public:
  explicit TaskGroup(Loop& loop) : loop_(loop), idle_(loop) { idle_.set(); }
  TaskGroup(const TaskGroup&) = delete;
  ~TaskGroup();

  /// Starts `task` in this round, not in the caller's stack. After close() the task is destroyed unstarted.
  void spawn(Task<void> task);
  /// No new children from now on.
  void close() { closed_ = true; }
  /// Waits until no child is left (or the deadline); Wake::ready when none is.
  Event::Wait join(TimePoint deadline = kNever) { return idle_.wait(deadline); }
  std::size_t size() const { return live_; }
  Loop& loop() const { return loop_; }

 private:
  struct Child;
  Child run(Task<void> task);
  void ended();

  Loop& loop_;
  Event idle_;
  std::size_t live_ = 0;
  bool closed_ = false;
};

}  // namespace weir::async
