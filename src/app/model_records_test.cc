#include "app/model_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "store/model_query.h"

namespace weir::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

std::string many(char c, std::size_t count) { return std::string(count, c); }

class ModelRecordsTest : public ::testing::Test {
 protected:
  ModelRecordsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-models-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ModelRecordsTest() override { std::filesystem::remove_all(folder_); }

  /// One call of a model by itself in a session; what was written, every byte.
  std::string recorded(const std::string& ask, const std::string& answer) {
    auto store = store::SessionStore::open({.data_dir = folder_});
    EXPECT_TRUE(store) << store.error().message();
    {
      auto options = model_options(settings_);
      EXPECT_TRUE(options) << options.error().message();
      PriceBook prices(options->prices);
      ModelRecords records(store->get(), nullptr, prices, *options, redactor_);
      pass(records.onlookers(), ask, answer);
    }
    (*store)->close();
    std::ostringstream all;
    for (const auto& each : std::filesystem::recursive_directory_iterator(folder_))
      if (each.is_regular_file()) all << std::ifstream(each.path(), std::ios::binary).rdbuf();
    return all.str();
  }
  void pass(proxy::Onlookers& onlookers, std::string_view ask, std::string_view answer) const {
    flow::Flow flow;
    flow.id = 1;
    flow.started = wall_now();
    flow.request.method = "POST";
    flow.request.origin = {http::Scheme::https, {host_, 443}};
    flow.request.target = "/v1/messages";
    TimePoint now = steady_now();
    auto onlooker = onlookers.look_on(flow, true, now);
    if (!onlooker) return;
    onlooker->request_part(ask);
    onlooker->request_sent(now);
    http::ResponseHead head;
    head.status = 200;
    head.fields.add("Content-Type", "text/event-stream");
    onlooker->response_head(head, now + 1ms);
    onlooker->response_part(answer, now + 2ms);
    onlooker->ended(flow, now + 3ms);
  }
  std::vector<store::ModelRecord> read_back() const {
    std::vector<store::ModelRecord> out;
    store::Scope scope;
    scope.project_dirs = {folder_};
    auto done = store::for_each_trace(scope, 0, INT64_MAX, [&](store::SessionTraces traces) {
      for (auto& call : traces.calls) out.push_back(std::move(call));
    });
    EXPECT_TRUE(done) << done.error().message();
    return out;
  }

  std::filesystem::path folder_;
  config::ModelSettings settings_;
  std::shared_ptr<const flow::Redactor> redactor_;
  std::string host_ = "api.anthropic.com";
};

std::string ask_of(const std::string& system, const std::string& user, const std::string& result) {
  return R"({"model":"claude-sonnet-4-5","max_tokens":64,"stream":true,"system":")" + system +
         R"(","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t0","content":")" +
         result + R"("},{"type":"text","text":")" + user + R"("}]}]})";
}

/// The answer in two deltas, and the arguments of a tool.
std::string answer_of(const std::string& first, const std::string& second, const std::string& argument) {
  std::string out;
  auto event = [&](const std::string& data) { out += "data: " + data + "\n\n"; };
  event(
      R"({"type":"message_start","message":{"id":"m","model":"claude-sonnet-4-5","usage":{"input_tokens":9}}})");
  event(R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})");
  for (const std::string& part : {first, second})
    event(R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":")" + part +
          R"("}})");
  event(
      R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1","name":"Bash","input":{}}})");
  event(
      R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":\")" +
      argument + R"(\"}"}})");
  event(R"({"type":"content_block_stop","index":1})");
  event(R"({"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}})");
  event(R"({"type":"message_stop"})");
  return out;
}

// Put together here: a repository with keys in it is stopped by every scanner.
const std::string kKey = "sk-" + ("ant-api03-" + many('Q', 40));
const std::string kToken = "ghp_" + many('W', 36);
const std::string kId = "AKIA" + many('7', 16);

