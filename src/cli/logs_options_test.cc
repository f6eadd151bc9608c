#include "cli/logs_options.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace weir::cli {
namespace {

constexpr WallNanos kSecond = 1'000'000'000;
constexpr WallNanos kHour = 3600 * kSecond;
constexpr WallNanos kNow = 1'705'314'605 * kSecond;  // 2024-01-15T10:30:05Z, 05:30:05 in New York

std::string ranges_text(const Result<std::vector<store::StatusRange>>& ranges) {
  if (!ranges) return "error";
  std::string out;
  for (auto [from, to] : *ranges) out += std::to_string(from) + ".." + std::to_string(to) + " ";
  return out;
}

TEST(ParseStatusTest, Table) {
  const std::pair<const char*, const char*> rows[] = {
      {"200", "200..200 "},
      {"400-599", "400..599 "},
      {"400 - 599", "400..599 "},
      {">=400", "400..999 "},
      {">400", "401..999 "},
      {"<=299", "100..299 "},
      {"<300", "100..299 "},
      {">= 500", "500..999 "},
      {"4xx", "400..499 "},
      {"5XX", "500..599 "},
      {"200,404, 5xx", "200..200 404..404 500..599 "},
      {"", "error"},
      {",", "error"},
      {"20", "error"},
      {"1000", "error"},
      {"abc", "error"},
      {"599-400", "error"},
      {"400-", "error"},
      {"-400", "error"},
      {">=", "error"},
      {"=>400", "error"},
      {"0xx", "error"},
      {"200,abc", "error"},
      {"+200", "error"},
  };
  for (auto [text, expected] : rows) EXPECT_EQ(ranges_text(parse_status(text)), expected) << text;
}

TEST(ParseStatusTest, TheErrorSaysWhatIsAccepted) {
  std::string context = parse_status("teapot").error().context();
  EXPECT_NE(context.find("\"teapot\""), std::string::npos);
  EXPECT_NE(context.find("400-599"), std::string::npos);
}

class ParseTimeTest : public testing::Test {
 protected:
  void SetUp() override { zone("EST5"); }
  void TearDown() override { zone(nullptr); }

  static void zone(const char* name) {
    if (name) {
      setenv("TZ", name, 1);
    } else {
      unsetenv("TZ");
    }
    tzset();
  }
};

TEST_F(ParseTimeTest, Spans) {
  const std::pair<const char*, WallNanos> rows[] = {
      {"45s", 45 * kSecond}, {"30m", kHour / 2},     {"1h", kHour}, {"1h30m", kHour * 3 / 2},
      {"2d", 48 * kHour},    {"1w", 7 * 24 * kHour}, {"1H", kHour}, {"0s", 0}};
  for (auto [text, before] : rows) EXPECT_EQ(parse_time(text, kNow), kNow - before) << text;
}

TEST_F(ParseTimeTest, Words) {
  zone("EST5");
  constexpr WallNanos kMidnight = 1'705'294'800 * kSecond;  // 2024-01-15T05:00:00Z
  EXPECT_EQ(parse_time("now", kNow), kNow);
  EXPECT_EQ(parse_time("Today", kNow), kMidnight);
  EXPECT_EQ(parse_time("yesterday", kNow), kMidnight - 24 * kHour);
}

TEST_F(ParseTimeTest, Calendar) {
  zone("EST5");
  const std::pair<const char*, WallNanos> rows[] = {
      {"2024-01-15T10:30:05Z", kNow},
      {"2024-01-15t10:30:05z", kNow},
      {"2024-01-15T11:30:05+01:00", kNow},
      {"2024-01-15T05:00:05-0530", kNow},
      {"2024-01-15T10:30:05.5Z", kNow + kSecond / 2},
      {"2024-01-15T10:30:05.123456789123Z", kNow + 123'456'789},
      {"2024-01-15T05:30:05", kNow},
      {"2024-01-15 05:30:05", kNow},
      {"2024-01-15T05:30", kNow - 5 * kSecond},
      {"2024-01-15", kNow - 5 * kHour - 30 * 60 * kSecond - 5 * kSecond},
      {"2024-02-29T00:00:00Z", 1'709'164'800 * kSecond},
      {" 2024-01-15T10:30:05Z ", kNow},
  };
  for (auto [text, expected] : rows) EXPECT_EQ(parse_time(text, kNow), expected) << text;
}

TEST_F(ParseTimeTest, SummerTimeIsThatOfTheDateGiven) {
  zone("EST5EDT,M3.2.0,M11.1.0");
  EXPECT_EQ(parse_time("2024-07-01T08:00:00", kNow), parse_time("2024-07-01T12:00:00Z", kNow).value());
  EXPECT_EQ(parse_time("2024-01-01T08:00:00", kNow), parse_time("2024-01-01T13:00:00Z", kNow).value());
}

TEST_F(ParseTimeTest, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "x",
                           "1",
                           "h",
                           "1x",
                           "-1h",
                           "1h30",
                           "99999999999999999999s",
                           "999999w",
                           "2024",
                           "2024-13-01",
                           "2024-00-01",
                           "2024-02-30",
                           "2023-02-29",
                           "2024-01-15T",
                           "2024-01-15T25:00:00",
                           "2024-01-15T10:60:00",
                           "2024-01-15T10",
                           "2024-01-15T10:00:00.",
                           "2024-01-15T10:00:00+1",
                           "2024-01-15T10:00:00Zx",
                           "2024-01-15x",
                           "1969-01-01",
                           "2300-01-01",
                           "tomorrow"})
    EXPECT_FALSE(parse_time(text, kNow)) << text;
}

TEST_F(ParseTimeTest, TheErrorSaysWhatIsAccepted) {
  std::string context = parse_time("soon", kNow).error().context();
  EXPECT_NE(context.find("\"soon\""), std::string::npos);
  EXPECT_NE(context.find("yesterday"), std::string::npos);
}

TEST(LogsOptionsTest, HowManyFlows) {
  LogsOptions options;
  EXPECT_EQ(options.count(), kDefaultLast);
  options.follow = true;
  EXPECT_EQ(options.count(), kDefaultLastFollowing);
  options.last = 0;
  EXPECT_EQ(options.count(), 0u);
}

}  // namespace
}  // namespace weir::cli
