#include "cli/main.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/verbs.h"
#include "store/session_store.h"

namespace weir::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
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

/// A folder of its own for each test, gone afterwards.
class MainTest : public ::testing::Test {
 protected:
  MainTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-main-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~MainTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(MainTest, ACountHasNoSign) {
  for (std::vector<std::string> words :
       std::vector<std::vector<std::string>>{{"logs", "--last"},
                                             {"logs", "internal", "--last"},
                                             {"show", "--messages"},
                                             {"sessions", "prune", "--keep"}}) {
    for (const char* count : {"-1", "+1", "1.5", "99999999999999999999", "x"}) {
      std::vector<std::string> wrong = words;
      wrong.insert(wrong.end(), {count, "--data", folder_});
      Outcome outcome = run(wrong);
      EXPECT_EQ(outcome.status, kExitUsage) << words.front() << count;
      EXPECT_THAT(outcome.err, HasSubstr("is not a count; accepted are whole numbers from 0"));
    }
  }
}

TEST_F(MainTest, VersionAndHelp) {
  EXPECT_THAT(run({"--version"}).out, StartsWith("weir "));
  EXPECT_EQ(run({"--version"}).status, kExitOk);
  Outcome help = run({"--help"});
  EXPECT_EQ(help.status, kExitOk);
  EXPECT_THAT(help.out, HasSubstr("logs"));
  EXPECT_THAT(run({"logs", "--help"}).out, HasSubstr("--status"));
}

TEST_F(MainTest, WithoutAVerbItSaysWhichThereAre) {
  Outcome outcome = run({});
  EXPECT_EQ(outcome.status, kExitUsage);
  EXPECT_THAT(outcome.err, HasSubstr("show"));
}

TEST_F(MainTest, AnUnknownVerbGetsASuggestion) {
  Outcome outcome = run({"lgos"});
  EXPECT_EQ(outcome.status, kExitUsage);
  EXPECT_THAT(outcome.err, HasSubstr("\"lgos\"; did you mean \"logs\"?"));
  EXPECT_THAT(run({"\x1b[2J"}).err, HasSubstr("no verb \"\\x1b[2J\"\n"));
}

TEST_F(MainTest, WrongFlagsAreUsageErrors) {
  const std::pair<std::vector<std::string>, const char*> rows[] = {
      {{"logs", "--nonsense"}, "--nonsense"},
      {{"logs", "internals"}, "internals"},
      {{"logs", "--status", "teapot"}, "--status: \"teapot\" names no status; accepted are 200"},
      {{"logs", "--since", "soon"}, "--since: \"soon\" is not a time; accepted are 2024-01-15"},
      {{"logs", "--last", "many"}, "--last"},
      {{"logs", "--json", "--compact"}, "--json"},
      {{"logs", "--stats", "-f"}, "--follow"},
      {{"logs", "--all", "--data", "x"}, "--all"},
      {{"show", "--raw", "--json"}, "--json"},
  };
  for (const auto& [words, text] : rows) {
    Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, kExitUsage) << words[1];
    EXPECT_THAT(outcome.err, HasSubstr(text));
    EXPECT_THAT(outcome.err, HasSubstr("Run `weir " + words[0] + " --help`"));
  }
}

TEST_F(MainTest, WhereNothingWasRecordedItSaysHowToRecord) {
  for (const char* verb : {"logs", "show"}) {
    Outcome outcome = run({verb, "--data", folder_});
    EXPECT_EQ(outcome.status, kExitError);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(folder_));
    EXPECT_THAT(outcome.err, HasSubstr("--all"));
    EXPECT_THAT(outcome.err, HasSubstr("weir run -- curl https://example.com"));
  }
}

std::unique_ptr<flow::Flow> exchange(flow::FlowId id, std::uint16_t status, std::string target) {
  auto flow = std::make_unique<flow::Flow>();
  flow->id = id;
  flow->started = 1'705'314'605'000'000'000 + static_cast<WallNanos>(id);
  flow->duration_us = 89'000;
  flow->request.method = "POST";
  flow->request.origin = {http::Scheme::https, {"api.example.com", 443}};
  flow->request.target = std::move(target);
  flow->request.fields.add("Authorization", "Bearer secret");
  flow->has_response = true;
  flow->response.status = status;
  flow->response_body = {R"({"id": 123})", 11, false, true};
  return flow;
}

// A folder with one finished session of two flows.
void record(const std::string& folder) {
  auto store = store::SessionStore::open({.data_dir = folder});
  ASSERT_TRUE(store) << store.error().message();
  (*store)->closed(exchange(1, 201, "/users"));
  (*store)->closed(exchange(2, 404, "/missing"));
  (*store)->close();
}

