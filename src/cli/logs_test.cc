// `weir logs` over JSON Lines and of Weir itself, `weir show --from`, `weir sessions`: the verbs as a whole.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cli/main.h"
#include "cli/verbs.h"
#include "store/internal_log.h"
#include "store/jsonl_line.h"
#include "store/session_store.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Outcome {
  int status = 0;
  std::string out, err;
};

Outcome run(std::vector<std::string> words) {
  words.insert(words.begin(), "weir");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.status = weir::cli::main(static_cast<int>(words.size()), argv.data());
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

constexpr WallNanos kMoment = 1'705'314'605'000'000'000;  // 2024-01-15T10:30:05Z
constexpr WallNanos kSecond = 1'000'000'000;

flow::Flow exchange(flow::FlowId id, std::uint16_t status, std::string target) {
  flow::Flow flow;
  flow.id = id;
  flow.started = kMoment + static_cast<WallNanos>(id) * kSecond;
  flow.duration_us = 89'000;
  flow.request.method = id % 2 == 0 ? "POST" : "GET";
  flow.request.origin = {http::Scheme::https, {"api.example.com", 443}};
  flow.request.target = std::move(target);
  flow.has_response = true;
  flow.response.status = status;
  flow.response_body = {.bytes = R"({"id": 123})", .size = 11, .complete = true};
  return flow;
}

/// A folder of its own, which holds all that is Weir's, in a time zone of its own.
class LogsTest : public ::testing::Test {
 protected:
  LogsTest() {
    std::string pattern = (fs::temp_directory_path() / "weir-logs-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    setenv("XDG_STATE_HOME", (folder_ / "state").c_str(), 1);
    setenv("XDG_CONFIG_HOME", (folder_ / "config").c_str(), 1);
    setenv("TZ", "UTC0", 1);
    tzset();
    fs::create_directories(logs());
  }
  ~LogsTest() override {
    unsetenv("TZ");
    tzset();
    fs::remove_all(folder_);
  }

  fs::path data() const { return folder_ / "data"; }
  fs::path logs() const { return folder_ / "jsonl"; }
  void put_entries() const {
    std::ofstream log(logs() / "requests_20240115_0000.jsonl");
    for (const flow::Flow& flow : {exchange(1, 200, "/users"), exchange(2, 201, "/users"),
                                   exchange(3, 404, "/missing\x1b[2J"), exchange(4, 500, "/broken")}) {
      std::string line;
      store::append_jsonl(line, flow, "20240115-103000-a1b2");
      log << line;
    }
  }
  // Lines and stats of the log, with flags.
  std::string from(std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {"logs", "proxy", "--from", logs().string(), "--no-color"});
    Outcome outcome = run(flags);
    EXPECT_EQ(outcome.status, kExitOk) << outcome.err;
    return outcome.out;
  }
  store::SessionStore::Options options() const {
    return {.data_dir = data(), .catalog = folder_ / "state" / "weir" / "catalog.db", .version = "test"};
  }
  std::string record(int flows) const {
    auto store = store::SessionStore::open(options());
    EXPECT_TRUE(store) << store.error().message();
    for (int id = 1; id <= flows; ++id)
      (*store)->closed(std::make_unique<flow::Flow>(exchange(static_cast<flow::FlowId>(id), 200, "/")));
    (*store)->close();
    return (*store)->session_id();
  }
  std::vector<std::string> sessions() const {
    std::vector<std::string> ids;
    for (const auto& entry : fs::directory_iterator(data() / "sessions"))
      ids.push_back(entry.path().filename());
    std::ranges::sort(ids);
    return ids;
  }

  fs::path folder_;
};

// The seed's "Viewing Logs", flag by flag and format by format.
TEST_F(LogsTest, EveryFilterWorksOnALog) {
  put_entries();
  auto urls = [&](std::vector<std::string> flags) {
    flags.push_back("--compact");
    std::string out = from(flags);
    std::string numbers;
    for (auto [text, number] : {std::pair(":06 ", '1'), {":07 ", '2'}, {":08 ", '3'}, {":09 ", '4'}})
      if (out.contains(text)) numbers += number;
    return numbers;
  };
  const std::pair<std::vector<std::string>, const char*> rows[] = {
      {{}, "1234"},
      {{"--last", "2"}, "34"},
      {{"--last", "1", "--url", "/USERS"}, "2"},  // filtered before it is trimmed
      {{"--since", "2024-01-15T10:30:08"}, "34"},
      {{"--until", "2024-01-15T10:30:07"}, "12"},
      {{"--since", "2024-01-15", "--until", "2024-01-15T10:30:06Z"}, "1"},
      {{"--since", "1h"}, ""},
      {{"--url", "missing"}, "3"},
      {{"--method", "post"}, "24"},
      {{"--status", "200"}, "1"},
      {{"--status", "400-599"}, "34"},
      {{"--status", ">=400"}, "34"},
      {{"--status", "2xx,404"}, "123"},
      {{"--errors"}, "34"},
      {{"--blocked"}, ""},
      {{"--host", "*.example.com"}, "1234"},
      {{"--host", "example.com"}, ""},
      {{"--session", "20240115"}, "1234"},
      {{"--session", "2025"}, ""},
      {{"--method", "POST", "--url", "/users", "--until", "2024-01-15T12:00:00"}, "2"},
  };
  for (const auto& [flags, expected] : rows)
    EXPECT_EQ(urls(flags), expected) << ::testing::PrintToString(flags);
}

TEST_F(LogsTest, EveryFormatWorksOnALog) {
  put_entries();
  EXPECT_THAT(from({}), HasSubstr("│ 10:30:06 │ GET    │ 200    │ 89ms     │ https://api.example.com/users"));
  EXPECT_THAT(from({"--compact"}), StartsWith("10:30:06 GET  200  89ms https://api.example.com/users\n"));
  EXPECT_THAT(from({"--body", "--last", "1"}), HasSubstr(R"({"id": 123})"));
  EXPECT_THAT(from({"--json", "--last", "1"}),
              StartsWith("[\n  {\n    \"ts\": \"2024-01-15T10:30:09.000Z\""));
  EXPECT_THAT(from({"--json", "--last", "1"}), Not(HasSubstr("resp_body\"")));
  EXPECT_THAT(from({"--json", "--body", "--last", "1"}), HasSubstr("\"resp_body\": \"eyJpZCI6IDEyM30=\""));
  for (std::vector<std::string> format :
       std::vector<std::vector<std::string>>{{}, {"--compact"}, {"--body"}}) {
    format.push_back("--stats");
    EXPECT_THAT(from(format), HasSubstr("  Success (2xx):  2 (50.0%)\n"));
  }
  EXPECT_THAT(from({"--stats", "--json", "--errors"}), HasSubstr("\"total\": 2"));
}

TEST_F(LogsTest, NothingInALogDrivesTheTerminal) {
  put_entries();
  for (std::vector<std::string> format :
       std::vector<std::vector<std::string>>{{}, {"--compact"}, {"--body"}, {"--json"}, {"--stats"}})
    EXPECT_THAT(from(format), Not(HasSubstr("\x1b")));
  EXPECT_THAT(from({"--compact"}), HasSubstr("/missing\\x1b[2J\n"));
}

TEST_F(LogsTest, WhatCannotBeReadIsCountedAndTheRestIsShown) {
  put_entries();
  std::ofstream(logs() / "requests_20240115_0001.jsonl") << "no entry\n{\"ts\": \"2024-";
  Outcome outcome = run({"logs", "--from", logs(), "--compact"});
  EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 4);
  EXPECT_EQ(outcome.err, "weir: left out of " + logs().string() +
                             ": 1 line that is no entry, 1 line cut off at the end of its file\n");
}