TEST_F(ModelRecordsTest, KeysInWhatWasSaidAreNotKept) {
  std::string kept = recorded(ask_of("system " + kKey + " end", "say " + kToken, "result " + kId + " there"),
                              answer_of("answer " + kKey.substr(0, 20), kKey.substr(20) + " said", kToken));
  for (const std::string& secret : {many('Q', 10), many('W', 10), many('7', 10)})
    EXPECT_THAT(kept, Not(HasSubstr(secret)));
  EXPECT_THAT(kept, HasSubstr("system [REDACTED:anthropic-key] end"));
  EXPECT_THAT(kept, HasSubstr("say [REDACTED:github-token]"));
  EXPECT_THAT(kept, HasSubstr("result [REDACTED:aws-key-id] there"));
  EXPECT_THAT(kept, HasSubstr("answer [REDACTED:anthropic-key] said"));
  EXPECT_THAT(kept, HasSubstr("{\"a\":\"[REDACTED:github-token]\"}"));
}

TEST_F(ModelRecordsTest, ThatIsForTheUserToSay) {
  settings_.redact = false;
  EXPECT_THAT(recorded(ask_of("s", "say " + kToken, "r"), answer_of("a", "b", "c")), HasSubstr(kToken));
}

// The system prompt's beginning is 4 KiB.
TEST_F(ModelRecordsTest, AKeyThatReachesOverTheCutLeavesNothing) {
  for (std::size_t inside : {14, 25, 36}) {
    std::string system = "begins " + many('x', llm::kPreviews.system - 8 - inside) + " " + kKey + " more";
    std::string kept = recorded(ask_of(system, "u", "r"), answer_of("a", "b", "c"));
    EXPECT_THAT(kept, HasSubstr("begins xx")) << inside;
    EXPECT_THAT(kept, Not(HasSubstr("sk-ant-"))) << inside;
  }
}

TEST_F(ModelRecordsTest, NorDoesTheUsersOwnSecret) {
  settings_.redact = false;
  auto own = flow::Redactor::compile({.rules = {{.name = "mine", .value = "correct-horse"}}, .names = {}});
  ASSERT_TRUE(own);
  redactor_ = *own;
  std::string system = many('x', llm::kPreviews.system - 9) + "correct-horse-battery";
  std::string kept = recorded(ask_of(system, "see correct-horse", "r"), answer_of("a", "b", "c"));
  EXPECT_THAT(kept, Not(HasSubstr("correct")));
  EXPECT_THAT(kept, HasSubstr("see [REDACTED:mine]"));
}

TEST_F(ModelRecordsTest, WithoutPreviewsLengthsAreKept) {
  settings_.previews = false;
  std::string kept =
      recorded(ask_of("systemword", "userword", "resultword"), answer_of("answer", "word", "argumentword"));
  EXPECT_THAT(kept, HasSubstr("claude-sonnet-4-5"));
  for (const char* word : {"systemword", "userword", "resultword", "answerword", "argumentword"})
    EXPECT_THAT(kept, Not(HasSubstr(word)));
  auto calls = read_back();
  ASSERT_EQ(calls.size(), 1u);
  ASSERT_EQ(calls[0].call.tool_calls.size(), 1u);
  EXPECT_EQ(calls[0].call.tool_calls[0].name, "Bash");
  EXPECT_EQ(calls[0].call.usage.output, 5);
}

TEST_F(ModelRecordsTest, SwitchedOffNothingIsRecorded) {
  settings_.enabled = false;
  EXPECT_THAT(recorded(ask_of("s", "userword", "r"), answer_of("a", "b", "c")), Not(HasSubstr("userword")));
  EXPECT_TRUE(read_back().empty());
}

TEST_F(ModelRecordsTest, OwnHostsAndPricesHold) {
  host_ = "models.corp.test";
  settings_.hosts[2] = {{"*.corp.test", "corp"}};
  settings_.prices[2] = {{"corp", "claude-*", 1'000'000, 2'000'000, {}, {}, {}}};
  settings_.prices[3] = {{"corp", "*", 1, 1, {}, {}, {}}};
  recorded(ask_of("s", "u", "r"), answer_of("a", "b", "c"));
  auto calls = read_back();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].call.provider, "corp");
  EXPECT_EQ(calls[0].cost_source, "own");
  EXPECT_EQ(calls[0].cost_pico, 9 * 1'000'000 + 5 * 2'000'000);
}

}  // namespace
}  // namespace weir::app
