#include "cli/table.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "flow/process.h"
#include "flow/text.h"
#include "tests/support/fake_query.h"

namespace weir::cli {
namespace {

using weir::testing::sample_row;

class TableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC0", 1);
    tzset();
  }
  void TearDown() override {
    unsetenv("TZ");
    tzset();
  }

  static std::string table_of(const std::vector<RowText>& rows, std::size_t width = 0, bool color = false,
                              bool bodies = false) {
    Table table(bodies, color);
    for (const RowText& row : rows) table.measure(row);
    if (width > 0) table.fit(width);
    std::string out = table.head();
    for (const RowText& row : rows) out += table.line(row);
    return out + table.foot();
  }
};

store::Row failed_row() {
  store::Row row = sample_row(3, 502);
  row.flow.error = Code::dns_not_found;
  row.flow.synthesised = true;
  return row;
}

TEST_F(TableTest, Layout) {
  store::Row post = sample_row(2, 201, "POST", "/");
  post.flow.duration_us = 89'000;
  EXPECT_EQ(table_of({row_text(sample_row(1)), row_text(post)}),
            "┌──────────┬────────┬────────┬──────────┬───────────────────────────────┐\n"
            "│   TIME   │ METHOD │ STATUS │ DURATION │              URL              │\n"
            "├──────────┼────────┼────────┼──────────┼───────────────────────────────┤\n"
            "│ 10:30:06 │ GET    │ 200    │ 150ms    │ https://api.example.com/users │\n"
            "│ 10:30:07 │ POST   │ 201    │ 89ms     │ https://api.example.com/      │\n"
            "└──────────┴────────┴────────┴──────────┴───────────────────────────────┘\n");
}

TEST_F(TableTest, BodiesGetColumns) {
  RowText row = row_text(sample_row(1, 200, "GET", "/"));
  row.request_body = "{\"q\":1}";
  EXPECT_EQ(table_of({row}, 0, false, true),
            "┌──────────┬────────┬────────┬──────────┬──────────────────────────┬──────────┬───────────┐\n"
            "│   TIME   │ METHOD │ STATUS │ DURATION │           URL            │ REQ BODY │ RESP BODY │\n"
            "├──────────┼────────┼────────┼──────────┼──────────────────────────┼──────────┼───────────┤\n"
            "│ 10:30:06 │ GET    │ 200    │ 150ms    │ https://api.example.com/ │ {\"q\":1}  │           │\n"
            "└──────────┴────────┴────────┴──────────┴──────────────────────────┴──────────┴───────────┘\n");
}

TEST_F(TableTest, ProgramsGetAColumnWhenOneIsKnown) {
  store::Row known = sample_row(1, 200, "GET", "/"), unknown = sample_row(2, 200, "GET", "/");
  flow::set_sender(known.flow, std::make_shared<const Process>(Process{.pid = 1234, .name = "curl"}));
  EXPECT_EQ(table_of({row_text(known), row_text(unknown)}),
            "┌──────────┬────────┬────────┬──────────┬────────────┬──────────────────────────┐\n"
            "│   TIME   │ METHOD │ STATUS │ DURATION │  PROCESS   │           URL            │\n"
            "├──────────┼────────┼────────┼──────────┼────────────┼──────────────────────────┤\n"
            "│ 10:30:06 │ GET    │ 200    │ 150ms    │ curl[1234] │ https://api.example.com/ │\n"
            "│ 10:30:07 │ GET    │ 200    │ 150ms    │            │ https://api.example.com/ │\n"
            "└──────────┴────────┴────────┴──────────┴────────────┴──────────────────────────┘\n");
  EXPECT_EQ(compact_line(row_text(known), false),
            "10:30:06 GET  200 150ms https://api.example.com/ (curl[1234])\n");
  std::string table = table_of({row_text(known)}, 70);
  EXPECT_EQ(flow::display_width(std::string_view(table).substr(0, table.find('\n'))), 77u)
      << "the URL has its least width";
  flow::set_sender(known.flow, std::make_shared<const Process>(
                                   Process{.pid = 1234, .name = "a\x1b[2J name that goes on and on"}));
  EXPECT_EQ(row_text(known).process, "a\\x1b[2J name t...[1234]");
}

TEST_F(TableTest, FitsTheTerminalByCuttingTheUrl) {
  std::string table = table_of({row_text(sample_row(1, 200, "GET", "/" + std::string(200, 'x')))}, 80);
  std::string_view rest = table;
  while (!rest.empty()) {
    std::size_t end = rest.find('\n');
    EXPECT_EQ(flow::display_width(rest.substr(0, end)), 80u);
    rest.remove_prefix(end + 1);
  }
  EXPECT_NE(table.find("x... │\n"), std::string::npos);
}

