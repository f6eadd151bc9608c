#include "store/jsonl_query.h"

#include <algorithm>

#include "store/jsonl_line.h"
#include "store/test_jsonl.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<flow::FlowId>;

std::string line(const flow::Flow& flow, std::string_view session = "20250131-235959-a1b2") {
  std::string text;
  append_jsonl(text, flow, session);
  return text;
}

Ids ids(const std::vector<Row>& rows) {
  Ids ids;
  for (const Row& row : rows) ids.push_back(row.flow.id);
  return ids;
}

class JsonlQueryTest : public JsonlTest {
 protected:
  std::unique_ptr<Query> open(JsonlSource source = {}, Filter filter = {}) {
    if (source.path.empty()) source.path = logs();
    source.damage = &damage_;
    auto query = open_jsonl(source, std::move(filter));
    EXPECT_TRUE(query) << query.error().message();
    return std::move(*query);
  }
  Ids all(Query& query) {
    Ids found;
    while (true) {
      auto row = query.next();
      EXPECT_TRUE(row);
      if (!row || !*row) return found;
      found.push_back((*row)->flow.id);
    }
  }
  void append(std::string_view name, std::string_view bytes) const {
    std::ofstream(logs() / name, std::ios::binary | std::ios::app) << bytes;
  }
  static std::string fail_text(const fs::path& path) {
    auto query = open_jsonl({.path = path}, {});
    return query ? "" : query.error().context();
  }

  JsonlDamage damage_;
};

TEST_F(JsonlQueryTest, RowsComeByTheirStartNotByTheirEnd) {
  flow::Flow longest = sample_flow(1);
  longest.duration_us = 10'000'000;
  put("a.jsonl", line(sample_flow(2)) + line(sample_flow(4)) + line(longest));
  put("b.jsonl.gz", gzip(line(sample_flow(3)) + line(sample_flow(5))));
  EXPECT_EQ(all(*open()), (Ids{1, 2, 3, 4, 5}));
  EXPECT_EQ(ids(open()->last(100).value()), (Ids{1, 2, 3, 4, 5}));
  EXPECT_EQ(ids(open()->last(2).value()), (Ids{4, 5}));
  EXPECT_EQ(ids(open()->last(0).value()), (Ids{}));
}

TEST_F(JsonlQueryTest, FilesOfOneNameAndOneFileWork) {
  put("a.jsonl", line(sample_flow(1)));
  put("b.jsonl", line(sample_flow(2)));
  EXPECT_EQ(all(*open({.path = logs() / "b.jsonl"})), (Ids{2}));
  EXPECT_NE(fail_text(logs() / "c.jsonl").find("there is no log at"), std::string::npos);
  fs::create_directories(folder_.path() / "empty");
  EXPECT_NE(fail_text(folder_.path() / "empty").find("there are no *.jsonl"), std::string::npos);
}

// The seed trimmed to the last rows before it filtered.
TEST_F(JsonlQueryTest, TheLastOnesAreOfThoseThatMatch) {
  std::string text;
  for (flow::FlowId id = 1; id <= 300; ++id) {
    flow::Flow flow = sample_flow(id);
    if (id % 100 == 0) flow.request.method = "POST";
    text += line(flow);
  }
  put("a.jsonl.gz", gzip(text));
  EXPECT_EQ(ids(open({}, {.method = "post"})->last(2).value()), (Ids{200, 300}));
  EXPECT_EQ(all(*open({}, {.method = "post"})), (Ids{100, 200, 300}));
}

TEST_F(JsonlQueryTest, MoreRowsThanTheWindowComeAllInOrder) {
  std::string text;
  for (flow::FlowId id = 1; id <= 9000; ++id)
    text += line(sample_flow(((id - 1) ^ 7) + 1));  // shuffled within eights
  put("a.jsonl", text);
  Ids found = all(*open());
  EXPECT_EQ(found.size(), 9000u);
  EXPECT_TRUE(std::ranges::is_sorted(found));
}

TEST_F(JsonlQueryTest, SessionsAreToldApart) {
  put("a.jsonl", line(sample_flow(1), "20250131-235959-a1b2") + line(sample_flow(2), "20250201-000000-c3d4") +
                     line(sample_flow(3), ""));
  EXPECT_EQ(all(*open({.session = "202502"})), (Ids{2}));
  EXPECT_EQ(all(*open({.session = ""})), (Ids{1, 2, 3}));
}

TEST_F(JsonlQueryTest, BodiesAreLoadedWhenTheyWereAskedFor) {
  put("a.jsonl", line(sample_flow(1)));
  auto query = open({.bodies = true});
  auto rows = query->last(1).value();
  EXPECT_EQ(query->load_body(rows[0], rows[0].response_body).value(), "hello");
  EXPECT_EQ(query->load_body(rows[0], rows[0].request_body).value(), "");
  auto without = open();
  rows = without->last(1).value();
  EXPECT_EQ(rows[0].response_body, 0);
  EXPECT_EQ(rows[0].flow.response_body.size, 5u);
}

