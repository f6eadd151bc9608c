#include <gmock/gmock.h>

#include "cli/test_verbs.h"
#include "cli/verbs.h"
#include "llm/price_data.h"

namespace weir::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PricesVerb : public VerbTest {
 protected:
  /// A recorded session with these calls, priced as they were then.
  void record_calls(std::vector<store::ModelRecord> calls) {
    auto project = config::project_data_dir(home_ + "/code");
    ASSERT_TRUE(project) << project.error().message();
    auto store = store::SessionStore::open({.data_dir = *project, .retention_days = 0, .retention_bytes = 0});
    ASSERT_TRUE(store) << store.error().message();
    for (store::ModelRecord& call : calls)
      (*store)->model_call(std::make_unique<store::ModelRecord>(std::move(call)));
    (*store)->close();
  }
  static store::ModelRecord call(const char* provider, const char* model) {
    store::ModelRecord out;
    out.call.provider = provider;
    out.call.model_served = model;
    out.call.protocol = llm::Protocol::openai_chat;
    out.call.started = wall_now();
    out.call.usage.input = 1000;
    out.call.usage.output = 10;
    out.call.usage.settle();
    return out;
  }
};

TEST_F(PricesVerb, ShowsWhatIsBuiltIn) {
  Outcome all = run({"prices", "show"});
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("genai-prices"));
  EXPECT_THAT(all.out, HasSubstr("claude-opus-4-1"));
  EXPECT_THAT(all.out, HasSubstr("gpt-4o"));
  Outcome one = run({"prices", "show", "claude-sonnet-4-5-20250929"});
  EXPECT_EQ(one.status, 0) << one.err;
  EXPECT_THAT(one.out, HasSubstr("3 (>200000: 6)"));
  EXPECT_THAT(one.out, Not(HasSubstr("gpt-4o")));
  Outcome json = run({"prices", "show", "gpt-4o-mini", "--json"});
  EXPECT_THAT(json.out, HasSubstr("\"pico_usd\": 150000"));
}

TEST_F(PricesVerb, UnknownModelIsAnError) {
  Outcome none = run({"prices", "show", "no-such-model"});
  EXPECT_EQ(none.status, kExitError);
  EXPECT_THAT(none.err, HasSubstr("no-such-model"));
}

TEST_F(PricesVerb, UpdateTakesAWholeTableOnly) {
  write("bad.json", "{");
  EXPECT_EQ(run({"prices", "update", "bad.json"}).status, kExitUsage);
  write("part.json",
        R"([{"id":"openai","models":[{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":1}}]}])");
  Outcome part = run({"prices", "update", "part.json"});
  EXPECT_EQ(part.status, kExitUsage);
  EXPECT_THAT(part.err, HasSubstr("a whole table is wanted"));
  EXPECT_EQ(run({"prices", "update", "absent.json"}).status, kExitError);
  EXPECT_THAT(run({"prices", "show"}).out, HasSubstr("claude-opus-4-1"));

  std::string newer = llm::price_data();
  newer.replace(newer.find("claude-opus-4-1"), 15, "claude-novus-99");
  write("newer.json", newer);
  Outcome taken = run({"prices", "update", "newer.json"});
  EXPECT_EQ(taken.status, 0) << taken.err;
  EXPECT_THAT(taken.out, HasSubstr("have prices now"));
  EXPECT_THAT(run({"prices", "show", "claude-novus-99"}).out, HasSubstr("anthropic"));
}

TEST_F(PricesVerb, CheckWithoutRecordingsSaysWhatTheTableIs) {
  Outcome check = run({"prices", "check"});
  EXPECT_EQ(check.status, 0) << check.err;
  EXPECT_THAT(check.out, HasSubstr("days old: "));
  EXPECT_THAT(check.out, HasSubstr("No call of a model"));
  EXPECT_EQ(run({"prices", "check", "--session", "absent"}).status, kExitError);
}