TEST_F(LogsTest, ALogThatIsNotThereIsTold) {
  Outcome outcome = run({"logs", "--from", (logs() / "none.jsonl").string()});
  EXPECT_EQ(outcome.status, kExitError);
  EXPECT_EQ(outcome.err, "weir: there is no log at " + (logs() / "none.jsonl").string() + "\n");
  EXPECT_EQ(run({"logs", "--from", logs(), "--data", "x"}).status, kExitUsage);
  EXPECT_EQ(run({"logs", "--from", logs(), "--all"}).status, kExitUsage);
}

TEST_F(LogsTest, WhatIsNotRecordedYetIsSaid) {
  put_entries();
  EXPECT_EQ(run({"logs", "--from", logs(), "--process", "x"}).err, "weir: no flow matches\n");
  EXPECT_EQ(run({"logs", "--from", logs(), "--device", "x"}).err, "weir: no flow matches\n");
  EXPECT_EQ(run({"logs", "--from", logs(), "--model", "x"}).err,
            "weir: no flow matches\nweir: this version does not record the model\n");
  std::ofstream(logs() / "other.jsonl")
      << R"({"ts":"2024-01-15T10:30:05Z","url":"http://x.example/","method":"GET","device":"Ada's iPad"})"
      << "\n";
  EXPECT_THAT(from({"--device", "ipad", "--compact"}), HasSubstr("http://x.example/"));
}

