#include "cli/stats.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/fake_query.h"

namespace weir::cli {
namespace {

using weir::testing::sample_row;

class StatsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC0", 1);
    tzset();
  }
  void TearDown() override {
    unsetenv("TZ");
    tzset();
  }
};

Stats seed_numbers() {
  Stats stats;
  flow::FlowId id = 0;
  for (auto [status, count] : {std::pair{200, 120}, {301, 10}, {404, 15}, {500, 5}}) {
    for (int i = 0; i < count; ++i) {
      store::Row row = sample_row(++id, status);
      row.flow.duration_us = 245'000;
      row.flow.request_head_bytes = 100;
      row.flow.response_body.size = 1024;
      stats.add(row);
    }
  }
  return stats;
}

TEST_F(StatsTest, TheSummaryBlock) {
  EXPECT_EQ(seed_numbers().text(),
            "Summary:\n"
            "  Total requests: 150\n"
            "  Success (2xx):  120 (80.0%)\n"
            "  Redirect (3xx): 10 (6.7%)\n"
            "  Client err (4xx): 15 (10.0%)\n"
            "  Server err (5xx): 5 (3.3%)\n"
            "  Avg duration: 245ms\n"
            "  Time range: 2024-01-15 10:30:06 - 2024-01-15 10:32:35\n"
            "  Bytes: 14.6 KiB sent, 150.0 KiB received\n"
            "  Slowest:\n"
            "     245ms  GET https://api.example.com/users (1f3a-1)\n"
            "     245ms  GET https://api.example.com/users (1f3a-2)\n"
            "     245ms  GET https://api.example.com/users (1f3a-3)\n"
            "  Top hosts:\n"
            "    150 (100.0%)  api.example.com\n");
}

TEST_F(StatsTest, LinesThatCountNothingAreLeftOut) {
  Stats stats;
  EXPECT_EQ(stats.text(), "Summary:\n  Total requests: 0\n");
  store::Row row = sample_row(1, 502);
  row.flow.error = Code::connect_refused;
  stats.add(row);
  store::Row open = sample_row(2);
  open.flow.has_response = false;
  open.flow.duration_us = -1;
  stats.add(open);
  std::string text = stats.text();
  EXPECT_NE(text.find("  Errors: 1 (50.0%)\n"), std::string::npos);
  EXPECT_NE(text.find("  Still open: 1 (50.0%)\n"), std::string::npos);
  EXPECT_EQ(text.find("xx)"), std::string::npos);
}

TEST_F(StatsTest, SlowestAreSortedAndHostsByCount) {
  Stats stats;
  for (flow::FlowId id = 1; id <= 9; ++id) {
    store::Row row = sample_row(id);
    row.flow.duration_us = static_cast<std::int64_t>(id * 7 % 10) * 1'000'000;
    row.flow.request.origin.place.host = id % 3 == 0 ? "c.test" : id == 1 ? "a.test" : "b.test";
    stats.add(row);
  }
  std::string text = stats.text();
  std::size_t nine = text.find("9.0s"), eight = text.find("8.0s"), seven = text.find("7.0s"),
              six = text.find("6.0s");
  EXPECT_LT(nine, eight);
  EXPECT_LT(eight, seven);
  EXPECT_EQ(six, std::string::npos);
  EXPECT_LT(text.find("5 (55.6%)  b.test"), text.find("3 (33.3%)  c.test"));
  EXPECT_LT(text.find("3 (33.3%)  c.test"), text.find("1 (11.1%)  a.test"));
}

TEST_F(StatsTest, ManyHostsCostBoundedMemory) {
  Stats stats;
  for (flow::FlowId id = 1; id <= 10'500; ++id) {
    store::Row row = sample_row(id);
    row.flow.request.origin.place.host = "h" + std::to_string(id) + ".test";
    stats.add(row);
  }
  EXPECT_NE(stats.text().find("500 (4.8%)  hosts after the first 10000 names"), std::string::npos);
}

TEST_F(StatsTest, Json) {
  Stats stats;
  store::Row row = sample_row(1, 404);
  row.flow.response_head_bytes = 10;
  stats.add(row);
  std::string out;
  JsonWriter json(out);
  stats.write(json);
  EXPECT_EQ(
      out,
      R"({"total":1,"status":{"2xx":0,"3xx":0,"4xx":1,"5xx":0,"1xx":0},"errors":0,"open":0,)"
      R"("avg_duration_ns":150000000,"first":"2024-01-15T10:30:06.000Z","last":"2024-01-15T10:30:06.000Z",)"
      R"("sent_bytes":0,"received_bytes":10,"slowest":[{"id":"1f3a-1","method":"GET",)"
      R"("url":"https://api.example.com/users","duration_ns":150000000}],)"
      R"("top_hosts":[{"host":"api.example.com","requests":1}]})");
}

TEST_F(StatsTest, HostileTextIsEscaped) {
  Stats stats;
  stats.add(sample_row(1, 200, "GET", "/\x1b[2J\n"));
  EXPECT_EQ(stats.text().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace weir::cli
