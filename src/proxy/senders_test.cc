#include "proxy/senders.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <vector>

#include "async/task_group.h"
#include "proxy/recorder.h"

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

  std::vector<flow::Flow> open, done;
};

/// Answers when the test says so.
class SlowFinder final : public ClientFinder {
 public:
  bool may_find(const std::string&, const std::string&) const override { return true; }
  bool find(const std::string& from, const std::string& to, Answer answer) override {
    if (full) return false;
    asked[from + ">" + to] = std::move(answer);
    return true;
  }
  bool inspect(std::shared_ptr<const Process> process, Answer answer) override {
    ++inspections;
    if (full) return false;
    Process more = *process;
    more.tls_libraries = {{"OpenSSL", "libssl.so.3"}};
    answer(std::make_shared<const Process>(std::move(more)));
    return true;
  }
  void answer(const std::string& ends, Process process) {
    asked.at(ends)(std::make_shared<const Process>(std::move(process)));
  }

  bool full = false;
  int inspections = 0;
  std::map<std::string, Answer> asked;
};

const Process kCurl{.pid = 12, .name = "curl"};

class SendersTest : public ::testing::Test {
 protected:
  void ask(flow::ConnectionId id) { recorder.senders().ask(id, finder, std::to_string(id), "proxy"); }
  void answer(flow::ConnectionId id, const Process& process = kCurl) {
    finder.answer(std::to_string(id) + ">proxy", process);
    loop.run_until_idle();
  }
  void record(flow::ConnectionId id) {
    Recording recording(recorder);
    recording.flow().client_connection = id;
  }
  std::vector<std::string> told() const {
    std::vector<std::string> out;
    for (const flow::Flow& flow : sink.done)
      out.push_back(std::to_string(flow.client_connection) + ":" + flow.process +
                    (flow.sender ? flow.sender->unknown : " nobody asked"));
    return out;
  }
  using Told = std::vector<std::string>;

  async::Loop loop{async::Loop::Time::manual};
  Kept sink;
  Numbers numbers;
  CaptureBudget budget{1000};
  SlowFinder finder;
  Recorder recorder{loop, sink, numbers, budget, 8};
};

TEST_F(SendersTest, flows_after_the_answer_are_told_at_once) {
  ask(1);
  answer(1);
  record(1);
  EXPECT_EQ(told(), Told{"1:curl"});
  EXPECT_EQ(*sink.done[0].sender, kCurl);
  record(2);
  EXPECT_EQ(told().back(), "2: nobody asked");
}

TEST_F(SendersTest, a_flow_that_closes_before_the_answer_waits_for_it) {
  ask(1);
  ask(2);
  record(1);
  record(2);
  record(1);
  record(3);
  EXPECT_EQ(told(), Told{"3: nobody asked"}) << "others do not wait";
  answer(1);
  EXPECT_EQ(told(), (Told{"3: nobody asked", "1:curl", "1:curl"}));
  answer(2, {.unknown = "ended"});
  EXPECT_EQ(told().back(), "2:ended");
}

TEST_F(SendersTest, also_when_its_connection_has_ended) {
  ask(1);
  record(1);
  recorder.senders().forget(1);
  answer(1);
  EXPECT_EQ(told(), Told{"1:curl"});
  EXPECT_EQ(recorder.senders().of(1), nullptr);
}

TEST_F(SendersTest, but_not_for_ever) {
  ask(1);
  record(1);
  loop.advance(Senders::kPatience - std::chrono::milliseconds(1));
  loop.run_until_idle();
  EXPECT_EQ(told(), Told{});
  record(1);
  loop.advance(std::chrono::milliseconds(1));
  loop.run_until_idle();
  EXPECT_EQ(told(), Told{"1:not found in time"});
  loop.advance(Senders::kPatience);
  loop.run_until_idle();
  EXPECT_EQ(told().size(), 2u);
  answer(1);
  record(1);
  EXPECT_EQ(told().back(), "1:curl") << "late, but for those to come";
}

TEST_F(SendersTest, nor_many) {
  ask(1);
  for (std::size_t i = 0; i < Senders::kMostWaiting + 2; ++i) record(1);
  EXPECT_EQ(told(), (Told{"1:not found in time", "1:not found in time"}));
  EXPECT_EQ(sink.done[0].id, 1u);
  answer(1);
  EXPECT_EQ(sink.done.size(), Senders::kMostWaiting + 2);
}