TEST_F(LogsTest, ShowsAnEntryInFull) {
  put_entries();
  Outcome outcome = run({"show", "--from", logs(), "a1b2-2"});
  EXPECT_EQ(outcome.status, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("a1b2-2  POST https://api.example.com/users\n"));
  EXPECT_THAT(outcome.out, EndsWith("{\n  \"id\": 123\n}\n"));
  EXPECT_EQ(run({"show", "--from", logs(), "a1b2-9"}).status, kExitError);
}

TEST_F(LogsTest, InternalLinesByTypeTimeAndNumber) {
  auto moment = [] { return kMoment; };
  store::InternalLog log({.folder = data() / "logs" / "internal", .now = moment});
  log.heard({kMoment, log::Level::warn, "", "first"});
  log.heard({kMoment + kSecond, log::Level::error, "logging.syslog", "second"});
  log.heard({kMoment + 2 * kSecond, log::Level::warn, "", "third\x1b[2J \xc2\x9b"});
  auto internal = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"logs", "internal", "--data", data().string()});
    return run(flags).out;
  };
  const std::string first = "2024-01-15T10:30:05.000Z WARN [proxy] first\n";
  const std::string second = "2024-01-15T10:30:06.000Z ERROR [logging.syslog] second\n";
  const std::string third = "2024-01-15T10:30:07.000Z WARN [proxy] third\\x1b[2J \\u{9b}\n";
  EXPECT_EQ(internal({}), first + second + third);
  EXPECT_EQ(internal({"--type", "all", "--last", "0"}), first + second + third);
  EXPECT_EQ(internal({"--type", "proxy"}), first + third);
  EXPECT_EQ(internal({"--type", "logging"}), second);
  EXPECT_EQ(internal({"--last", "1"}), third);
  EXPECT_EQ(internal({"--last", "1", "--until", "2024-01-15T10:30:06"}), second);
  EXPECT_EQ(internal({"--since", "2024-01-15T10:30:06", "--no-color"}), second + third);
  Outcome none = run({"logs", "internal", "--data", data(), "--since", "1h"});
  EXPECT_EQ(none.status, kExitOk);
  EXPECT_EQ(none.err, "weir: no line matches\n");
}

TEST_F(LogsTest, InternalSaysWhenThereIsNothingAndRefusesWhatIsForRequests) {
  Outcome outcome = run({"logs", "internal", "--data", data()});
  EXPECT_EQ(outcome.status, kExitError);
  EXPECT_THAT(outcome.err, StartsWith("weir: nothing has been logged in "));
  EXPECT_EQ(run({"logs", "internal", "--url", "x"}).status, kExitUsage);
  EXPECT_EQ(run({"logs", "internal", "--type", "other"}).status, kExitUsage);
  Outcome before = run({"logs", "--errors", "internal"});
  EXPECT_EQ(before.status, kExitUsage);
  EXPECT_THAT(before.err, HasSubstr("--errors: is for requests; flags of internal go behind it"));
}

