#include "config/value.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

using std::chrono::milliseconds;

TEST(Duration, Table) {
  struct Row {
    const char* text;
    std::optional<milliseconds> duration;
  };
  for (const Row& row :
       {Row{"30s", milliseconds(30'000)}, Row{"2m", milliseconds(120'000)},
        Row{"1h", milliseconds(3'600'000)}, Row{"7d", milliseconds(604'800'000)},
        Row{"250ms", milliseconds(250)}, Row{"30 s", milliseconds(30'000)}, Row{"30S", milliseconds(30'000)},
        Row{"0", milliseconds(0)}, Row{"0s", milliseconds(0)}, Row{"30", std::nullopt}, Row{"", std::nullopt},
        Row{"s", std::nullopt}, Row{"-1s", std::nullopt}, Row{"1.5s", std::nullopt}, Row{"1s2", std::nullopt},
        Row{"1 parsec", std::nullopt}, Row{"99999999999999999999s", std::nullopt},
        Row{"999999999999d", std::nullopt}})
    EXPECT_EQ(parse_duration(row.text), row.duration) << row.text;
}

TEST(Duration, TextIsShortAndReadsBack) {
  for (const char* text : {"0s", "250ms", "30s", "2m", "1h", "7d", "1500ms", "90s", "90m"})
    EXPECT_EQ(duration_text(parse_duration(text).value()), text);
}

TEST(Size, Table) {
  struct Row {
    const char* text;
    std::optional<std::uint64_t> bytes;
  };
  for (const Row& row :
       {Row{"0", 0}, Row{"512", 512}, Row{"512B", 512}, Row{"64KiB", 65536}, Row{"64 kib", 65536},
        Row{"1MiB", 1 << 20}, Row{"10GiB", 10ULL << 30}, Row{"2TiB", 2ULL << 40}, Row{"64KB", 64000},
        Row{"1MB", 1'000'000}, Row{"1K", std::nullopt}, Row{"", std::nullopt}, Row{"MiB", std::nullopt},
        Row{"-1", std::nullopt}, Row{"1.5MiB", std::nullopt}, Row{"16777216TiB", std::nullopt}})
    EXPECT_EQ(parse_size(row.text), row.bytes) << row.text;
}

TEST(Size, TextIsShortAndReadsBack) {
  for (const char* text : {"0B", "512B", "64KiB", "1MiB", "10GiB", "1000B", "1536KiB"})
    EXPECT_EQ(size_text(parse_size(text).value()), text);
}

TEST(Value, IsSpelledInTomlAndJson) {
  EXPECT_EQ(Value::string("a\"b\n").toml(), R"("a\"b\n")");
  EXPECT_EQ(Value::integer(12).toml(), "12");
  EXPECT_EQ(Value::strings({"a", "b"}).toml(), R"(["a", "b"])");
  EXPECT_EQ(Value::strings({"a", "b"}).json(), R"(["a","b"])");
  EXPECT_EQ(Value::strings({}).toml(), "[]");
  Scalar table{.type = Scalar::Type::table};
  table.members.emplace_back("a-b_1", Value::integer(1));
  table.members.emplace_back("a.b", Value::integer(2));  // bare, it would be b in a
  EXPECT_EQ(table.toml(), R"({ a-b_1 = 1, "a.b" = 2 })");
}

}  // namespace
}  // namespace weir::config
