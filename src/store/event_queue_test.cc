#include "store/event_queue.h"

#include <gtest/gtest.h>

#include "store/test_recording.h"

namespace weir::store {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kHigh = 1'000'000;

std::unique_ptr<const flow::Flow> with_body(std::size_t size) {
  flow::Flow flow = sample_flow(1);
  flow.response_body = {.bytes = std::string(size, 'x'), .size = size, .complete = true};
  return boxed(std::move(flow));
}

TEST(EventQueue, DropShedsBodiesThenFlows) {
  EventQueue queue({kHigh, flow::WhenFull::drop});
  queue.push_closed(with_body(kHigh - 10'000));
  EXPECT_TRUE(queue.has_room());
  queue.push_closed(with_body(100'000));
  EXPECT_FALSE(queue.has_room());
  EXPECT_EQ(queue.counters().shed_bodies, 0u);
  queue.push_closed(with_body(100'000));
  EXPECT_EQ(queue.counters().shed_bodies, 1u);
  queue.push_opened(boxed_open(9));  // an early view is the first to go
  while (queue.counters().shed_flows == 0) queue.push_closed(with_body(100'000));
  queue.push(std::make_unique<flow::Connection>());

  EventQueue::Counters counters = queue.counters();
  EXPECT_EQ(counters.shed_connections, 1u);
  EXPECT_EQ(counters.events, counters.accepted);
  EXPECT_LT(counters.bytes, 2 * kHigh + 10'000);
  std::vector<Event> events;
  queue.take(events);
  ASSERT_EQ(events.size(), counters.accepted);
  EXPECT_FALSE(events[1].bodies_shed);
  EXPECT_TRUE(events[2].bodies_shed);
  EXPECT_TRUE(events[2].flow->response_body.bytes.empty());
  EXPECT_EQ(events[2].flow->response_body.size, 100'000u);
}

TEST(EventQueue, SlowKeepsAllUntilTwiceTheMark) {
  EventQueue queue({kHigh, flow::WhenFull::slow});
  queue.push_closed(with_body(kHigh));
  EXPECT_FALSE(queue.has_room());
  queue.push_closed(with_body(kHigh));  // was under way
  EXPECT_EQ(queue.counters().shed_bodies, 0u);
  queue.push_closed(with_body(kHigh));
  EXPECT_EQ(queue.counters().shed_bodies, 1u);
}

TEST(EventQueue, SlowWaitsForNobodyWhileStalled) {
  EventQueue queue({kHigh, flow::WhenFull::slow});
  queue.set_stalled(true);
  queue.push_closed(with_body(kHigh));
  EXPECT_TRUE(queue.has_room());
  queue.push_closed(with_body(kHigh));
  EXPECT_EQ(queue.counters().shed_bodies, 1u);
  queue.set_stalled(false);
  EXPECT_FALSE(queue.has_room());
}

TEST(EventQueue, RoomComesBackWhenEventsAreSettled) {
  EventQueue queue({kHigh, flow::WhenFull::drop});
  queue.push_closed(with_body(kHigh));
  std::vector<Event> events;
  queue.take(events);
  EXPECT_FALSE(queue.has_room()) << "taken is not yet written";
  queue.settle(1, events[0].bytes);
  EXPECT_TRUE(queue.has_room());
  EXPECT_EQ(queue.counters().bytes, 0u);
  EXPECT_EQ(queue.counters().events, 0u);
}

TEST(EventQueue, MuchWakesTheConsumerEarly) {
  EventQueue queue({kHigh, flow::WhenFull::drop});
  queue.push_closed(with_body(10));
  queue.push_closed(with_body(kHigh / 2));
  auto begin = steady_now();
  EXPECT_TRUE(queue.wait(milliseconds(60'000)));
  EXPECT_LT(steady_now() - begin, std::chrono::seconds(30));
}

TEST(EventQueue, ClosedTakesNothingMore) {
  EventQueue queue({kHigh, flow::WhenFull::drop});
  queue.close();
  EXPECT_FALSE(queue.wait(milliseconds(60'000)));
  queue.push_closed(with_body(10));
  EXPECT_EQ(queue.counters().shed_flows, 1u);
  EXPECT_EQ(queue.counters().accepted, 0u);
  EXPECT_EQ(queue.counters().bytes, 0u);
}

}  // namespace
}  // namespace weir::store
