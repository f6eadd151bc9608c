#include "cli/listing.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/fd.h"
#include "tests/support/fake_query.h"

namespace weir::cli {
namespace {

using weir::testing::FakeQuery;
using weir::testing::sample_row;

/// Standard output as a file, read back at the end.
class Capture {
 public:
  Capture() : file_(open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
    if (!file_) file_.reset(fileno(std::tmpfile()));
  }
  int fd() const { return file_.get(); }
  std::string text() const {
    std::string out(static_cast<std::size_t>(lseek(fd(), 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(fd(), out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
    return out;
  }

 private:
  UniqueFd file_;
};

class ListingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC0", 1);
    tzset();
    for (flow::FlowId id = 1; id <= 5; ++id)
      rows_.push_back(sample_row(id, 200, "GET", "/" + std::to_string(id)));
    options_.last = 0;
  }
  void TearDown() override {
    unsetenv("TZ");
    tzset();
  }

  std::string printed() {
    Capture capture;
    Output out(capture.fd());
    auto count = print_rows(opener(), options_, out);
    EXPECT_TRUE(count);
    EXPECT_TRUE(out.finish());
    return capture.text();
  }

  OpenQuery opener() {
    return [this]() -> Result<std::unique_ptr<store::Query>> {
      ++opened_;
      auto query = std::make_unique<FakeQuery>();
      query->rows = rows_;
      query->bodies = bodies_;
      return query;
    };
  }

  std::string followed(FakeQuery& query, int rounds) {
    Capture capture;
    Output out(capture.fd());
    EXPECT_TRUE(follow_rows(query, options_, out, [&] { return rounds-- > 0; }));
    EXPECT_TRUE(out.finish());
    return capture.text();
  }

  std::vector<store::Row> rows_;
  std::map<store::BodyId, std::string> bodies_;
  LogsOptions options_;
  int opened_ = 0;
};

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(ListingTest, TheTableOfAllRowsIsReadTwiceAndHeldNever) {
  rows_[3].flow.request.target = "/a-longer-one";
  std::string table = printed();
  EXPECT_EQ(count_of(table, "\n"), 9u);
  EXPECT_NE(table.find("│ 10:30:06 │ GET    │ 200    │ 150ms    │ https://api.example.com/1            │\n"),
            std::string::npos);
  EXPECT_EQ(opened_, 2);
}

TEST_F(ListingTest, TheNewestRowsOnly) {
  options_.last = 2;
  options_.compact = true;
  EXPECT_EQ(printed(),
            "10:30:09 GET  200 150ms https://api.example.com/4\n"
            "10:30:10 GET  200 150ms https://api.example.com/5\n");
  EXPECT_EQ(opened_, 1);
}

TEST_F(ListingTest, ATableOfNothingIsNotPrinted) {
  rows_.clear();
  EXPECT_EQ(printed(), "");
  options_.json = true;
  EXPECT_EQ(printed(), "[]\n");
}

TEST_F(ListingTest, AUrlIsCutForATerminalOnly) {
  rows_ = {sample_row(1, 200, "GET", "/" + std::string(300, 'x'))};
  EXPECT_EQ(printed().find("..."), std::string::npos);
  options_.width = 80;
  EXPECT_NE(printed().find("x..."), std::string::npos);
  options_.wide = true;
  EXPECT_EQ(printed().find("..."), std::string::npos);
}

TEST_F(ListingTest, JsonIsOneArray) {
  rows_.resize(2);
  rows_[0].response_body = 1;
  bodies_[1] = "{\"id\": 123}";
  options_.json = true;
  std::string json = printed();
  EXPECT_TRUE(json.starts_with("[\n  {\n    \"ts\": \"2024-01-15T10:30:06.000Z\",\n"));
  EXPECT_TRUE(json.ends_with("\n  }\n]\n"));
  EXPECT_EQ(count_of(json, "\"ts\""), 2u);
  EXPECT_EQ(json.find("resp_body\""), std::string::npos);
  options_.body = true;
  EXPECT_NE(printed().find("\"resp_body\": \"eyJpZCI6IDEyM30=\""), std::string::npos);
}

TEST_F(ListingTest, BodiesBelowCompactLines) {
  rows_.resize(1);
  rows_[0].request_body = 1;
  rows_[0].response_body = 2;
  bodies_ = {{1, "ask\nme"}, {2, "answer"}};
  options_.compact = options_.body = true;
  EXPECT_EQ(printed(), "10:30:06 GET  200 150ms https://api.example.com/1\n  > ask\\nme\n  < answer\n");
}

TEST_F(ListingTest, StatsCountAllThatMatchesUnlessToldOtherwise) {
  options_.stats = true;
  options_.last.reset();
  for (flow::FlowId id = 6; id <= 250; ++id) rows_.push_back(sample_row(id));
  EXPECT_NE(printed().find("Total requests: 250\n"), std::string::npos);
  options_.last = 3;
  EXPECT_NE(printed().find("Total requests: 3\n"), std::string::npos);
  options_.json = true;
  EXPECT_NE(printed().find("\"total\": 3"), std::string::npos);
}

TEST_F(ListingTest, AnErrorOfTheStoreComesBack) {
  Capture capture;
  Output out(capture.fd());
  OpenQuery failing = []() -> Result<std::unique_ptr<store::Query>> {
    return fail(Code::not_found, "nothing");
  };
  EXPECT_EQ(print_rows(failing, options_, out).error().code(), Code::not_found);
  rows_[2].response_body = 7;  // which the store does not have
  options_.body = options_.json = true;
  EXPECT_FALSE(print_rows(opener(), options_, out));
}

TEST_F(ListingTest, StopsWhenTheReaderHasGone) {
  ignore_sigpipe();
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
  UniqueFd writer(fds[1]);
  close(fds[0]);
  Output out(writer.get());
  for (flow::FlowId id = 6; id <= 20'000; ++id) rows_.push_back(sample_row(id));
  options_.compact = true;
  auto count = print_rows(opener(), options_, out);
  ASSERT_TRUE(count);
  EXPECT_LT(*count, 5'000u);
  EXPECT_TRUE(out.finish());
}

TEST_F(ListingTest, FollowPrintsEachFlowOnce) {
  FakeQuery query;
  query.rows = rows_;
  query.rows[4].flow.duration_us = -1;  // still open: shown when it closes
  options_.last = 2;
  store::Row closed = rows_[4];
  query.polls = {{rows_[3], closed}, {}, {sample_row(6, 404, "POST", "/6")}};
  EXPECT_EQ(followed(query, 3),
            "10:30:09 GET  200 150ms https://api.example.com/4\n"
            "10:30:10 GET  200 150ms https://api.example.com/5\n"
            "10:30:11 POST 404 150ms https://api.example.com/6\n");
}

TEST_F(ListingTest, FollowJsonIsOneObjectALine) {
  FakeQuery query;
  options_.json = true;
  query.polls = {{rows_[0], rows_[1]}};
  std::string lines = followed(query, 2);
  EXPECT_EQ(count_of(lines, "\n"), 2u);
  EXPECT_EQ(count_of(lines, "{\"ts\":\"2024-01-15T"), 2u);
  EXPECT_TRUE(lines.ends_with("}\n"));
}

}  // namespace
}  // namespace weir::cli
