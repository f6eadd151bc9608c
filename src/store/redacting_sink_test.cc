#include "store/redacting_sink.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "store/test_recording.h"

namespace weir::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kSecret = "Canary-7Qz9x";

std::shared_ptr<const flow::Redactor> redactor() {
  return *flow::Redactor::compile({{{.name = "canary", .value = kSecret}}, {}, 1 << 20});
}

flow::Flow secret_flow(flow::FlowId id) {
  flow::Flow flow = sample_flow(id);
  flow.request.target = "/x/" + kSecret;
  flow.response_body = {.bytes = "<" + kSecret + ">", .size = 14, .complete = true};
  return flow;
}

/// Notes what it is handed; has room when the test says so.
class Noted final : public flow::Sink {
 public:
  void opened(std::unique_ptr<const flow::Flow> flow) override { note("opened " + flow->request.target); }
  void closed(std::unique_ptr<const flow::Flow> flow) override {
    note("closed " + flow->request.target + " " + flow->response_body.bytes + " " + flow->marks);
  }
  void message(std::unique_ptr<const flow::Message> message) override {
    note("message " + message->content.bytes);
  }
  void connection(std::unique_ptr<const flow::Connection> connection) override {
    note("connection " + connection->sni);
  }
  bool has_room() const override {
    std::lock_guard lock(mutex_);
    ++asked_;
    changed_.notify_all();
    return room_;
  }
  bool failing() const override { return failing_; }

  void set_room(bool room) {
    std::lock_guard lock(mutex_);
    room_ = room;
  }
  /// Until somebody has asked for room so often.
  void wait_until_asked(int times) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asked_ >= times; });
  }
  std::vector<std::string> notes() const {
    std::lock_guard lock(mutex_);
    return notes_;
  }
  bool failing_ = false;

 private:
  void note(std::string text) {
    std::lock_guard lock(mutex_);
    notes_.push_back(std::move(text));
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable int asked_ = 0;
  bool room_ = true;
  std::vector<std::string> notes_;
};

constexpr EventQueue::Limits kLimits{1 << 20, flow::WhenFull::slow};

TEST(RedactingSink, HandsOnInOrderWhatHasNoSecretLeft) {
  Noted noted;
  RedactingSink sink(redactor(), noted, kLimits);
  auto connection = std::make_unique<flow::Connection>();
  connection->sni = "a." + kSecret;
  sink.connection(std::move(connection));
  sink.opened(boxed(secret_flow(1)));
  sink.message(boxed_message(1, 1, "text " + kSecret));
  sink.closed(boxed(secret_flow(1)));
  sink.closed(boxed(sample_flow(2)));
  sink.flush();
  EXPECT_THAT(noted.notes(),
              ElementsAre("connection a.[REDACTED:canary]", "opened /x/[REDACTED:canary]",
                          "message text [REDACTED:canary]",
                          "closed /x/[REDACTED:canary] <[REDACTED:canary]> redacted", "closed /2 hello "));
  EXPECT_EQ(sink.counters().redacted, 1u);
  EXPECT_EQ(sink.counters().withheld, 0u);
}

TEST(RedactingSink, ClosingHandsOnTheRest) {
  Noted noted;
  RedactingSink sink(redactor(), noted, kLimits);
  for (flow::FlowId id = 1; id <= 500; ++id) sink.closed(boxed(sample_flow(id)));
  noted.set_room(false);  // nobody waits at the end
  sink.close();
  EXPECT_EQ(noted.notes().size(), 500u);
  sink.closed(boxed(sample_flow(501)));
  EXPECT_EQ(noted.notes().size(), 500u);
  EXPECT_EQ(sink.counters().shed_flows, 1u);
}

TEST(RedactingSink, WaitsForTheSinkBehindItWhereTrafficMay) {
  Noted noted;
  noted.set_room(false);
  {
    RedactingSink sink(redactor(), noted, kLimits);
    EXPECT_FALSE(sink.has_room());
    sink.closed(boxed(sample_flow(1)));
    noted.wait_until_asked(4);
    EXPECT_TRUE(noted.notes().empty());
    noted.set_room(true);
    sink.flush();
    EXPECT_EQ(noted.notes().size(), 1u);
  }
  noted.set_room(false);
  RedactingSink hasty(redactor(), noted, {1 << 20, flow::WhenFull::drop});
  hasty.closed(boxed(sample_flow(2)));
  hasty.flush();
  EXPECT_EQ(noted.notes().size(), 2u);
  noted.failing_ = true;
  EXPECT_TRUE(hasty.failing());
}

