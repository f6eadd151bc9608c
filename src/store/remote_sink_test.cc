#include "store/remote_sink.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <deque>

#include "store/test_recording.h"

namespace weir::store {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

/// A receiver that does as it is told, once an attempt; then it takes all.
class Script {
 public:
  RemoteDelivery play(std::span<const RemoteEntry> batch, const RemoteDeadline& deadline) {
    std::unique_lock lock(mutex_);
    ++attempts;
    largest = std::max(largest, batch.size());
    changed_.notify_all();
    while (held_ && steady_now() < deadline.load()) changed_.wait_for(lock, milliseconds(5));
    RemoteDelivery out{.sent = batch.size()};
    if (held_ || down_) out = {.error = Error(Code::io, "away")};
    if (!steps.empty() && !out.error) {
      out = steps.front();
      steps.pop_front();
    }
    for (const RemoteEntry& entry : batch.first(out.sent)) ids.push_back(entry.id);
    return out;
  }
  void down(bool is) { change(down_, is); }
  void hold(bool is) { change(held_, is); }
  void wait_for_attempts(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return attempts >= count; });
  }

  std::deque<RemoteDelivery> steps;
  std::vector<std::string> ids;
  std::size_t largest = 0;
  int attempts = 0;

 private:
  void change(bool& member, bool is) {
    std::lock_guard lock(mutex_);
    member = is;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool down_ = false, held_ = false;
};

struct ScriptedChannel final : RemoteChannel {
  explicit ScriptedChannel(Script& script) : script(script) {}
  RemoteDelivery send(std::span<const RemoteEntry> batch, const RemoteDeadline& deadline) override {
    return script.play(batch, deadline);
  }
  Script& script;
};

class RemoteSinkTest : public testing::Test {
 protected:
  void SetUp() override { log::set_output(-1); }
  void TearDown() override { log::set_output(STDERR_FILENO); }

  std::unique_ptr<RemoteSink> sink(RemoteSink::Options options = {}) {
    options.name = "test";
    options.first_pause = milliseconds(1);
    options.longest_pause = milliseconds(20);
    return std::make_unique<RemoteSink>(options, std::make_unique<ScriptedChannel>(script));
  }
  static void send(RemoteSink& sink, flow::FlowId from, flow::FlowId to) {
    for (flow::FlowId id = from; id <= to; ++id) sink.closed(boxed(sample_flow(id)));
  }
  static TimePoint patiently() { return steady_now() + std::chrono::seconds(30); }

  Script script;
};

TEST_F(RemoteSinkTest, SendsInBatchesAndInOrder) {
  auto out = sink({.batch = 3, .interval = std::chrono::hours(1)});
  send(*out, 1, 7);
  EXPECT_TRUE(out->flush());
  EXPECT_THAT(script.ids, ElementsAre("1", "2", "3", "4", "5", "6", "7"));
  EXPECT_EQ(script.largest, 3u);
  EXPECT_EQ(script.attempts, 3);
  EXPECT_EQ(out->counters().sent, 7u);
  EXPECT_EQ(out->counters().waiting_bytes, 0u);
}

TEST_F(RemoteSinkTest, TheIntervalIsTheLongestWait) {
  auto out = sink({.interval = milliseconds(5)});
  send(*out, 1, 1);
  script.wait_for_attempts(1);
}

TEST_F(RemoteSinkTest, WhatIsPartlySentGoesOnWhereItStopped) {
  script.steps = {{.sent = 1, .error = Error(Code::io, "gone")},
                  {.sent = 1, .refused = 1, .error = Error(Code::incomplete, "too long")}};
  auto out = sink({.interval = milliseconds(1)});
  send(*out, 1, 5);
  out->close(patiently());
  EXPECT_THAT(script.ids, ElementsAre("1", "2", "4", "5"));
  EXPECT_EQ(out->counters().refused, 1u);
  EXPECT_EQ(out->counters().failed_attempts, 1u);
  EXPECT_EQ(out->counters().lost, 0u);
}

TEST_F(RemoteSinkTest, WhileAReceiverIsAwayMemoryIsBoundedAndTheOldestStay) {
  script.down(true);
  auto out = sink({.interval = milliseconds(1), .queue_bytes = 64 << 10});
  send(*out, 1, 1);
  script.wait_for_attempts(3);
  send(*out, 2, 1000);
  EXPECT_TRUE(out->has_room());
  EXPECT_FALSE(out->failing());
  RemoteSink::Counters away = out->counters();
  EXPECT_GT(away.dropped, 500u);
  EXPECT_EQ(away.accepted + away.dropped, 1000u);
  EXPECT_LT(away.waiting_bytes, 3u * (64 << 10));
  script.down(false);
  out->close(patiently());
  EXPECT_EQ(script.ids.size(), away.accepted);
  for (std::size_t i = 0; i < script.ids.size(); ++i) EXPECT_EQ(script.ids[i], std::to_string(i + 1));
  EXPECT_EQ(out->counters().sent, away.accepted);
}

TEST_F(RemoteSinkTest, TheEndSendsWhatWaits) {
  auto out = sink({.interval = std::chrono::hours(1)});
  send(*out, 1, 5);
  EXPECT_THAT(script.ids, IsEmpty());
  out->close(patiently());
  EXPECT_EQ(script.ids.size(), 5u);
}

TEST_F(RemoteSinkTest, TheEndTriesAgainWhileThereIsTime) {
  script.down(true);
  auto out = sink({.interval = milliseconds(1)});
  send(*out, 1, 5);
  out->begin_close(patiently());
  script.wait_for_attempts(3);
  script.down(false);
  out->close(patiently());
  EXPECT_EQ(script.ids.size(), 5u);
}

TEST_F(RemoteSinkTest, TheEndHasADeadlineAndCountsWhatIsLost) {
  script.hold(true);
  auto out = sink({.interval = milliseconds(1)});
  send(*out, 1, 5);
  script.wait_for_attempts(1);
  out->close(steady_now() + milliseconds(30));
  send(*out, 6, 6);
  EXPECT_THAT(script.ids, IsEmpty());
  EXPECT_EQ(out->counters().lost, 5u);
  EXPECT_EQ(out->counters().dropped, 1u);
  EXPECT_FALSE(out->flush());
}

TEST_F(RemoteSinkTest, BodiesAreNotKeptUnlessTheyAreWanted) {
  auto bytes = [this](bool bodies) {
    auto out = sink({.bodies = bodies, .interval = std::chrono::hours(1)});
    flow::Flow flow = sample_flow(1);
    flow.response_body.bytes = std::string(100'000, 'x');
    out->closed(boxed(std::move(flow)));
    return out->counters().waiting_bytes;
  };
  EXPECT_LT(bytes(false), 10'000u);
  EXPECT_GT(bytes(true), 100'000u);
}

}  // namespace
}  // namespace weir::store
