#include "proxy/recorder.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace weir::proxy {
namespace {

class Kept final : public flow::Sink {
 public:
  void opened(std::unique_ptr<const flow::Flow> flow) override { open.push_back(*flow); }
  void closed(std::unique_ptr<const flow::Flow> flow) override { done.push_back(*flow); }
  void message(std::unique_ptr<const flow::Message>) override {}
  void connection(std::unique_ptr<const flow::Connection>) override {}
  bool has_room() const override { return true; }
  bool failing() const override { return false; }

  std::vector<flow::Flow> open;
  std::vector<flow::Flow> done;
};

class RecorderTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kBodyLimit = 8;
  static constexpr std::uint64_t kBudget = 20;

  async::Loop loop{async::Loop::Time::manual};
  Kept sink;
  Numbers numbers;
  CaptureBudget budget{kBudget};
  Recorder recorder{loop, sink, numbers, budget, kBodyLimit};
};

TEST_F(RecorderTest, keeps_of_a_body_what_its_limit_allows) {
  Recording recording(recorder);
  flow::Captured& body = recording.flow().response_body;
  recording.capture(body, "12345678");
  EXPECT_EQ(body.bytes, "12345678");
  EXPECT_FALSE(body.truncated);
  recording.capture(body, "9");
  EXPECT_EQ(body.bytes, "12345678");
  EXPECT_EQ(body.size, 9u);
  EXPECT_TRUE(body.truncated);
}

TEST_F(RecorderTest, keeps_the_bodies_of_all_open_flows_within_one_budget) {
  std::vector<std::unique_ptr<Recording>> open;
  std::uint64_t held = 0;
  for (int i = 0; i < 10; ++i) {
    open.push_back(std::make_unique<Recording>(recorder));
    flow::Captured& body = open.back()->flow().response_body;
    open.back()->capture(body, "12345678");
    held += body.bytes.size();
    EXPECT_EQ(body.size, 8u);
    EXPECT_EQ(body.truncated, body.bytes.size() < body.size);
  }
  EXPECT_EQ(held, 16u);
}

TEST_F(RecorderTest, leaves_no_hole_in_a_body_where_there_is_room_again) {
  Recording cut(recorder);
  flow::Captured& body = cut.flow().response_body;
  cut.capture(body, "1234");
  {
    Recording other(recorder);
    other.capture(other.flow().request_body, "12345678");
    other.capture(other.flow().response_body, "12345678");
    cut.capture(body, "5");
    EXPECT_TRUE(body.truncated);
  }
  cut.capture(body, "6");
  EXPECT_EQ(body.bytes, "1234");
  EXPECT_EQ(body.size, 6u);
  Recording next(recorder);
  next.capture(next.flow().request_body, "12345678");
  next.capture(next.flow().response_body, "12345678");
  EXPECT_EQ(next.flow().response_body.bytes, "12345678") << "a closed flow gives its part back";
}

TEST_F(RecorderTest, closes_each_flow_once_and_opens_only_long_ones) {
  {
    Recording brief(recorder);
  }
  EXPECT_TRUE(sink.open.empty());
  ASSERT_EQ(sink.done.size(), 1u);
  EXPECT_EQ(sink.done[0].id, 1u);
  EXPECT_GE(sink.done[0].duration_us, 0);

  std::optional<Recording> lasting(std::in_place, recorder);
  lasting->capture(lasting->flow().response_body, "body");
  loop.advance(std::chrono::hours(1));
  loop.run_until_idle();
  ASSERT_EQ(sink.open.size(), 1u);
  EXPECT_EQ(sink.open[0].response_body.bytes, "") << "bodies are left out";
  EXPECT_EQ(sink.open[0].response_body.size, 4u);
  lasting.reset();
  EXPECT_EQ(sink.open.size(), 1u);
  ASSERT_EQ(sink.done.size(), 2u);
  EXPECT_EQ(sink.done[1].response_body.bytes, "body");
}

TEST_F(RecorderTest, keeps_the_first_failure) {
  {
    Recording recording(recorder);
    recording.fail(Code::upstream_reset, "the cause");
    recording.fail(Code::client_closed, "a consequence");
    recording.mark("one");
    recording.mark("two");
  }
  EXPECT_EQ(sink.done.at(0).error, Code::upstream_reset);
  EXPECT_EQ(sink.done.at(0).error_detail, "the cause");
  EXPECT_EQ(sink.done.at(0).marks, "one,two");
}

}  // namespace
}  // namespace weir::proxy
