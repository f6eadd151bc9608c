#include "async/watch.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "async/task_group.h"

namespace weir::async {
namespace {

using std::chrono::seconds;

class WatchTest : public ::testing::Test {
 protected:
  WatchTest() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ours.reset(fds[0]);
    theirs.reset(fds[1]);
    watch.emplace(loop, ours.get());
  }
  ~WatchTest() override {
    watch->cancel();
    loop.run_until_idle();
  }

  void say(std::string_view text) {
    EXPECT_EQ(send(theirs.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  /// Reads until nothing is left, and says so to the watch.
  std::string drain() {
    char part[4096];
    std::string out;
    ssize_t got;
    while ((got = recv(ours.get(), part, sizeof part, 0)) > 0)
      out.append(part, static_cast<std::size_t>(got));
    watch->read_drained();
    return out;
  }
  void start_reading(TimePoint deadline = kNever) {
    woken.reset();
    group.spawn(wait(*watch, deadline, woken));
    loop.run_until_idle();
  }
  static Task<void> wait(Watch& watch, TimePoint deadline, std::optional<Wake>& woken) {
    woken = co_await watch.readable(deadline);
  }
  static Task<void> wait_to_write(Watch& watch, std::optional<Wake>& woken) {
    woken = co_await watch.writable();
  }

  Loop loop{Loop::Time::manual};
  UniqueFd ours;
  UniqueFd theirs;
  std::optional<Watch> watch;
  std::optional<Wake> woken;
  TaskGroup group{loop};
};

TEST_F(WatchTest, counts_as_ready_until_somebody_has_looked) {
  start_reading();
  EXPECT_EQ(woken, Wake::ready);
  drain();
  start_reading();
  EXPECT_FALSE(woken.has_value());
}

TEST_F(WatchTest, remembers_an_edge_that_came_before_the_wait) {
  loop.run_until_idle();
  drain();
  say("x");
  loop.run_until_idle();
  EXPECT_TRUE(watch->can_read());
  start_reading();
  EXPECT_EQ(woken, Wake::ready);
}

TEST_F(WatchTest, sees_each_new_edge_after_a_drain) {
  drain();
  for (int i = 0; i < 3; ++i) {
    start_reading();
    EXPECT_FALSE(woken.has_value());
    say("abc");
    loop.run_until_idle();
    EXPECT_EQ(woken, Wake::ready);
    EXPECT_EQ(drain(), "abc");
  }
}

TEST_F(WatchTest, is_ready_for_the_end_even_after_a_drain) {
  drain();
  start_reading();
  theirs.reset();
  loop.run_until_idle();
  EXPECT_EQ(woken, Wake::ready);
  watch->read_drained();  // no further edge will come: it must stay ready
  start_reading();
  EXPECT_EQ(woken, Wake::ready);
}

TEST_F(WatchTest, waits_for_room_to_write) {
  std::string block(64 * 1024, 'x');
  while (send(ours.get(), block.data(), block.size(), 0) > 0) {
  }
  watch->write_full();
  loop.run_until_idle();
  group.spawn(wait_to_write(*watch, woken));
  loop.run_until_idle();
  EXPECT_FALSE(woken.has_value());
  while (recv(theirs.get(), block.data(), block.size(), 0) > 0) {
  }
  loop.run_until_idle();
  EXPECT_EQ(woken, Wake::ready);
}

TEST_F(WatchTest, ends_a_wait_at_its_deadline_alone) {
  drain();
  start_reading(loop.now() + seconds(5));
  loop.advance(seconds(4));
  loop.run_until_idle();
  EXPECT_FALSE(woken.has_value());
  loop.advance(seconds(1));
  loop.run_until_idle();
  EXPECT_EQ(woken, Wake::timeout);
  start_reading();
  say("x");
  loop.run_until_idle();
  EXPECT_EQ(woken, Wake::ready);
}

TEST_F(WatchTest, interrupts_one_wait) {
  drain();
  start_reading();
  watch->interrupt_read();
  loop.run_until_idle();
  EXPECT_EQ(woken, Wake::cancelled);
  EXPECT_FALSE(watch->cancelled());
  start_reading();
  EXPECT_FALSE(woken.has_value());
  say("x");
  loop.run_until_idle();
  EXPECT_EQ(woken, Wake::ready);
}

TEST_F(WatchTest, ends_every_wait_once_cancelled) {
  drain();
  start_reading();
  watch->cancel();
  loop.run_until_idle();
  EXPECT_EQ(woken, Wake::cancelled);
  start_reading();
  EXPECT_EQ(woken, Wake::cancelled);
}

TEST_F(WatchTest, tells_of_a_hangup_while_nobody_waits) {
  int calls = 0;
  watch->on_hangup([&] { ++calls; });
  shutdown(theirs.get(), SHUT_WR);
  loop.run_until_idle();
  EXPECT_EQ(calls, 0) << "a half-close is no hangup";
  theirs.reset();
  loop.run_until_idle();
  EXPECT_EQ(calls, 1);
  watch->on_hangup([&] { ++calls; });
  EXPECT_EQ(calls, 2) << "who asks late is told at once";
}

TEST_F(WatchTest, tells_of_a_half_close_where_that_counts) {
  int calls = 0;
  watch->on_hangup([&] { ++calls; }, true);
  shutdown(theirs.get(), SHUT_WR);
  loop.run_until_idle();
  EXPECT_EQ(calls, 1);
}

TEST_F(WatchTest, tells_nobody_who_has_disarmed) {
  int calls = 0;
  watch->on_hangup([&] { ++calls; });
  watch->on_hangup(nullptr);
  theirs.reset();
  loop.run_until_idle();
  EXPECT_EQ(calls, 0);
}

TEST_F(WatchTest, tells_of_its_own_cancel) {
  int calls = 0;
  watch->on_hangup([&] { ++calls; });
  watch->cancel();
  watch->cancel();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace weir::async
