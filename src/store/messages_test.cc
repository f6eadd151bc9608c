// WebSocket messages in the store: from the queue into the files and back.
#include <algorithm>
#include <iterator>
#include <numeric>

#include "store/schema.h"
#include "store/test_recording.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;
using http::ws::Opcode;
using http::ws::Problem;
using Numbers = std::vector<std::uint32_t>;

class MessagesTest : public StoreTest {
 protected:
  static Numbers numbers(const std::vector<flow::Message>& messages) {
    Numbers out;
    for (const flow::Message& message : messages) out.push_back(message.number);
    return out;
  }
  // All of them, in pages of `count`.
  static std::vector<flow::Message> messages_of(Query& reader, const Row& row, std::size_t count = 1000) {
    std::vector<flow::Message> all;
    while (true) {
      auto page = reader.messages_of(row, all.empty() ? 0 : all.back().number, count);
      EXPECT_TRUE(page) << page.error().message();
      EXPECT_LE(page->size(), count);
      if (page->empty()) return all;
      std::ranges::move(*page, std::back_inserter(all));
    }
  }
  std::vector<flow::Message> messages_of(flow::FlowId id, std::size_t count = 1000) const {
    auto reader = query();
    auto row = reader->find(std::to_string(id));
    EXPECT_TRUE(row) << row.error().message();
    return messages_of(*reader, *row, count);
  }
  // What Weir wrote before there were messages.
  static void make_first_schema(const fs::path& file) {
    auto database = Database::open(file, Database::Access::write, 0);
    ASSERT_TRUE(database &&
                database->execute("DROP TABLE messages; CREATE INDEX bodies_by_hash ON bodies(hash64);"
                                  "ALTER TABLE flows DROP COLUMN filter_action;"
                                  "ALTER TABLE flows DROP COLUMN filter_reason;"
                                  "ALTER TABLE flows DROP COLUMN process;"
                                  "ALTER TABLE flows DROP COLUMN device;"
                                  "ALTER TABLE flows DROP COLUMN model;"
                                  "ALTER TABLE flows DROP COLUMN sender; DROP TABLE processes;"
                                  "ALTER TABLE flows DROP COLUMN rejection;"
                                  "DROP TABLE model_calls; DROP TABLE tool_calls; DROP TABLE tool_results; "
                                  "DROP TABLE mcp_calls; DROP TABLE prompts;"
                                  "PRAGMA user_version=1"));
  }
};