TEST_F(LogsTest, SessionsAreListedAndShown) {
  EXPECT_THAT(run({"sessions", "list", "--data", data()}).err,
              HasSubstr("no session has been recorded here"));
  std::string id = record(3);
  Outcome list = run({"sessions", "list", "--data", data()});
  EXPECT_EQ(list.status, kExitOk);
  EXPECT_THAT(
      list.out,
      StartsWith("SESSION               STATE    STARTED              LASTED     FLOWS        SIZE\n" + id +
                 "  ended    "));
  EXPECT_THAT(run({"sessions", "list", "--data", data(), "--json"}).out, HasSubstr("\"flows\": 3,"));
  for (const std::string& name : {id, id.substr(0, 15), id.substr(16)}) {
    Outcome show = run({"sessions", "show", name, "--data", data()});
    EXPECT_EQ(show.status, kExitOk) << show.err;
    EXPECT_THAT(show.out, StartsWith(id + "\n  state      ended\n"));
    EXPECT_THAT(show.out, HasSubstr("\n  files      flows-0001.db  "));
  }
  EXPECT_THAT(run({"sessions", "show", id, "--data", data(), "--json"}).out,
              HasSubstr("\"id\": \"" + id + "\",\n  \"state\": \"ended\","));
  EXPECT_EQ(run({"sessions", "show", "1999", "--data", data()}).status, kExitError);
  EXPECT_EQ(run({"sessions"}).status, kExitUsage);
}

TEST_F(LogsTest, PruningRemovesWhatIsAskedForAndNeverALiveOne) {
  record(1);
  record(1);
  auto live = store::SessionStore::open(options());
  ASSERT_TRUE(live);
  auto all = sessions();
  ASSERT_EQ(all.size(), 3u);
  Outcome dry = run({"sessions", "prune", "--data", data(), "--older-than", "0s", "--dry-run"});
  EXPECT_THAT(dry.out, HasSubstr("would remove "));
  EXPECT_THAT(dry.out, HasSubstr("\n2 sessions, "));
  EXPECT_EQ(sessions(), all);
  EXPECT_THAT(run({"sessions", "prune", "--data", data(), "--older-than", "7d"}).out,
              EndsWith("0 sessions, 0 B\n"));
  EXPECT_THAT(run({"sessions", "prune", "--data", data()}).out, EndsWith("0 sessions, 0 B\n"))
      << "as configured";
  EXPECT_THAT(run({"sessions", "prune", "--data", data(), "--keep", "2"}).out, HasSubstr("1 session, "));
  EXPECT_EQ(sessions().size(), 2u);
  Outcome json = run({"sessions", "prune", "--data", data(), "--max-size", "1", "--json"});
  EXPECT_THAT(json.out, StartsWith("{\n  \"removed\": true,"));
  EXPECT_EQ(sessions(), std::vector<std::string>{(*live)->session_id()});
}

TEST_F(LogsTest, PruningRefusesWhatItDoesNotUnderstand) {
  EXPECT_THAT(run({"sessions", "prune", "--older-than", "soon"}).err,
              HasSubstr("--older-than: \"soon\" is not a time"));
  EXPECT_THAT(run({"sessions", "prune", "--max-size", "much"}).err,
              HasSubstr("--max-size: \"much\" is not a size"));
  EXPECT_EQ(run({"sessions", "prune", "--keep", "-1"}).status, kExitUsage);
}

TEST_F(LogsTest, TheConfigurationSaysWhatPruningWithoutFlagsRemoves) {
  record(1);
  fs::create_directories(folder_ / "config" / "weir");
  std::ofstream(folder_ / "config" / "weir" / "config.toml") << "[capture]\nretention_bytes = 1\n";
  EXPECT_THAT(run({"sessions", "prune", "--data", data()}).out, HasSubstr("1 session, "));
  EXPECT_TRUE(sessions().empty());
}

}  // namespace
}  // namespace weir::cli
