#include "async/task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "async/offload.h"
#include "async/task_group.h"

namespace weir::async {
namespace {

using std::chrono::seconds;

Task<int> descend(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await descend(depth - 1);
}

Task<int> three() { co_return 3; }

Task<void> sum_many(int count, long& sum) {
  for (int i = 0; i < count; ++i) sum += co_await three();
}

template <typename T>
Task<void> keep(Task<T> task, std::optional<T>& out) {
  out = co_await std::move(task);
}

class TaskTest : public ::testing::Test {
 protected:
  Loop loop{Loop::Time::manual};
  TaskGroup group{loop};
};

TEST_F(TaskTest, hands_results_up_a_deep_chain) {
  std::optional<int> depth;
  group.spawn(keep(descend(2000), depth));
  loop.run_until_idle();
  EXPECT_EQ(depth, 2000);
}

TEST_F(TaskTest, does_not_grow_the_stack_with_each_await) {
  long sum = 0;
  group.spawn(sum_many(300'000, sum));
  loop.run_until_idle();
  EXPECT_EQ(sum, 900'000);
}

TEST_F(TaskTest, starts_nothing_before_it_is_awaited) {
  bool ran = false;
  auto note = [](bool& ran) -> Task<void> {
    ran = true;
    co_return;
  };
  {
    Task<void> never = note(ran);
  }
  EXPECT_FALSE(ran);
}

struct Counted {
  explicit Counted(int& live) : live(&live) { ++live; }
  Counted(const Counted&) = delete;
  ~Counted() { --*live; }
  int* live;
};

Task<void> hold(Event& event, int& live) {
  Counted counted(live);
  co_await event.wait();
}

TEST_F(TaskTest, destroys_what_a_suspended_frame_holds) {
  int live = 0;
  Event never(loop);
  struct Starter {
    struct promise_type {
      Starter get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
      std::suspend_never initial_suspend() { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() {}
    };
    std::coroutine_handle<promise_type> handle;
    static Starter start(Task<void> task) { co_await std::move(task); }
  };
  Starter starter = Starter::start(hold(never, live));
  EXPECT_EQ(live, 1);
  starter.handle.destroy();
  EXPECT_EQ(live, 0);
  never.set();  // nobody is left to be woken
}

TEST_F(TaskTest, carries_an_exception_to_its_awaiter) {
  auto bug = []() -> Task<int> {
    throw std::runtime_error("bug");  // hazard-ok: the bug under test
    co_return 1;
  };
  std::string caught;
  auto watcher = [](Task<int> task, std::string& caught) -> Task<void> {
    try {
      co_await std::move(task);
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
  };
  group.spawn(watcher(bug(), caught));
  loop.run_until_idle();
  EXPECT_EQ(caught, "bug");
}

// Events

Task<void> note(Event& event, TimePoint deadline, std::vector<Wake>& woken) {
  woken.push_back(co_await event.wait(deadline));
}

TEST_F(TaskTest, wakes_all_who_wait_for_an_event) {
  Event event(loop);
  std::vector<Wake> woken;
  for (int i = 0; i < 3; ++i) group.spawn(note(event, kNever, woken));
  loop.run_until_idle();
  EXPECT_TRUE(woken.empty());
  event.set();
  loop.run_until_idle();
  EXPECT_EQ(woken, std::vector<Wake>(3, Wake::ready));
  group.spawn(note(event, kNever, woken));  // who comes later does not wait
  loop.run_until_idle();
  EXPECT_EQ(woken.size(), 4u);
  event.reset();
  group.spawn(note(event, loop.now() + seconds(1), woken));
  loop.run_until_idle();
  EXPECT_EQ(woken.size(), 4u);
  loop.advance(seconds(1));
  loop.run_until_idle();
  EXPECT_EQ(woken.back(), Wake::timeout);
}

TEST_F(TaskTest, cancels_present_waits_for_an_event_only) {
  Event event(loop);
  std::vector<Wake> woken;
  group.spawn(note(event, kNever, woken));
  loop.run_until_idle();
  event.cancel();
  loop.run_until_idle();
  EXPECT_EQ(woken, std::vector<Wake>{Wake::cancelled});
  group.spawn(note(event, kNever, woken));
  loop.run_until_idle();
  EXPECT_EQ(woken.size(), 1u);
  event.set();
  loop.run_until_idle();
  EXPECT_EQ(woken.back(), Wake::ready);
}

// Groups

Task<void> join(TaskGroup& group, TimePoint deadline, std::optional<Wake>& out) {
  out = co_await group.join(deadline);
}

TEST_F(TaskTest, joins_a_group_when_its_last_child_has_ended) {
  TaskGroup children(loop);
  Event go(loop);
  int live = 0;
  children.spawn(hold(go, live));
  children.spawn(hold(go, live));
  std::optional<Wake> joined;
  group.spawn(join(children, loop.now() + seconds(1), joined));
  loop.run_until_idle();
  EXPECT_EQ(children.size(), 2u);
  EXPECT_FALSE(joined.has_value());
  loop.advance(seconds(1));
  loop.run_until_idle();
  EXPECT_EQ(joined, Wake::timeout);
  joined.reset();
  group.spawn(join(children, kNever, joined));
  go.set();
  loop.run_until_idle();
  EXPECT_EQ(joined, Wake::ready);
  EXPECT_EQ(live, 0) << "nothing of a child outlives the join";
}

TEST_F(TaskTest, takes_no_children_once_closed) {
  TaskGroup children(loop);
  children.close();
  Event go(loop);
  int live = 0;
  children.spawn(hold(go, live));
  loop.run_until_idle();
  EXPECT_EQ(live, 0);
  EXPECT_EQ(children.size(), 0u);
}

TEST_F(TaskTest, outlives_the_bug_of_one_child) {
  auto bug = []() -> Task<void> {
    throw std::runtime_error("a bug of this test");  // hazard-ok: the bug under test
    co_return;
  };
  TaskGroup children(loop);
  Event go(loop);
  int live = 0;
  children.spawn(bug());
  children.spawn(hold(go, live));
  loop.run_until_idle();
  EXPECT_EQ(children.size(), 1u);
  go.set();
  loop.run_until_idle();
  EXPECT_EQ(children.size(), 0u);
}

TEST(TaskGroupDeath, is_told_when_it_is_destroyed_with_children) {
  EXPECT_DEATH(
      {
        Loop loop(Loop::Time::manual);
        Event go(loop);
        int live = 0;
        TaskGroup children(loop);
        children.spawn(hold(go, live));
        loop.run_until_idle();
      },
      "1 live tasks");
}

// Workers

TEST(WorkerPool, runs_all_that_was_accepted_before_it_goes) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3);
    for (int i = 0; i < 1000; ++i) pool.submit([&] { ++done; });
  }
  EXPECT_EQ(done, 1000);
}

// Frames

TEST(FramePool, gives_memory_of_the_asked_size_again_and_again) {
  std::vector<std::pair<void*, std::size_t>> frames;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size : {1, 63, 64, 65, 500, 2047, 2048, 2049, 100'000}) {
      void* frame = allocate_frame(size);
      std::fill_n(static_cast<char*>(frame), size, 'x');
      frames.emplace_back(frame, size);
    }
    for (auto [frame, size] : frames) free_frame(frame, size);
    frames.clear();
  }
}

}  // namespace
}  // namespace weir::async