TEST_F(SendersTest, nor_large_ones) {
  ask(1);
  auto flow = std::make_unique<flow::Flow>();
  flow->client_connection = 1;
  flow->request_body.bytes.resize(Senders::kMostWaitingBytes / 2 + 1);
  recorder.senders().close(std::make_unique<flow::Flow>(*flow));
  EXPECT_EQ(told(), Told{});
  recorder.senders().close(std::move(flow));
  EXPECT_EQ(told(), Told{"1:not found in time"});
  answer(1);
  EXPECT_EQ(told(), (Told{"1:not found in time", "1:curl"}));
}

TEST_F(SendersTest, as_large_as_the_sink_can_take_at_once) {
  recorder.senders().hold_at_most(1000);
  ask(1);
  auto flow = std::make_unique<flow::Flow>();
  flow->client_connection = 1;
  flow->request_body.bytes.resize(600);
  recorder.senders().close(std::make_unique<flow::Flow>(*flow));
  EXPECT_EQ(told(), Told{});
  recorder.senders().close(std::move(flow));
  EXPECT_EQ(told(), Told{"1:not found in time"});
}

TEST_F(SendersTest, an_open_flow_is_announced_with_its_sender) {
  ask(1);
  answer(1);
  std::optional<Recording> lasting(std::in_place, recorder);
  lasting->flow().client_connection = 1;
  loop.advance(std::chrono::hours(1));
  loop.run_until_idle();
  ASSERT_EQ(sink.open.size(), 1u);
  EXPECT_EQ(sink.open[0].process, "curl");
}

TEST_F(SendersTest, a_stream_of_a_connection_has_its_sender) {
  ask(1);
  recorder.senders().share(2, 1);
  recorder.senders().share(3, 99);
  record(2);
  record(3);
  EXPECT_EQ(told(), Told{"3: nobody asked"});
  answer(1);
  EXPECT_EQ(told().back(), "2:curl");
}

TEST_F(SendersTest, too_many_questions_are_said_to_be_so) {
  finder.full = true;
  ask(1);
  record(1);
  EXPECT_EQ(told(), Told{"1:too many connections came at once"});
}

TEST_F(SendersTest, nothing_is_lost_at_the_end) {
  {
    Recorder brief(loop, sink, numbers, budget, 8);
    brief.senders().ask(1, finder, "1", "proxy");
    Recording recording(brief);
    recording.flow().client_connection = 1;
  }
  EXPECT_EQ(told(), Told{"1:not found in time"});
}

async::Task<void> keep(async::Task<std::shared_ptr<const Process>> task, std::vector<Process>& into) {
  auto process = co_await std::move(task);
  into.push_back(process ? *process : Process{.unknown = "null"});
}

TEST_F(SendersTest, inspection_waits_for_the_sender_and_asks_once) {
  std::vector<Process> got;
  async::TaskGroup tasks(loop);
  ask(1);
  recorder.senders().share(2, 1);
  tasks.spawn(keep(recorder.senders().inspected(1), got));
  tasks.spawn(keep(recorder.senders().inspected(2), got));
  tasks.spawn(keep(recorder.senders().inspected(3), got));
  loop.run_until_idle();
  EXPECT_EQ(got, (std::vector{Process{.unknown = "null"}})) << "nobody was asked";
  recorder.senders().forget(1);
  answer(1);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[1].tls_libraries, (std::vector{Process::TlsLibrary{"OpenSSL", "libssl.so.3"}}));
  EXPECT_EQ(got[2], got[1]);
  EXPECT_EQ(finder.inspections, 1);
}

TEST_F(SendersTest, inspection_ends_when_nobody_answers) {
  std::vector<Process> got;
  async::TaskGroup tasks(loop);
  ask(1);
  tasks.spawn(keep(recorder.senders().inspected(1), got));
  loop.run_until_idle();
  loop.advance(Senders::kInspectionPatience);
  loop.run_until_idle();
  EXPECT_EQ(got, (std::vector{Process{.unknown = "null"}}));
  ask(2);
  answer(2);
  finder.full = true;
  tasks.spawn(keep(recorder.senders().inspected(2), got));
  loop.run_until_idle();
  EXPECT_EQ(got.at(1), kCurl) << "as it is known";
  answer(1);
}

}  // namespace
}  // namespace weir::proxy