TEST_F(PricesVerb, CheckNamesWhatHasNoPrice) {
  store::ModelRecord stated = call("openrouter", "no/such-model"), silent = call("openai", "gpt-4o");
  stated.cost_pico = 5;
  stated.cost_source = "provider";
  silent.call.usage = {};
  record_calls({call("openai", "gpt-99"), call("openai", "gpt-99"), call("openai", "gpt-4o"),
                call("", "gpt-4o"), call("", "our\x1b[31m7b"), call("openai", "gpt-4.1-2026-01-01"), stated,
                silent});
  Outcome check = run({"prices", "check"});
  EXPECT_EQ(check.status, kExitError);
  EXPECT_THAT(check.out, HasSubstr("not in the table"));
  EXPECT_THAT(check.out, HasSubstr("provider = \"openai\"\nmodel = \"gpt-99\"\ninput = \"\""));
  EXPECT_THAT(check.out, HasSubstr("nobody knows who bills"));
  EXPECT_THAT(check.out, HasSubstr("without its date only"));
  EXPECT_THAT(check.out, HasSubstr("config.toml"));
  EXPECT_THAT(check.out, HasSubstr("1 calls did not say what they used"));
  EXPECT_THAT(check.out, HasSubstr("8 calls looked at"));
  EXPECT_THAT(check.out, Not(HasSubstr("no/such-model")));
  EXPECT_THAT(check.out, Not(HasSubstr("\x1b")));
  Outcome json = run({"prices", "check", "--json"});
  EXPECT_EQ(json.status, kExitError);
  EXPECT_THAT(json.out, HasSubstr("\"days_old\": "));
  EXPECT_THAT(json.out, HasSubstr("\"model\": \"gpt-99\",\n      \"calls\": 2"));
  EXPECT_EQ(run({"prices", "check", "--until", "2020-01-01"}).status, 0);
}

TEST_F(PricesVerb, OwnPricesFillTheGapAndAreShownFirst) {
  record_calls({call("openai", "gpt-99")});
  EXPECT_EQ(run({"prices", "check"}).status, kExitError);
  write("mine.toml",
        "[[models.prices]]\nprovider = \"openai\"\nmodel = \"gpt-9*\"\ninput = \"0.5\"\noutput = 2\n");
  Outcome check = run({"prices", "check", "--config", "mine.toml"});
  EXPECT_EQ(check.status, 0) << check.out << check.err;
  EXPECT_THAT(check.out, HasSubstr("; 1 prices of your own"));
  EXPECT_THAT(check.out, HasSubstr("1 calls were recorded before they had a price"));
  Outcome shown = run({"prices", "show", "gpt-99", "--config", "mine.toml"});
  EXPECT_EQ(shown.status, 0);
  EXPECT_THAT(shown.out, HasSubstr("gpt-9*"));
  EXPECT_THAT(shown.out, HasSubstr("0.5 "));
  EXPECT_THAT(shown.out, HasSubstr("(your own)"));
  EXPECT_THAT(run({"prices", "show", "gpt-99", "--json", "--config", "mine.toml"}).out,
              HasSubstr("\"own\": true"));
}

TEST_F(PricesVerb, CheckLooksAtAFileWithoutUsingIt) {
  record_calls({call("openai", "gpt-99")});
  std::string newer = llm::price_data();
  std::size_t models = newer.find("\"id\":\"openai\",\"models\":[") + 25;
  newer.insert(models, R"({"id":"gpt-99","match":{"equals":"gpt-99"},"prices":{"input_mtok":1}},)");
  std::size_t date = newer.find("\"date\":\"") + 8;
  newer.replace(date, 10, "2020-01-01");
  write("newer.json", newer);
  Outcome check = run({"prices", "check", "newer.json"});
  EXPECT_EQ(check.status, 0) << check.out << check.err;
  EXPECT_THAT(check.out, HasSubstr("more than 90 days old"));
  EXPECT_EQ(run({"prices", "check"}).status, kExitError);
  write("bad.json", "{");
  EXPECT_EQ(run({"prices", "check", "bad.json"}).status, kExitUsage);
  write("part.json",
        R"([{"id":"openai","models":[{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":1}}]}])");
  EXPECT_THAT(run({"prices", "check", "part.json"}).err, HasSubstr("a whole table is wanted"));
}

TEST_F(PricesVerb, ATableThatWasDamagedIsNotPassedOver) {
  write("../.local/state/weir/prices.json", "{}");
  Outcome damaged = run({"prices", "show"});
  EXPECT_EQ(damaged.status, kExitUsage);
  EXPECT_THAT(damaged.err, HasSubstr("prices.json"));
}

}  // namespace
}  // namespace weir::cli
