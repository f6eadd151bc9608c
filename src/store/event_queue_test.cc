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

TEST(EventQueue, MessagesLoseTheirBytesThenGo) {
  EventQueue queue({kHigh, flow::WhenFull::drop});
  queue.push(boxed_message(1, 1, std::string(kHigh, 'x')));
  EXPECT_GE(queue.counters().bytes, kHigh);
  EXPECT_FALSE(queue.has_room());
  queue.push(boxed_message(1, 2, std::string(1000, 'x')));
  queue.push(boxed_message(1, 3, ""));
  EXPECT_EQ(queue.counters().shed_bodies, 1u);
  std::uint64_t pushed = 3;
  for (; queue.counters().shed_messages == 0; ++pushed) queue.push(boxed_message(1, 4, "x"));

  EventQueue::Counters counters = queue.counters();
  EXPECT_EQ(counters.accepted, 0u) << "they are no flows";
  EXPECT_EQ(counters.shed_messages, 1u);
  EXPECT_EQ(counters.events, pushed - 1);
  EXPECT_LT(counters.bytes, 2 * kHigh + 10'000);
  std::vector<Event> events;
  queue.take(events);
  EXPECT_EQ(events[0].message->content.bytes.size(), kHigh);
  EXPECT_TRUE(events[1].message->content.bytes.empty());
  EXPECT_TRUE(events[1].message->content.truncated);
  EXPECT_EQ(events[1].message->content.size, 1000u);
  EXPECT_FALSE(events[2].message->content.truncated);
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
  queue.push(boxed_message(1, 1));
  EXPECT_EQ(queue.counters().shed_flows, 1u);
  EXPECT_EQ(queue.counters().shed_messages, 1u);
  EXPECT_EQ(queue.counters().accepted, 0u);
  EXPECT_EQ(queue.counters().bytes, 0u);
}

}  // namespace
}  // namespace weir::store