TEST_F(MessagesTest, AMessageComesBackAsItWasTold) {
  auto store = record();
  store->opened(boxed_open(3));
  auto message = boxed_message(3, 1, std::string("\0\xff", 2));
  message->content.opcode = Opcode::binary;
  message->content.size = 5'000'000'000;
  message->content.truncated = message->content.compressed = true;
  message->content.problem = Problem::compression_bomb;
  store->message(std::move(message));
  auto close = boxed_message(3, 2, "bye");
  close->content.opcode = Opcode::close;
  close->content.close_code = 1001;
  store->message(std::move(close));
  store->message(boxed_message(3, 3, ""));
  ASSERT_TRUE(store->flush());

  auto got = messages_of(3);
  ASSERT_EQ(numbers(got), (Numbers{1, 2, 3})) << "the flow is still open";
  EXPECT_EQ(got[0].flow, 3u);
  EXPECT_EQ(got[0].time, kNoon + 3 * kSecond + 1'000'000);
  EXPECT_TRUE(got[0].from_client);
  EXPECT_EQ(got[0].content.opcode, Opcode::binary);
  EXPECT_EQ(got[0].content.size, 5'000'000'000u);
  EXPECT_EQ(got[0].content.bytes, std::string("\0\xff", 2));
  EXPECT_TRUE(got[0].content.truncated);
  EXPECT_TRUE(got[0].content.compressed);
  EXPECT_EQ(got[0].content.problem, Problem::compression_bomb);
  EXPECT_FALSE(got[1].from_client);
  EXPECT_EQ(got[1].content.opcode, Opcode::close);
  EXPECT_EQ(got[1].content.close_code, 1001);
  EXPECT_EQ(got[1].content.bytes, "bye");
  EXPECT_EQ(got[2].content.opcode, Opcode::text);
  EXPECT_EQ(got[2].content.bytes, "");
  EXPECT_FALSE(got[2].content.truncated);
  EXPECT_EQ(got[2].content.problem, Problem::none);
}

TEST_F(MessagesTest, FlowsHaveTheirOwnAndMayHaveNone) {
  auto store = record();
  for (std::uint32_t number = 1; number <= 3; ++number)
    for (flow::FlowId id : {1, 2}) store->message(boxed_message(id, number));
  for (flow::FlowId id : {1, 2, 3}) store->closed(boxed(sample_flow(id)));
  store->close();
  EXPECT_EQ(numbers(messages_of(1)), (Numbers{1, 2, 3}));
  EXPECT_EQ(messages_of(2).at(2).flow, 2u);
  EXPECT_EQ(numbers(messages_of(3)), Numbers{});
  EXPECT_EQ(store->counters().written, 3u);
  EXPECT_EQ(store->counters().lost_messages, 0u);
}

TEST_F(MessagesTest, PagesEndAtTheCountOrWhenTheyAreLarge) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  for (std::uint32_t number = 1; number <= 10; ++number)
    store->message(boxed_message(1, number, std::string(number > 6 ? 5 << 20 : 10, 'x')));
  store->close();
  auto reader = query();
  Row row = reader->find("1").value();
  EXPECT_EQ(numbers(reader->messages_of(row, 0, 4).value()), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(numbers(reader->messages_of(row, 4, 100).value()), (Numbers{5, 6, 7, 8}));
  EXPECT_EQ(numbers(reader->messages_of(row, 8, 100).value()), (Numbers{9, 10}));
  EXPECT_EQ(numbers(reader->messages_of(row, 10, 100).value()), Numbers{});
}

// A WebSocket that outlives many files: it stays in the first, its messages go to those that are current.
TEST_F(MessagesTest, MessagesOfALongFlowLieInManyFiles) {
  auto options = this->options();
  options.roll_bytes = 1;
  auto store = record(options);
  store->opened(boxed_open(1));
  Numbers expected(6);
  std::iota(expected.begin(), expected.end(), 1);
  for (std::uint32_t number : expected) {
    store->message(boxed_message(1, number));
    ASSERT_TRUE(store->flush());
  }
  EXPECT_EQ(numbers(messages_of(1)), expected);
  store->closed(boxed(sample_flow(1)));
  store->close();
  EXPECT_GT(session_files(store->directory()).size(), 3u);
  EXPECT_EQ(ask(store->directory() / "flows-0001.db", "SELECT count(*) FROM flows WHERE closed_seq > 0"), 1);
  EXPECT_EQ(ask(store->directory() / "flows-0001.db", "SELECT count(*) FROM messages"), 1);
  EXPECT_EQ(numbers(messages_of(1)), expected);
  EXPECT_EQ(numbers(messages_of(1, 1)), expected);
}

TEST_F(MessagesTest, AQueryFindsMessagesOfFilesThatCameLater) {
  auto options = this->options();
  options.roll_bytes = 1;
  auto store = record(options);
  store->opened(boxed_open(1));
  ASSERT_TRUE(store->flush());
  auto reader = query();
  Row row = reader->find("1").value();
  for (std::uint32_t number : {1u, 2u}) {
    store->message(boxed_message(1, number));
    ASSERT_TRUE(store->flush());
  }
  EXPECT_EQ(numbers(messages_of(*reader, row)), (Numbers{1, 2}));
}

TEST_F(MessagesTest, AFailedWriteLosesAndDoublesNone) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  {
    auto intruder = Database::open(store->directory() / "flows-0001.db", Database::Access::write, 0);
    ASSERT_TRUE(intruder && intruder->execute("PRAGMA wal_autocheckpoint=0; BEGIN IMMEDIATE"));
    store->message(boxed_message(1, 1));
    EXPECT_FALSE(store->flush());
  }
  store->message(boxed_message(1, 2));
  store->close();
  EXPECT_EQ(numbers(messages_of(1)), (Numbers{1, 2}));
}

TEST_F(MessagesTest, AnOlderFileIsReadAsOneWithoutMessages) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  store->close();
  make_first_schema(store->directory() / "flows-0001.db");
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{1}));
  EXPECT_EQ(numbers(messages_of(1)), Numbers{});
}

TEST_F(MessagesTest, AnOlderOrphanIsAdopted) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  store->close();
  fs::path file = store->directory() / "flows-0001.db";
  make_first_schema(file);
  std::ofstream(store->directory() / "session.lock").close();  // nobody holds it
  EXPECT_EQ(adopt_orphans(data_dir(), catalog()), 1u);
  EXPECT_EQ(session_state(store->directory()), SessionState::ended);
  EXPECT_EQ(ask(file, "PRAGMA user_version"), kSchemaVersion);
  EXPECT_EQ(ask(file, "SELECT count(*) FROM messages"), 0);
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{1}));
}

}  // namespace
}  // namespace weir::store
