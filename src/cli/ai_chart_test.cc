#include "cli/ai_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "flow/text.h"

namespace weir::cli {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1)
    out.push_back(text.substr(at, end - at));
  return out;
}

TEST(BarChart, DrawsBarsAsLongAsTheirAmounts) {
  Bar bars[] = {{"a", 100, "100"}, {"bb", 50, "50"}, {"c", 0, "0"}};
  EXPECT_EQ(bar_chart(bars, 17, false),
            "a  ########## 100\n"
            "bb #####       50\n"
            "c               0\n");
}

TEST(BarChart, DrawsEighthsWhereItMay) {
  Bar bars[] = {{"a", 16, "x"}, {"b", 9, "x"}};
  EXPECT_EQ(bar_chart(bars, 6, true),
            "a ██ x\n"
            "b █▏ x\n");
}

TEST(BarChart, LeavesNothingUnseenThatIsThere) {
  Bar bars[] = {{"a", INT64_MAX, "x"}, {"b", 1, "x"}};
  EXPECT_EQ(lines_of(bar_chart(bars, 24, false))[1], "b #                    x");
}

TEST(BarChart, StandsNothing) {
  EXPECT_EQ(bar_chart({}, 80, true), "");
  Bar free[] = {{"a", 0, "$0"}};
  EXPECT_EQ(bar_chart(free, 10, true), "a       $0\n");
  Bar negative[] = {{"a", -5, "?"}};
  EXPECT_EQ(bar_chart(negative, 10, true), "a        ?\n");
}

TEST(BarChart, NeverIsWiderThanTheTerminal) {
  Bar bars[] = {{std::string(200, 'n'), 3, "$123.456789"}, {"北京", 2, "$1"}};
  for (std::size_t width = 1; width < 120; ++width)
    for (const std::string& line : lines_of(bar_chart(bars, width, true)))
      EXPECT_LE(flow::display_width(line), width);
}

}  // namespace
}  // namespace weir::cli
