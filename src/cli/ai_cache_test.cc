#include "cli/ai_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::cli {
namespace {

using testing::HasSubstr;

store::ModelRecord call(std::uint64_t thread, std::int64_t read, std::int64_t fresh) {
  store::ModelRecord out;
  out.flow = 5;
  out.cost_pico = 1;
  out.call.model_served = "claude-sonnet-4-5";
  out.call.usage.cache_read = read;
  out.call.usage.input_fresh = fresh;
  out.call.prompt.thread = thread;
  return out;
}

store::ModelRecord broken(llm::PromptBreak reason, std::int64_t lost, std::int64_t pico) {
  store::ModelRecord out = call(1, 1000, 3000);
  out.call.prompt.reason = reason;
  out.call.prompt.path = "system[0].text";
  out.call.prompt.at = 22;
  out.call.prompt.lost = lost;
  out.call.prompt.idle = std::chrono::minutes(7);
  out.call.prompt.before.text = "10:30:05\x1b";
  out.call.prompt.after.text = "10:30:15";
  out.lost_pico = pico;
  return out;
}

CacheBreaks breaks_of(std::vector<store::ModelRecord> calls, std::size_t most = 20) {
  CacheBreaks breaks(most);
  breaks.add({"20250101-000000-abcd", std::move(calls), {}});
  return breaks;
}

TEST(CacheBreaks, SaysWhereAndWhatItCost) {
  std::string text =
      breaks_of({call(1, 0, 4000), broken(llm::PromptBreak::system, 4000, 13'800'000'000)}).text();
  EXPECT_THAT(text, HasSubstr("thread 1 of 20250101-000000-abcd  claude-sonnet-4-5  2 calls  12% read from "
                              "cache  $0.013800 wasted"));
  EXPECT_THAT(text, HasSubstr("#5  system[0].text, byte 22: system changed  (4000 tokens, $0.013800)"));
  EXPECT_THAT(text, HasSubstr("- 10:30:05\\x1b\n      + 10:30:15\n"));
  EXPECT_THAT(text, HasSubstr("1 of 2 calls broke the cache: 4000 tokens read anew, $0.013800 wasted"));
}

TEST(CacheBreaks, TellsTimeFromContent) {
  EXPECT_THAT(breaks_of({call(1, 0, 4000), broken(llm::PromptBreak::expired, 4000, 5)}).text(),
              HasSubstr("the last use was 7m00s before: expired"));
  EXPECT_THAT(breaks_of({call(1, 0, 4000), broken(llm::PromptBreak::system, 0, 0)}).text(),
              HasSubstr("(nothing lost)"));
}

TEST(CacheBreaks, KeepsTheDearest) {
  CacheBreaks breaks =
      breaks_of({broken(llm::PromptBreak::system, 10, 10), broken(llm::PromptBreak::tools, 30, 30),
                 broken(llm::PromptBreak::history, 20, 20)},
                1);
  std::string json_text;
  JsonWriter json(json_text);
  breaks.write(json);
  EXPECT_THAT(json_text, HasSubstr(R"("reason":"tools")"));
  EXPECT_THAT(json_text, testing::Not(HasSubstr(R"("reason":"history")")));
  EXPECT_THAT(json_text, HasSubstr(R"("lost_tokens":60)"));
}

TEST(CacheBreaks, CountsWhatHasNoThread) {
  EXPECT_TRUE(breaks_of({call(0, 1, 1)}).empty());
  std::string text = breaks_of({call(0, 1, 1), call(1, 1, 1), call(2, 1, 1)}).text();
  EXPECT_THAT(text, HasSubstr("2 more of one call each"));
  EXPECT_THAT(text, HasSubstr("1 calls belong to no thread that is known"));
}

}  // namespace
}  // namespace weir::cli
