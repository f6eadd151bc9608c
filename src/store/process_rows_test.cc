// What is known of a flow's process, in the store and in the lines of a log, and back.
#include "store/process_rows.h"

#include "flow/process.h"
#include "store/jsonl_line.h"
#include "store/schema.h"
#include "store/test_recording.h"

namespace weir::store {
namespace {

Process sample_process() {
  return {.pid = 1234,
          .started = kNoon - 3 * kSecond,
          .name = "curl",
          .executable = "/usr/bin/curl",
          .arguments = {"curl", "", "two words", "it's", "\x1b[2J\n"},
          .arguments_cut = true,
          .parents = {{1200, "ba\"sh"}, {1, "init"}},
          .tls_libraries = {{"OpenSSL", "libssl.so.3"}, {"Go", "cu\"rl"}}};
}

std::unique_ptr<flow::Flow> flow_of(flow::FlowId id, const Process& process) {
  auto out = std::make_unique<flow::Flow>(sample_flow(id));
  flow::set_sender(*out, std::make_shared<const Process>(process));
  return out;
}

class ProcessRowsTest : public StoreTest {};

TEST_F(ProcessRowsTest, AProcessComesBackAsItWas) {
  auto store = record();
  store->opened(flow_of(1, sample_process()));
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(*query()->find("1")->flow.sender, sample_process()) << "of a flow that is open, too";
  store->closed(flow_of(1, sample_process()));
  store->closed(flow_of(2, {.unknown = "ended before it was looked up"}));
  store->closed(boxed(sample_flow(3)));
  store->close();
  Row row = query()->find("1").value();
  EXPECT_EQ(row.flow.process, "curl");
  EXPECT_EQ(*row.flow.sender, sample_process());
  row = query()->find("2").value();
  EXPECT_EQ(row.flow.process, "");
  EXPECT_EQ(*row.flow.sender, (Process{.unknown = "ended before it was looked up"}));
  EXPECT_EQ(query()->find("3")->flow.sender, nullptr);
}

TEST_F(ProcessRowsTest, EqualOnesAreStoredOnce) {
  auto store = record();
  Process other = sample_process();
  other.arguments = {"curl", "-v"};
  for (flow::FlowId id = 1; id <= 20; ++id)
    store->closed(id == 11 ? flow_of(id, other) : flow_of(id, sample_process()));
  store->close();
  std::filesystem::path file = store->directory() / "flows-0001.db";
  EXPECT_EQ(ask(file, "SELECT count(*) FROM processes"), 3) << "the pid's latest is remembered";
  EXPECT_EQ(query()->find("11")->flow.sender->arguments, other.arguments);
  EXPECT_EQ(query()->find("20")->flow.sender->arguments, sample_process().arguments);
}

TEST_F(ProcessRowsTest, EachFileHasItsOwn) {
  auto options = this->options();
  options.roll_bytes = 1;
  auto store = record(options);
  for (flow::FlowId id : {1, 2}) {
    store->closed(flow_of(id, sample_process()));
    ASSERT_TRUE(store->flush());
  }
  store->close();
  for (const char* id : {"1", "2"}) EXPECT_EQ(*query()->find(id)->flow.sender, sample_process());
}

TEST_F(ProcessRowsTest, CredentialsAreNeverWritten) {
  Process process = sample_process();
  process.arguments = {"curl", "-H", "Authorization: Bearer s3cret",
                       "https://me:s3cret@a.example/?token=s3cret"};
  auto store = record();
  store->closed(flow_of(1, process));
  store->close();
  auto stored = query()->find("1")->flow.sender->arguments;
  EXPECT_EQ(stored, (std::vector<std::string>{"curl", "-H", "Authorization: Bearer [REDACTED]",
                                              "https://a.example/?token=[REDACTED]"}));
  std::string line;
  ASSERT_TRUE(append_jsonl(line, *flow_of(1, process), "20250131-235959-a1b2"));
  EXPECT_FALSE(line.contains("s3cret")) << line;
}

TEST_F(ProcessRowsTest, AFailedWriteLosesNone) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  {
    auto intruder = Database::open(store->directory() / "flows-0001.db", Database::Access::write, 0);
    ASSERT_TRUE(intruder && intruder->execute("PRAGMA wal_autocheckpoint=0; BEGIN IMMEDIATE"));
    store->closed(flow_of(2, sample_process()));
    EXPECT_FALSE(store->flush());
  }
  store->closed(flow_of(3, sample_process()));
  store->close();
  for (const char* id : {"2", "3"}) EXPECT_EQ(*query()->find(id)->flow.sender, sample_process());
}

TEST_F(ProcessRowsTest, ALineOfALogHasItAll) {
  std::string line;
  ASSERT_TRUE(append_jsonl(line, *flow_of(7, sample_process()), "20250131-235959-a1b2"));
  EXPECT_TRUE(line.contains(R"("process":"curl",)")) << line;
  EXPECT_TRUE(line.contains(R"("process_info":{"pid":1234,)")) << line;
  EXPECT_TRUE(line.contains(R"("command_line":"curl '' 'two words' 'it'\\''s' '\u001b[2J\n'")")) << line;
  auto row = read_jsonl(line);
  ASSERT_TRUE(row && row->flow.sender);
  EXPECT_EQ(row->flow.process, "curl");
  EXPECT_EQ(*row->flow.sender, sample_process());
  line.clear();
  ASSERT_TRUE(append_jsonl(line, *flow_of(8, {.unknown = "why"}), "20250131-235959-a1b2"));
  EXPECT_TRUE(line.contains(R"("process_info":{"unknown":"why"})")) << line;
  EXPECT_EQ(read_jsonl(line)->flow.sender->unknown, "why");
}

TEST_F(ProcessRowsTest, ARejectionComesBackAsItWas) {
  flow::Rejection rejection{"unknown CA", "OpenSSL (libssl.so.3)", "set \"it\" right"};
  auto store = record();
  for (flow::FlowId id = 1; id <= 3; ++id) {
    flow::Flow flow = sample_flow(id);
    if (id != 2) flow.rejection = std::make_shared<const flow::Rejection>(rejection);
    store->closed(boxed(std::move(flow)));
  }
  store->close();
  EXPECT_EQ(*query()->find("1")->flow.rejection, rejection);
  EXPECT_EQ(query()->find("2")->flow.rejection, nullptr);
  EXPECT_EQ(*query()->find("3")->flow.rejection, rejection);
  flow::Flow flow = sample_flow(4);
  flow.rejection = std::make_shared<const flow::Rejection>(rejection);
  std::string line;
  ASSERT_TRUE(append_jsonl(line, flow, "20250131-235959-a1b2"));
  EXPECT_EQ(*read_jsonl(line)->flow.rejection, rejection);
}

TEST_F(ProcessRowsTest, FilesFromBeforeThereWereLibrariesAreRead) {
  auto store = record();
  store->closed(flow_of(1, sample_process()));
  std::filesystem::path file = store->directory() / "flows-0001.db";
  store->close();
  auto old = Database::open(file, Database::Access::write, 1000);
  ASSERT_TRUE(old &&
              old->execute("ALTER TABLE flows DROP COLUMN rejection; ALTER TABLE processes DROP COLUMN "
                           "tls_libraries; PRAGMA user_version=6"));
  Process expected = sample_process();
  expected.tls_libraries.clear();
  EXPECT_EQ(*query()->find("1")->flow.sender, expected);
}

}  // namespace
}  // namespace weir::store
