#include <gmock/gmock.h>

#include "cli/test_verbs.h"
#include "cli/verbs.h"
#include "llm/price_data.h"

namespace weir::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PricesVerb : public VerbTest {};

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

TEST_F(PricesVerb, ATableThatWasDamagedIsNotPassedOver) {
  write("../.local/state/weir/prices.json", "{}");
  Outcome damaged = run({"prices", "show"});
  EXPECT_EQ(damaged.status, kExitUsage);
  EXPECT_THAT(damaged.err, HasSubstr("prices.json"));
}

}  // namespace
}  // namespace weir::cli