TEST(RedactingSink, ItsOwnQueueIsBounded) {
  Noted noted;
  noted.set_room(false);
  RedactingSink sink(redactor(), noted, {100'000, flow::WhenFull::slow});
  flow::Flow large = sample_flow(1);
  large.response_body.bytes = std::string(60'000, 'x');
  int pushed = 0;
  for (; sink.counters().shed_flows == 0; ++pushed) sink.closed(boxed(large));
  EXPECT_LT(pushed, 200);
  EXPECT_GT(sink.counters().shed_bodies, 0u);
  sink.close();
  auto notes = noted.notes();
  EXPECT_EQ(notes.size(), static_cast<std::size_t>(pushed) - 1);
  EXPECT_THAT(notes.back(), HasSubstr("capture_dropped"));
}

// What is on the disk is not the secret, in no file of the session, also while it runs.
class RedactedStoreTest : public StoreTest {};

TEST_F(RedactedStoreTest, NoFileHoldsASecret) {
  auto store = record();
  RedactingSink sink(redactor(), *store, kLimits);
  for (flow::FlowId id = 1; id <= 20; ++id) {
    if (id % 2) sink.opened(boxed(secret_flow(id)));
    sink.message(boxed_message(id, 1, kSecret));
    sink.closed(boxed(secret_flow(id)));
  }
  sink.flush();
  ASSERT_TRUE(store->flush());
  for (bool closed : {false, true}) {
    for (const auto& file : all_files())
      if (std::filesystem::is_regular_file(file)) EXPECT_THAT(slurp(file), Not(HasSubstr("Canary"))) << file;
    if (closed) break;
    sink.close();
    store->close();
  }
  auto rows = all();
  ASSERT_EQ(rows.size(), 20u);
  EXPECT_EQ(rows[0].flow.request.target, "/x/[REDACTED:canary]");
  EXPECT_EQ(rows[0].flow.marks, "redacted");
}

TEST_F(RedactedStoreTest, ABodyThatWasDecodedSaysSo) {
  auto store = record();
  flow::Flow flow = sample_flow(1);
  flow.response.fields.add("Content-Encoding", "gzip");
  flow.response_body.bytes = std::string(10'000, 'a');
  flow.response_body.decoded = true;
  add_mark(flow, "resp_decoded");
  store->closed(boxed(flow));
  store->close();
  auto rows = all();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(rows[0].flow.response_body.decoded);
  EXPECT_FALSE(rows[0].flow.request_body.decoded);
  auto read = query()->load_body(rows[0], rows[0].response_body);
  EXPECT_EQ(read.value_or(""), flow.response_body.bytes);
  auto file = session_files(store->directory()).front();
  EXPECT_EQ(ask_text(file, "SELECT codec FROM bodies"), "zstd") << "it is compressible again";
}

// All sinks redact the same: the error was once treated as one URL, the reason not at all.
TEST_F(RedactedStoreTest, WordsOfErrorsAndReasonsAreRedactedWithoutAnyRule) {
  auto store = record();
  flow::Flow flow = sample_flow(1);
  flow.error = Code::connect_failed;
  flow.error_detail = "http://a/?x=1 sent to https://u:pw@b/ and /c?token=t0p";
  flow.filter_reason = "rule https://a/?api_key=t0p";
  store->closed(boxed(flow));
  auto connection = std::make_unique<flow::Connection>();
  connection->id = 3;
  connection->closed = kNoon;
  connection->error_detail = "no answer from https://u:pw@b/?sig=t0p";
  store->connection(std::move(connection));
  store->close();
  auto rows = all();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].flow.error_detail, "http://a/?x=1 sent to https://b/ and /c?token=[REDACTED]");
  EXPECT_EQ(rows[0].flow.filter_reason, "rule https://a/?api_key=[REDACTED]");
  auto file = session_files(store->directory()).front();
  EXPECT_EQ(ask_text(file, "SELECT error_detail FROM connections"),
            "no answer from https://b/?sig=[REDACTED]");
}

}  // namespace
}  // namespace weir::store