TEST_F(JsonlQueryTest, FindsByIdByNumberAndTheNewest) {
  put("a.jsonl", line(sample_flow(1)) + line(sample_flow(2), "20250201-000000-c3d4") +
                     line(sample_flow(7), "20250201-000000-c3d4"));
  EXPECT_EQ(open()->find("a1b2-1").value().flow.id, 1u);
  EXPECT_EQ(open()->find("C3D4-2").value().session, "20250201-000000-c3d4");
  EXPECT_EQ(open()->find("7").value().id, "c3d4-7");
  EXPECT_EQ(open()->find("").value().flow.id, 7u);
  EXPECT_EQ(open()->find("a1b2-2").error().code(), Code::not_found);
  auto query = open({}, {.method = "POST"});
  EXPECT_EQ(query->find("7").value().flow.id, 7u) << "whatever the filter says";
  EXPECT_EQ(query->find("1").value().flow.id, 1u) << "and again";
}

TEST_F(JsonlQueryTest, ReadsWhatTheSeedWrote) {
  constexpr std::string_view kEntry =
      R"({"ts":"2024-01-15T10:30:05.123Z","method":"POST","url":"https://api.example.com/users",)"
      R"("req_headers":{"Content-Type":["application/json"]},"req_body":"eyJ1c2VyIjogImpvaG4ifQ==",)"
      R"("status":201,"resp_body":"eyJpZCI6IDEyM30=","duration_ns":89000000,"error":""})"
      "\n";
  constexpr std::string_view kBlocked =
      R"({"ts":"2024-01-15T10:30:06Z","method":"GET","url":"https://blocked.example.com/","status":403,)"
      R"("filter_action":"block","filter_reason":"matched rule: *.blocked.com"})"
      "\n";
  constexpr std::string_view kFailed =
      R"({"ts":"2024-01-15T12:30:07+02:00","method":"GET","url":"http://x.example","error":"no response"})"
      "\n";
  put("requests_20240115_0000.jsonl.gz", gzip(std::string(kEntry)) + gzip(std::string(kBlocked)));
  put("requests_20240115_0001.jsonl", kFailed);
  auto urls = [&](const Filter& filter) {
    std::vector<std::string> urls;
    for (const Row& row : open({}, filter)->last(100).value()) urls.push_back(row.flow.request.url());
    return urls;
  };
  using Urls = std::vector<std::string>;
  EXPECT_EQ(urls({}),
            (Urls{"https://api.example.com/users", "https://blocked.example.com/", "http://x.example"}));
  EXPECT_EQ(urls({.blocked = true}), (Urls{"https://blocked.example.com/"}));
  EXPECT_EQ(urls({.errors = true}), (Urls{"https://blocked.example.com/", "http://x.example"}));
  EXPECT_EQ(urls({.host = "*.example.com", .method = "post"}), (Urls{"https://api.example.com/users"}));
  EXPECT_EQ(urls({.status = {{400, 599}}}), (Urls{"https://blocked.example.com/"}));
}

TEST_F(JsonlQueryTest, DamageIsToldAndHidesNothingElse) {
  std::string text =
      line(sample_flow(1)) + "no entry\n" + std::string(kLongestLine + 10, 'x') + "\n" + line(sample_flow(2));
  put("a.jsonl.gz", gzip(text) + "garbage" + gzip(line(sample_flow(3))));
  put("b.jsonl", line(sample_flow(4)) + line(sample_flow(5)).substr(0, 50));
  EXPECT_EQ(all(*open()), (Ids{1, 2, 3, 4}));
  EXPECT_EQ(damage_.invalid, 1u);
  EXPECT_EQ(damage_.too_long, 1u);
  EXPECT_EQ(damage_.corrupt, 1u);
  EXPECT_EQ(damage_.torn, 1u);
  EXPECT_EQ(all(*open()), (Ids{1, 2, 3, 4}));
  EXPECT_EQ(damage_.invalid, 1u) << "of one pass, not of all";
}

