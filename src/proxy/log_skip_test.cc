#include "proxy/log_skip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/recorder.h"

namespace weir::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// What came, in words, in order.
class Told final : public flow::Sink {
 public:
  void opened(std::unique_ptr<const flow::Flow> flow) override { tell("opened " + flow->request.target); }
  void closed(std::unique_ptr<const flow::Flow> flow) override { tell("closed " + flow->request.target); }
  void message(std::unique_ptr<const flow::Message> message) override {
    tell("message " + message->content.bytes);
  }
  void connection(std::unique_ptr<const flow::Connection> connection) override {
    tell("connection " + std::to_string(connection->id) + (connection->closed ? " ended" : ""));
  }
  bool has_room() const override { return true; }
  bool failing() const override { return false; }
  /// What was told since the last call.
  std::vector<std::string> take() { return std::exchange(words_, {}); }

 private:
  void tell(std::string word) { words_.push_back(std::move(word)); }
  std::vector<std::string> words_;
};

/// Skips everything of skipped.test, and /skip/** everywhere.
std::shared_ptr<const policy::Policy> rules() {
  using policy::Action;
  std::array<policy::RuleSet, 5> layers;
  layers[2].rules = {{.pattern = "skipped.test", .action = Action::allow},
                     {.pattern = "/skip/**", .action = Action::allow, .scope = policy::Scope::path}};
  layers[4].default_action = Action::block;
  return policy::Policy::compile(std::move(layers)).value_or(nullptr);
}

class LogSkipTest : public testing::Test {
 protected:
  std::unique_ptr<Recording> begin(const std::string& target, const std::string& host = "a.test") {
    auto recording = std::make_unique<Recording>(recorder_);
    flow::Flow& flow = recording->flow();
    flow.request.method = "GET";
    flow.request.origin = {http::Scheme::https, {host, 443}};
    flow.request.target = target;
    flow.client_connection = 1;
    flow.upstream_connection = 2;
    return recording;
  }
  void tell(flow::ConnectionId id, bool ended, flow::Leg leg = flow::Leg::upstream, std::string sni = "") {
    auto connection = std::make_unique<flow::Connection>();
    connection->id = id;
    connection->leg = leg;
    connection->closed = ended ? 1 : 0;
    connection->sni = std::move(sni);
    recorder_.tell(std::move(connection));
  }
  void tell_client(bool ended, std::string sni = "") { tell(1, ended, flow::Leg::client, std::move(sni)); }

  async::Loop loop_{async::Loop::Time::manual};
  Told told_;
  Numbers numbers_;
  CaptureBudget budget_{1000};
  LogSkip skip_{rules()};
  Recorder recorder_{loop_, told_, numbers_, budget_, 100, &skip_};
};

TEST_F(LogSkipTest, NothingIsToldOfWhatIsSkipped) {
  for (auto [target, host] : {std::pair("/skip/this", "a.test"), std::pair("/x", "skipped.test")}) {
    auto recording = begin(target, host);
    recording->capture(recording->flow().response_body, "bytes");
    EXPECT_EQ(recording->flow().response_body.bytes, "") << "nor kept";
    EXPECT_EQ(recording->flow().response_body.size, 5u);
    loop_.advance(2 * Recorder::kAnnounceAfter);
    loop_.run_until_idle();
    recording->tell(std::make_unique<flow::Message>());
    recording.reset();
    EXPECT_THAT(told_.take(), IsEmpty());
  }
  EXPECT_EQ(skip_.skipped(), 2u);
  begin("/x");
  EXPECT_THAT(told_.take(), ElementsAre("closed /x"));
  EXPECT_EQ(skip_.skipped(), 2u);
}

TEST_F(LogSkipTest, Tunnels) {
  auto tunnel = [&](const char* host) {
    auto recording = begin("", host);
    recording->flow().kind = flow::Kind::tunnel;
    recording->flow().request.method = "CONNECT";
  };
  tunnel("skipped.test");
  EXPECT_THAT(told_.take(), IsEmpty());
  tunnel("a.test");
  EXPECT_THAT(told_.take(), ElementsAre("closed "));
}

TEST_F(LogSkipTest, AConnectionIsToldOfOnceARecordedFlowNamesIt) {
  tell_client(false);
  tell(2, false);
  begin("/skip/1");
  EXPECT_THAT(told_.take(), IsEmpty());
  begin("/x");
  EXPECT_THAT(told_.take(), ElementsAre("connection 1", "connection 2", "closed /x"));
  begin("/skip/2");
  tell(2, true);
  tell_client(true);
  EXPECT_THAT(told_.take(), ElementsAre("connection 2 ended", "connection 1 ended"));
}

TEST_F(LogSkipTest, AnEarlyViewNamesItsConnections) {
  tell_client(false);
  tell(2, false);
  auto recording = begin("/x");
  loop_.advance(2 * Recorder::kAnnounceAfter);
  loop_.run_until_idle();
  EXPECT_THAT(told_.take(), ElementsAre("connection 1", "connection 2", "opened /x"));
  recording.reset();
  EXPECT_THAT(told_.take(), ElementsAre("closed /x"));
}

TEST_F(LogSkipTest, AConnectionThatOnlySkippedFlowsNameIsNotToldOf) {
  tell_client(false);
  tell(2, false);
  auto open = begin("/skip/1");
  tell(2, true);
  open.reset();
  tell_client(true);
  EXPECT_THAT(told_.take(), IsEmpty());
}

TEST_F(LogSkipTest, AConnectionThatEndsBeforeItsFlow) {
  tell(2, false);
  auto recording = begin("/x");
  tell(2, true);
  EXPECT_THAT(told_.take(), ElementsAre("connection 2 ended"));
  recording.reset();
  EXPECT_THAT(told_.take(), ElementsAre("closed /x"));
}

TEST_F(LogSkipTest, AConnectionThatNoFlowNames) {
  tell_client(false);
  tell_client(true);
  EXPECT_THAT(told_.take(), ElementsAre("connection 1 ended"));
  tell_client(false, "skipped.test");
  tell_client(true, "skipped.test");
  tell_client(false, "other.test");
  tell_client(true, "other.test");
  EXPECT_THAT(told_.take(), ElementsAre("connection 1 ended"));
  tell(2, false);
  tell(2, true);  // perhaps the first attempt of a flow that is skipped
  EXPECT_THAT(told_.take(), IsEmpty());
}

TEST(LogSkip, WithoutRulesAllIsToldAtOnce) {
  async::Loop loop(async::Loop::Time::manual);
  Told told;
  Numbers numbers;
  CaptureBudget budget(1000);
  Recorder recorder(loop, told, numbers, budget, 100);
  auto connection = std::make_unique<flow::Connection>();
  connection->id = 7;
  recorder.tell(std::move(connection));
  EXPECT_THAT(told.take(), ElementsAre("connection 7"));
}

}  // namespace
}  // namespace weir::proxy