TEST_F(MainTest, LogsOfARecordedSession) {
  record(folder_);
  Outcome table = run({"logs", "proxy", "--data", folder_});
  EXPECT_EQ(table.status, kExitOk) << table.err;
  EXPECT_THAT(table.out, HasSubstr("│ POST   │ 201    │ 89ms     │ https://api.example.com/users   │\n"));
  EXPECT_THAT(table.out, HasSubstr("│ POST   │ 404    │ 89ms     │ https://api.example.com/missing │\n"));
  Outcome errors = run({"logs", "--data", folder_, "--errors", "--compact"});
  EXPECT_THAT(errors.out, EndsWith("POST 404  89ms https://api.example.com/missing\n"));
  EXPECT_EQ(errors.out.find("users"), std::string::npos);
  Outcome json = run({"logs", "--data", folder_, "--status", "2xx", "--json", "--body"});
  EXPECT_THAT(json.out, HasSubstr("\"resp_body\": \"eyJpZCI6IDEyM30=\""));
  EXPECT_THAT(json.out, HasSubstr("Bearer [REDACTED]"));
  EXPECT_EQ(json.out.find("secret"), std::string::npos);
  EXPECT_THAT(run({"logs", "--data", folder_, "--stats"}).out, HasSubstr("  Client err (4xx): 1 (50.0%)\n"));
}

TEST_F(MainTest, FiltersThatMatchNothingAreNoError) {
  record(folder_);
  Outcome outcome = run({"logs", "--data", folder_, "--method", "PUT"});
  EXPECT_EQ(outcome.status, kExitOk);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "weir: no flow matches\n");
  EXPECT_EQ(run({"logs", "--data", folder_, "--method", "PUT", "--json"}).out, "[]\n");
}

TEST_F(MainTest, ShowsOneFlowInFull) {
  record(folder_);
  Outcome newest = run({"show", "--data", folder_});
  EXPECT_EQ(newest.status, kExitOk) << newest.err;
  EXPECT_THAT(newest.out,
              HasSubstr("-2  POST https://api.example.com/missing\n  outcome      404 Not Found in 89ms\n"));
  EXPECT_THAT(newest.out, HasSubstr("> POST /missing HTTP/1.1\n> Authorization: Bearer [REDACTED]\n"));
  EXPECT_THAT(newest.out, EndsWith("<\n{\n  \"id\": 123\n}\n"));
  EXPECT_THAT(run({"show", "1", "--data", folder_}).out, HasSubstr("/users"));
  EXPECT_EQ(run({"show", "1", "--raw", "--data", folder_}).out, R"({"id": 123})");
  EXPECT_EQ(run({"show", "1", "--response-body", "--data", folder_}).out, "{\n  \"id\": 123\n}\n");
  EXPECT_EQ(run({"show", "1", "--request-body", "--data", folder_}).out, "");
  EXPECT_THAT(run({"show", "1", "--json", "--data", folder_}).out,
              StartsWith("{\n  \"ts\": \"2024-01-15T10:30:05.000Z\""));
  Outcome missing = run({"show", "99", "--data", folder_});
  EXPECT_EQ(missing.status, kExitError);
  EXPECT_THAT(missing.err, HasSubstr("99"));
}

TEST_F(MainTest, ShowsWebSocketMessages) {
  {
    auto store = store::SessionStore::open({.data_dir = folder_});
    ASSERT_TRUE(store) << store.error().message();
    for (std::uint32_t number = 1; number <= 300; ++number) {
      auto message = std::make_unique<flow::Message>();
      message->flow = 1;
      message->number = number;
      message->time = 1'705'314'605'000'000'000;
      message->content.bytes = fmt::format("message {}", number);
      (*store)->message(std::move(message));
    }
    (*store)->closed(exchange(1, 101, "/socket"));
    (*store)->close();
  }
  Outcome all = run({"show", "--data", folder_});
  EXPECT_THAT(all.out, HasSubstr("\nMessages\n     <1ms < text         0 B  message 1\n"));
  EXPECT_THAT(all.out, EndsWith("message 300\n"));
  Outcome few = run({"show", "--data", folder_, "--messages", "2"});
  EXPECT_THAT(few.out, EndsWith("message 2\n[there are more messages; --messages N shows N of them]\n"));
  Outcome json = run({"show", "--data", folder_, "--json"});
  EXPECT_THAT(json.out, HasSubstr("\"messages\": ["));
  EXPECT_THAT(json.out, HasSubstr("\"text\": \"message 300\""));
  EXPECT_EQ(run({"show", "--data", folder_, "--json", "--messages", "0"}).out.find("messages"),
            std::string::npos);
  EXPECT_EQ(run({"show", "--data", folder_, "--messages", "x"}).status, kExitUsage);
}

}  // namespace
}  // namespace weir::cli