TEST_F(JsonlQueryTest, PollGivesEachNewEntryOnce) {
  put("a.jsonl", line(sample_flow(1)));
  auto query = open();
  append("a.jsonl", line(sample_flow(2)));
  EXPECT_EQ(ids(query->last(10).value()), (Ids{1, 2}));
  EXPECT_EQ(ids(query->poll().value()), (Ids{}));
  std::string half = line(sample_flow(3));
  append("a.jsonl", half.substr(0, 100));
  EXPECT_EQ(ids(query->poll().value()), (Ids{})) << "half a line";
  append("a.jsonl", half.substr(100) + "junk\n\n" + line(sample_flow(4)));
  EXPECT_EQ(ids(query->poll().value()), (Ids{3, 4}));
  append("b.jsonl", line(sample_flow(5)));
  append("other.txt", line(sample_flow(6)));
  EXPECT_EQ(ids(query->poll().value()), (Ids{5})) << "a file that appears later";
  EXPECT_EQ(ids(query->poll().value()), (Ids{}));
}

TEST_F(JsonlQueryTest, PollGoesOnInTheMiddleOfAMember) {
  auto writer = write();
  writer->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(writer->flush());
  auto query = open();
  EXPECT_EQ(ids(query->last(10).value()), (Ids{1}));
  for (flow::FlowId id = 2; id <= 40; ++id) {
    writer->closed(boxed(bulky_flow(id, id % 7 == 0 ? 300'000 : 10)));
    ASSERT_TRUE(writer->flush());
    EXPECT_EQ(ids(query->poll().value()), (Ids{id}));
  }
  writer->close();
  EXPECT_EQ(ids(query->poll().value()), (Ids{}));
  auto next = write();
  next->closed(boxed(sample_flow(41)));
  next->close();
  EXPECT_EQ(ids(query->poll().value()), (Ids{41})) << "the next session's file";
}

// Text that inflates to whole buffers leaves the decoder with no input and more to say.
TEST_F(JsonlQueryTest, NoEntryWaitsInTheDecoder) {
  auto writer = write();
  writer->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(writer->flush());
  auto query = open();
  ASSERT_EQ(query->last(10).value().size(), 1u);
  for (flow::FlowId id = 2; id <= 200; ++id) {
    flow::Flow flow = sample_flow(id);
    flow.response_body.bytes.assign(id * 331, 'x');
    writer->closed(boxed(std::move(flow)));
    ASSERT_TRUE(writer->flush());
    ASSERT_EQ(ids(query->poll().value()), (Ids{id}));
  }
}

TEST_F(JsonlQueryTest, RotationAndPruningLoseNothingToPoll) {
  auto options = this->options();
  options.roll_bytes = 3000;
  options.keep = 1;
  auto writer = write(options);
  writer->closed(boxed(bulky_flow(1)));
  ASSERT_TRUE(writer->flush());
  auto query = open();
  ASSERT_EQ(query->last(10).value().size(), 1u);
  Ids polled;
  for (flow::FlowId id = 2; id <= 30; ++id) {
    writer->closed(boxed(bulky_flow(id)));
    ASSERT_TRUE(writer->flush());
    for (const Row& row : query->poll().value()) polled.push_back(row.flow.id);
  }
  EXPECT_EQ(polled.size(), 29u);
  EXPECT_TRUE(std::ranges::is_sorted(polled));
}

TEST_F(JsonlQueryTest, PollWithoutAListingBeginsAtTheOpening) {
  put("a.jsonl.gz", gzip(line(sample_flow(1)) + line(sample_flow(2))));
  auto query = open();
  EXPECT_EQ(ids(query->last(0).value()), (Ids{}));
  append("a.jsonl.gz", gzip(line(sample_flow(3))));
  EXPECT_EQ(ids(query->poll().value()), (Ids{3}));
}

TEST_F(JsonlQueryTest, AFileThatIsEmptiedIsFollowedFromItsBeginning) {
  put("a.jsonl", line(sample_flow(1)) + line(sample_flow(2)));
  auto query = open();
  EXPECT_EQ(ids(query->last(9).value()), (Ids{1, 2}));
  put("a.jsonl", "");
  EXPECT_EQ(ids(query->poll().value()), (Ids{}));
  append("a.jsonl", line(sample_flow(3)));
  EXPECT_EQ(ids(query->poll().value()), (Ids{3}));
}

TEST_F(JsonlQueryTest, EntriesWithoutANumberAreToldApart) {
  constexpr std::string_view kEntry =
      R"({"ts":"2024-01-15T10:30:06Z","method":"GET","url":"http://a.example/"})";
  put("a.jsonl", std::string(kEntry) + "\n" + std::string(kEntry) + "\n");
  auto query = open();
  auto rows = query->last(10).value();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_NE(rows[0].flow.id, rows[1].flow.id);
  append("a.jsonl", std::string(kEntry) + "\n");
  auto more = query->poll().value();
  ASSERT_EQ(more.size(), 1u);
  EXPECT_NE(more[0].flow.id, rows[0].flow.id);
  EXPECT_NE(more[0].flow.id, rows[1].flow.id);
  EXPECT_EQ(more[0].id, "");
}

}  // namespace
}  // namespace weir::store
