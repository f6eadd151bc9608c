#include "app/sinks.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::app {
namespace {

struct Ledger final : flow::Sink {
  void opened(std::unique_ptr<const flow::Flow> flow) override { told += "o" + std::to_string(flow->id); }
  void closed(std::unique_ptr<const flow::Flow> flow) override {
    told += "c" + std::to_string(flow->id);
    bodies += flow->response_body.bytes;
    last = std::move(flow);
  }
  void message(std::unique_ptr<const flow::Message> message) override {
    told += "m" + std::to_string(message->number);
  }
  void connection(std::unique_ptr<const flow::Connection> connection) override {
    told += "n" + std::to_string(connection->id);
  }
  bool has_room() const override { return room; }
  bool failing() const override { return fails; }

  std::string told, bodies;
  std::unique_ptr<const flow::Flow> last;
  bool room = true, fails = false;
};

struct Onlooker final : Observer {
  void closed(const flow::Flow& flow) override { seen = flow.id; }
  flow::FlowId seen = 0;
};

void tell_all(flow::Sink& sink) {
  flow::Flow flow;
  flow.id = 7;
  flow.response_body.bytes = "body";
  sink.opened(std::make_unique<flow::Flow>(flow));
  flow::Message message;
  message.number = 3;
  sink.message(std::make_unique<flow::Message>(message));
  sink.closed(std::make_unique<flow::Flow>(flow));
  flow::Connection connection;
  connection.id = 5;
  sink.connection(std::make_unique<flow::Connection>(connection));
}

TEST(Sinks, TheRecordGetsEverythingTheLogsWhatCloses) {
  Ledger record, first, second;
  Onlooker onlooker;
  Sinks sinks;
  sinks.set_record(record);
  sinks.add_log(first);
  sinks.add_log(second);
  sinks.add_observer(onlooker);
  tell_all(sinks);
  EXPECT_EQ(record.told, "o7m3c7n5");
  EXPECT_EQ(first.told, "c7");
  EXPECT_EQ(second.told, "c7");
  for (const Ledger* ledger : {&record, &first, &second}) EXPECT_EQ(ledger->bodies, "body");
  EXPECT_NE(record.last.get(), first.last.get()) << "each has its own";
  EXPECT_EQ(onlooker.seen, 7u);
}

TEST(Sinks, ALogAloneGetsTheFlowItself) {
  Ledger log;
  Sinks sinks;
  sinks.add_log(log);
  auto flow = std::make_unique<flow::Flow>();
  const flow::Flow* same = flow.get();
  sinks.closed(std::move(flow));
  EXPECT_EQ(log.last.get(), same);
  tell_all(sinks);
}

TEST(Sinks, WithoutAnyEventsVanish) {
  Sinks sinks;
  tell_all(sinks);
  EXPECT_TRUE(sinks.has_room());
  EXPECT_FALSE(sinks.failing());
}

TEST(Sinks, TheFullestAndTheWorstOneCount) {
  for (bool in_record : {true, false}) {
    Ledger record, log;
    Sinks sinks;
    sinks.set_record(record);
    sinks.add_log(log);
    EXPECT_TRUE(sinks.has_room());
    EXPECT_FALSE(sinks.failing());
    Ledger& bad = in_record ? record : log;
    bad.room = false;
    EXPECT_FALSE(sinks.has_room());
    bad.fails = true;
    EXPECT_TRUE(sinks.failing());
  }
}

}  // namespace
}  // namespace weir::app
