#include "flow/text.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace weir::flow {
namespace {

struct TextRow {
  std::string_view text;
  std::string_view shown;
};

TEST(PrintableTest, EscapesWhatCouldDriveATerminalOrForgeALine) {
  const TextRow rows[] = {
      {"plain text, with \\ and \"quotes\"", "plain text, with \\ and \"quotes\""},
      {"caf\u00e9 \u65e5\u672c \U0001F600", "caf\u00e9 \u65e5\u672c \U0001F600"},
      {"a\nb\r\nc\td", "a\\nb\\r\\nc\\td"},
      {"\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"},
      {std::string_view("nul\0end", 7), "nul\\x00end"},
      {"\x7f", "\\x7f"},
      {"\xc2\x9b"
       "31m",
       "\\u{9b}31m"},  // CSI as one code point
      {"\x9b"
       "31m",
       "\\x9b31m"},  // CSI as one byte
      {"\xff\xfe", "\\xff\\xfe"},
      {"\xc0\xaf", "\\xc0\\xaf"},           // overlong
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // surrogate
      {"\xe6\x97", "\\xe6\\x97"},           // cut short
      {"exe.\u202etxt", "exe.\\u{202e}txt"},
      {"a\u2028b", "a\\u{2028}b"},
      {"zero\u200bwidth\ufeff", "zero\\u{200b}width\\u{feff}"},
      {"\U0001F469\u200D\U0001F4BB", "\U0001F469\u200D\U0001F4BB"},  // a joined emoji stays whole
      {"\U000E0041", "\\u{e0041}"},
      {"", ""},
  };
  for (const TextRow& row : rows) EXPECT_EQ(printable(row.text), row.shown);
}

TEST(PrintableTest, OutputHoldsNoControlByteWhateverGoesIn) {
  for (int byte = 0; byte < 256; ++byte) {
    for (int next : {0x00, 0x41, 0x80, 0x9b, 0xbf, 0xff}) {
      char text[] = {static_cast<char>(byte), static_cast<char>(next), 'x'};
      for (char c : printable({text, 3})) {
        EXPECT_GE(static_cast<unsigned char>(c), 0x20) << byte << ' ' << next;
        EXPECT_NE(c, 0x7F);
      }
    }
  }
}

TEST(PrintableTest, LinesKeepLineFeedsAndTabsOnly) {
  EXPECT_EQ(printable_lines("a\tb\r\nc\rd\n\x1b[A\n"), "a\tb\nc\\rd\n\\x1b[A\n");
  EXPECT_EQ(printable_lines("\r\n\r\n"), "\n\n");
}

TEST(IsTextTest, TellsTextFromBytes) {
  EXPECT_TRUE(is_text("{\"a\": 1}\r\n\t"));
  EXPECT_TRUE(is_text("caf\u00e9"));
  EXPECT_TRUE(is_text("cut \xe6\x97"));
  EXPECT_FALSE(is_text("cut \xe6\x97 inside, not at the end"));
  EXPECT_FALSE(is_text(std::string_view("\x89PNG\r\n\x1a\n", 8)));
  EXPECT_FALSE(is_text(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_text("\x1b[0m"));
  EXPECT_FALSE(is_text("\u009b0m"));
}

TEST(DisplayWidthTest, CountsColumns) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("\u65e5\u672c\u8a9e"), 6u);
  EXPECT_EQ(display_width("caf\u00e9"), 4u);
  EXPECT_EQ(display_width("cafe\u0301"), 4u);
  EXPECT_EQ(display_width("\U0001F600!"), 3u);
  EXPECT_EQ(display_width("\uff21"), 2u);
  EXPECT_EQ(display_width("\u2502"), 1u);
}

TEST(FittedTest, CutsAtCharactersAndSaysSo) {
  EXPECT_EQ(fitted("short", 5), "short");
  EXPECT_EQ(fitted("longer text", 8), "longe...");
  EXPECT_EQ(fitted("\u65e5\u672c\u8a9e\u65e5\u672c", 8), "\u65e5\u672c...");
  EXPECT_EQ(fitted("\u65e5\u672c\u8a9e\u65e5\u672c", 10), "\u65e5\u672c\u8a9e\u65e5\u672c");
  EXPECT_EQ(fitted("longer", 3), "...");
  EXPECT_EQ(fitted("longer", 2), "..");
  EXPECT_EQ(fitted("longer", 0), "");
}

TEST(DurationTextTest, Table) {
  const std::pair<std::int64_t, std::string_view> rows[] = {{-1, "-"},
                                                            {0, "<1ms"},
                                                            {999, "<1ms"},
                                                            {1000, "1ms"},
                                                            {89'400, "89ms"},
                                                            {999'999, "999ms"},
                                                            {1'000'000, "1.0s"},
                                                            {1'290'000, "1.2s"},
                                                            {59'999'999, "59.9s"},
                                                            {60'000'000, "1m00s"},
                                                            {125'000'000, "2m05s"},
                                                            {3'599'000'000, "59m59s"},
                                                            {3'720'000'000, "1h02m"},
                                                            {360'000'000'000, "100h00m"}};
  for (auto [microseconds, text] : rows) EXPECT_EQ(duration_text(microseconds), text);
}

TEST(SizeTextTest, Table) {
  const std::pair<std::uint64_t, std::string_view> rows[] = {{0, "0 B"},
                                                             {1023, "1023 B"},
                                                             {1024, "1.0 KiB"},
                                                             {1536, "1.5 KiB"},
                                                             {1048575, "1023.9 KiB"},
                                                             {1048576, "1.0 MiB"},
                                                             {2ULL << 30, "2.0 GiB"},
                                                             {~0ULL, "15.9 EiB"}};
  for (auto [bytes, text] : rows) EXPECT_EQ(size_text(bytes), text);
}

class LocalZone : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "EST5", 1);
    tzset();
  }
  void TearDown() override {
    unsetenv("TZ");
    tzset();
  }
};

constexpr WallNanos kMoment = 1'705'314'605'123'456'789;  // 2024-01-15T10:30:05.123456789Z

TEST_F(LocalZone, Times) {
  EXPECT_EQ(rfc3339(kMoment), "2024-01-15T10:30:05.123Z");
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(-1'000'000), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(local_time(kMoment), "05:30:05");
  EXPECT_EQ(local_date_time(kMoment), "2024-01-15 05:30:05");
}

}  // namespace
}  // namespace weir::flow