TEST_F(TableTest, ANarrowTerminalLeavesTheUrlTwentyColumns) {
  std::string table = table_of({row_text(sample_row(1))}, 10);
  EXPECT_NE(table.find("│ https://api.examp... │"), std::string::npos);
}

TEST_F(TableTest, TheWidestColumnGivesWayFirst) {
  RowText row = row_text(sample_row(1));
  row.response_body = std::string(80, 'r');
  std::string table = table_of({row}, 130, false, true);
  EXPECT_NE(table.find("│ https://api.example.com/users │"), std::string::npos);
  EXPECT_NE(table.find("rrr... │"), std::string::npos);
}

TEST_F(TableTest, WideCharactersTakeTwoColumns) {
  RowText wide = row_text(sample_row(1));
  wide.url = "日本";
  RowText plain = row_text(sample_row(2));
  plain.url = "abcdef";
  std::string table = table_of({wide, plain});
  EXPECT_NE(table.find("│ 日本   │\n"), std::string::npos);
  EXPECT_NE(table.find("│ abcdef │\n"), std::string::npos);
}

TEST_F(TableTest, OnlyTheStatusIsColoured) {
  std::string table = table_of({row_text(sample_row(1))}, 0, true);
  EXPECT_NE(table.find("│ GET    │ \x1b[32m200   \x1b[0m │ 150ms    │ https://"), std::string::npos);
  EXPECT_EQ(table_of({row_text(sample_row(1))}).find('\x1b'), std::string::npos);
}

TEST_F(TableTest, StatusTexts) {
  store::Row open = sample_row(1);
  open.flow.has_response = false;
  open.flow.duration_us = -1;
  store::Row cut_off = open;
  cut_off.incomplete = true;
  store::Row blocked = sample_row(1, 403);
  blocked.flow.error = Code::blocked;
  const std::tuple<store::Row, std::string, Tone> rows[] = {{sample_row(1, 101), "101", Tone::plain},
                                                            {sample_row(1, 204), "204", Tone::good},
                                                            {sample_row(1, 304), "304", Tone::redirect},
                                                            {sample_row(1, 404), "404", Tone::client_error},
                                                            {sample_row(1, 503), "503", Tone::server_error},
                                                            {failed_row(), "ERR", Tone::failure},
                                                            {open, "-", Tone::plain},
                                                            {cut_off, "ERR", Tone::failure},
                                                            {blocked, "403", Tone::client_error}};
  for (const auto& [row, text, tone] : rows) {
    StatusText status = status_text(row);
    EXPECT_EQ(status.text, text);
    EXPECT_EQ(status.tone, tone) << text;
  }
}

TEST_F(TableTest, Colours) {
  EXPECT_EQ(painted("x", Tone::plain), "x");
  EXPECT_EQ(painted("x", Tone::good), "\x1b[32mx\x1b[0m");
  EXPECT_EQ(painted("x", Tone::redirect), "\x1b[36mx\x1b[0m");
  EXPECT_EQ(painted("x", Tone::client_error), "\x1b[33mx\x1b[0m");
  EXPECT_EQ(painted("x", Tone::server_error), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(painted("x", Tone::failure), "\x1b[1;31mx\x1b[0m");
}

TEST_F(TableTest, CompactLines) {
  store::Row post = sample_row(2, 201, "POST", "/orders");
  post.flow.duration_us = 89'000;
  EXPECT_EQ(compact_line(row_text(sample_row(1)), false),
            "10:30:06 GET  200 150ms https://api.example.com/users\n");
  EXPECT_EQ(compact_line(row_text(post), false), "10:30:07 POST 201  89ms https://api.example.com/orders\n");
  EXPECT_EQ(compact_line(row_text(failed_row()), true),
            "10:30:08 GET  \x1b[1;31mERR\x1b[0m 150ms https://api.example.com/users\n");
}

TEST_F(TableTest, NothingRecordedDrivesTheTerminal) {
  store::Row row = sample_row(1, 200, "GET\x1b[2J", "/\n10:30:06 GET  200 150ms https://forged/\xff\xc2\x9b");
  std::string line = compact_line(row_text(row), false);
  EXPECT_EQ(line,
            "10:30:06 GET\\x1b[2J 200 150ms "
            "https://api.example.com/\\n10:30:06 GET  200 150ms https://forged/\\xff\\u{9b}\n");
  row.flow.request.method = std::string(1000, 'M');
  EXPECT_EQ(row_text(row).method, "MMMMMMMMMMMMM...");
}

}  // namespace
}  // namespace weir::cli
