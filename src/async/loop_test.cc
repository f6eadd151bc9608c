#include "async/loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "async/task_group.h"

namespace weir::async {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Noting final : public Timer {
 public:
  Noting(Loop& loop, int number, std::vector<int>& fired) : Timer(loop), number_(number), fired_(fired) {}
  std::function<void()> also;

 private:
  void fire() override {
    fired_.push_back(number_);
    if (also) also();
  }
  int number_;
  std::vector<int>& fired_;
};

class ManualLoop : public ::testing::Test {
 protected:
  void pass(Duration time) {
    loop.advance(time);
    loop.run_until_idle();
  }
  Loop loop{Loop::Time::manual};
  std::vector<int> fired;
};

TEST_F(ManualLoop, fires_timers_in_the_order_of_their_deadlines) {
  std::vector<std::unique_ptr<Noting>> timers;
  for (int i = 0; i < 50; ++i) {
    timers.push_back(std::make_unique<Noting>(loop, (i * 37) % 50, fired));
    timers.back()->schedule(loop.now() + milliseconds((i * 37) % 50 + 1));
  }
  pass(milliseconds(25));
  EXPECT_EQ(fired.size(), 25u);
  pass(milliseconds(25));
  ASSERT_EQ(fired.size(), 50u);
  EXPECT_TRUE(std::ranges::is_sorted(fired));
}

TEST_F(ManualLoop, fires_a_timer_once) {
  Noting timer(loop, 1, fired);
  timer.schedule(loop.now() + seconds(1));
  EXPECT_TRUE(timer.armed());
  pass(seconds(1));
  EXPECT_FALSE(timer.armed());
  pass(seconds(10));
  EXPECT_EQ(fired, std::vector<int>{1});
}

TEST_F(ManualLoop, forgets_cancelled_and_destroyed_timers_wherever_they_are_in_the_heap) {
  for (int victim = 0; victim < 20; ++victim) {
    fired.clear();
    std::vector<std::unique_ptr<Noting>> timers;
    for (int i = 0; i < 20; ++i) {
      timers.push_back(std::make_unique<Noting>(loop, (i * 7) % 20, fired));
      timers.back()->schedule(loop.now() + milliseconds((i * 7) % 20 + 1));
    }
    timers[static_cast<std::size_t>(victim)]->cancel();
    timers[static_cast<std::size_t>((victim + 5) % 20)].reset();
    pass(milliseconds(20));
    EXPECT_EQ(fired.size(), 18u);
    EXPECT_TRUE(std::ranges::is_sorted(fired));
  }
}

TEST_F(ManualLoop, moves_an_armed_timer_both_ways) {
  Noting early(loop, 1, fired);
  Noting late(loop, 2, fired);
  early.schedule(loop.now() + milliseconds(10));
  late.schedule(loop.now() + milliseconds(20));
  early.schedule(loop.now() + milliseconds(40));
  late.schedule(loop.now() + milliseconds(5));
  pass(milliseconds(20));
  EXPECT_EQ(fired, std::vector<int>{2});
  early.schedule(kNever);
  EXPECT_FALSE(early.armed());
  pass(seconds(1));
  EXPECT_EQ(fired, std::vector<int>{2});
}

TEST_F(ManualLoop, lets_a_timer_re_arm_itself_and_end_others) {
  Noting ticking(loop, 1, fired);
  auto other = std::make_unique<Noting>(loop, 2, fired);
  other->schedule(loop.now() + milliseconds(15));
  ticking.also = [&] {
    other.reset();
    if (fired.size() < 3) ticking.schedule(loop.now() + milliseconds(10));
  };
  ticking.schedule(loop.now() + milliseconds(10));
  for (int i = 0; i < 5; ++i) pass(milliseconds(10));
  EXPECT_EQ(fired, (std::vector<int>{1, 1, 1}));
}

Task<void> note_after(Loop& loop, Duration time, int number, std::vector<int>& fired) {
  co_await sleep_until(loop, loop.now() + time);
  fired.push_back(number);
}

TEST_F(ManualLoop, lets_sleepers_sleep) {
  TaskGroup group(loop);
  group.spawn(note_after(loop, milliseconds(20), 2, fired));
  group.spawn(note_after(loop, milliseconds(10), 1, fired));
  loop.run_until_idle();
  EXPECT_TRUE(fired.empty());
  pass(milliseconds(10));
  pass(milliseconds(10));
  EXPECT_EQ(fired, (std::vector<int>{1, 2}));
}

TEST_F(ManualLoop, stands_still_until_it_is_told_to_go_on) {
  TimePoint then = loop.now();
  loop.run_until_idle();
  EXPECT_EQ(loop.now(), then);
  loop.advance(seconds(1));
  EXPECT_EQ(loop.now(), then + seconds(1));
}

TEST_F(ManualLoop, runs_posted_work_in_order) {
  for (int i = 0; i < 3; ++i) loop.post([&, i] { fired.push_back(i); });
  loop.post([&] { loop.post([&] { fired.push_back(9); }); });
  loop.run_until_idle();
  EXPECT_EQ(fired, (std::vector<int>{0, 1, 2, 9}));
}

TEST(Loop, loses_no_work_posted_by_many_threads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  Loop loop;
  int done = 0;  // touched on the loop's thread alone
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n)
        loop.post([&] {
          if (++done == kThreads * kEach) loop.stop();
        });
    });
  loop.run();
  EXPECT_EQ(done, kThreads * kEach);
}

TEST(Loop, can_be_stopped_before_it_runs_and_run_again) {
  Loop loop;
  for (int i = 0; i < 2; ++i) {
    bool ran = false;
    loop.post([&] { ran = true; });
    loop.stop();
    loop.run();
    EXPECT_TRUE(ran);
  }
}

TEST(Loop, knows_itself_on_its_own_thread) {
  Loop loop;
  Loop* seen = nullptr;
  loop.post([&] {
    seen = &Loop::current();
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(seen, &loop);
}

TEST(Loop, wakes_for_timers_in_real_time) {
  Loop loop;
  std::vector<int> fired;
  Noting timer(loop, 1, fired);
  timer.also = [&] { loop.stop(); };
  TimePoint begun = steady_now();
  timer.schedule(begun + milliseconds(5));
  loop.run();
  EXPECT_GE(steady_now() - begun, milliseconds(5));
}

}  // namespace
}  // namespace weir::async
