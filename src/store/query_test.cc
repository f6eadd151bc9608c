#include "store/query.h"

#include <algorithm>

#include "store/test_recording.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<flow::FlowId>;

class QueryTest : public StoreTest {
 protected:
  // Flows of one session, which then ends.
  std::string session_of(std::initializer_list<flow::FlowId> flows) const {
    auto store = record();
    for (flow::FlowId id : flows) store->closed(boxed(sample_flow(id)));
    store->close();
    return store->session_id();
  }
};

TEST_F(QueryTest, NothingRecordedIsNotFoundWithAHint) {
  auto query = Query::open({{data_dir()}, {}}, {});
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().code(), Code::not_found);
  EXPECT_NE(query.error().context().find("weir run"), std::string::npos);
}

TEST_F(QueryTest, SessionsAreMergedInTimeOrder) {
  session_of({1, 4, 7, 300});
  session_of({2, 5, 6});
  session_of({3, 301});
  EXPECT_EQ(ids(), (Ids{1, 2, 3, 4, 5, 6, 7, 300, 301}));
}

TEST_F(QueryTest, ManyRowsComeInPagesWithoutGapsAtEqualTimes) {
  auto store = record();
  for (flow::FlowId id = 1; id <= 500; ++id) {
    flow::Flow flow = sample_flow(id);
    flow.started = kNoon + static_cast<WallNanos>(id / 200);
    store->closed(boxed(std::move(flow)));
  }
  store->close();
  auto numbers = ids();
  ASSERT_EQ(numbers.size(), 500u);
  EXPECT_TRUE(std::ranges::is_sorted(numbers));
}

TEST_F(QueryTest, LastGivesTheNewestOldestFirst) {
  session_of({1, 2, 9});
  session_of({3, 4, 5});
  EXPECT_EQ(ids(query()->last(3).value()), (Ids{4, 5, 9}));
  EXPECT_EQ(ids(query()->last(1).value()), (Ids{9}));
  EXPECT_EQ(ids(query()->last(0).value()), Ids{});
  EXPECT_EQ(ids(query()->last(100).value()), (Ids{1, 2, 3, 4, 5, 9}));
}

TEST_F(QueryTest, FiltersHoldTogether) {
  auto store = record();
  for (flow::FlowId id = 1; id <= 8; ++id) {
    flow::Flow flow = sample_flow(id);
    if (id == 2) flow.request.origin.place.host = "api.b.example";
    if (id == 3) flow.request.origin.place.host = "b.example";
    if (id == 4) flow.request.method = "POST";
    if (id == 5) flow.response.status = 404;
    if (id == 6) flow.response.status = 500;
    if (id == 7) {
      flow.has_response = false;
      flow.response.status = 0;
      flow.error = Code::dns_not_found;
    }
    if (id == 8) {
      flow.response.status = 403;
      flow.error = Code::blocked;
      flow.request.target = "/Search?q=Weir";
    }
    store->closed(boxed(std::move(flow)));
  }
  store->close();
  struct {
    const char* what;
    Filter filter;
    Ids ids;
  } cases[] = {
      {"since", {.since = kNoon + 7 * kSecond}, {7, 8}},
      {"until", {.until = kNoon + 2 * kSecond}, {1, 2}},
      {"never", {.since = kNoon + 100 * kSecond}, {}},
      {"before", {.until = kNoon}, {}},
      {"host", {.host = "B.example"}, {3}},
      {"hosts below", {.host = "*.b.example"}, {2}},
      {"host and time", {.until = kNoon + 2 * kSecond, .host = "a.example"}, {1}},
      {"method", {.method = "post"}, {4}},
      {"status", {.status = {{404, 404}, {500, 599}}}, {5, 6}},
      {"errors", {.errors = true}, {5, 6, 7, 8}},
      {"blocked", {.blocked = true}, {8}},
      {"url", {.url = "SEARCH?Q=weir"}, {8}},
      {"url with host", {.url = "https://b.example/"}, {3}},
      {"no url", {.url = "nowhere"}, {}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ids(c.filter), c.ids) << c.what;
    EXPECT_EQ(ids(query(c.filter)->last(100).value()), c.ids) << c.what;
  }
}

TEST_F(QueryTest, ScopeTakesOneSessionByPrefix) {
  std::string first = session_of({1});
  std::string second = session_of({2});
  EXPECT_EQ(ids(all(*query({}, first))), Ids{1});
  EXPECT_EQ(ids(all(*query({}, second))), Ids{2});
  auto ambiguous = Query::open({{data_dir()}, first.substr(0, 4)}, {});
  ASSERT_FALSE(ambiguous);
  EXPECT_EQ(ambiguous.error().code(), Code::not_found);
  auto none = Query::open({{data_dir()}, "1999"}, {});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().context().find("1999"), std::string::npos);
}

TEST_F(QueryTest, FindsByIdNumberOrNothing) {
  std::string first = session_of({1, 2, 900});
  std::string second = session_of({1});
  // Ids of one second have no order between them: what is newer is settled by name.
  std::string newer = std::max(first, second);
  auto reader = query();
  EXPECT_EQ(reader->find(first.substr(16) + "-1").value().session, first);
  EXPECT_EQ(reader->find(second.substr(16) + "-1").value().session, second);
  EXPECT_EQ(reader->find("1").value().session, newer);
  EXPECT_EQ(reader->find("2").value().id, first.substr(16) + "-2");
  EXPECT_EQ(reader->find("").value().flow.id, 900u);
  for (auto id : {"3", "x", "-1", "abc-1", "zzzz-1", "1-", "18446744073709551616"}) {
    auto row = reader->find(id);
    ASSERT_FALSE(row) << id;
    EXPECT_EQ(row.error().code(), Code::not_found) << id;
  }
}

TEST_F(QueryTest, PollHandsOutEachClosingOnce) {
  session_of({1});
  auto store = record();
  store->closed(boxed(sample_flow(2)));
  store->opened(boxed_open(3));
  ASSERT_TRUE(store->flush());
  auto reader = query();
  EXPECT_EQ(ids(reader->poll().value()), Ids{});
  store->closed(boxed(sample_flow(4)));
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(ids(reader->last(10).value()), (Ids{1, 2, 3})) << "4 belongs to poll()";
  EXPECT_EQ(ids(reader->poll().value()), Ids{4});
  EXPECT_EQ(ids(reader->poll().value()), Ids{});
  store->closed(boxed(sample_flow(3)));
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(ids(reader->poll().value()), Ids{3});

  auto late = record();
  late->closed(boxed(sample_flow(5)));
  late->close();
  store->opened(boxed_open(6));
  store->close();
  auto rows = reader->poll().value();
  std::ranges::sort(rows, {}, [](const Row& row) { return row.flow.id; });
  ASSERT_EQ(ids(rows), (Ids{5, 6}));
  EXPECT_TRUE(rows[1].incomplete);
  EXPECT_EQ(ids(reader->poll().value()), Ids{});
}

TEST_F(QueryTest, PollSeesFilesThatRoll) {
  auto options = this->options();
  options.roll_bytes = 1;
  auto store = record(options);
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  auto reader = query();
  Ids seen;
  for (flow::FlowId id = 2; id <= 5; ++id) {
    store->closed(boxed(sample_flow(id)));
    ASSERT_TRUE(store->flush());
    for (flow::FlowId got : ids(reader->poll().value())) seen.push_back(got);
  }
  EXPECT_EQ(seen, (Ids{2, 3, 4, 5}));
  EXPECT_GT(session_files(store->directory()).size(), 2u);
}

TEST_F(QueryTest, PollFiltersToo) {
  auto store = record();
  auto reader = query({.errors = true});
  for (flow::FlowId id = 1; id <= 3; ++id) {
    flow::Flow flow = sample_flow(id);
    if (id == 2) flow.response.status = 500;
    store->closed(boxed(std::move(flow)));
  }
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(ids(reader->poll().value()), Ids{2});
  EXPECT_EQ(ids(reader->poll().value()), Ids{});
}

TEST_F(QueryTest, ReadersHoldNoFileOpenBetweenCalls) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  auto reader = query();
  ASSERT_TRUE(reader->poll());
  ASSERT_EQ(ids(reader->last(1).value()), Ids{1});
  ASSERT_EQ(ids(all(*reader)), Ids{1});
  store->close();
  EXPECT_EQ(session_state(store->directory()), SessionState::ended);
}

TEST_F(QueryTest, AFileThatGoesAwayIsNoError) {
  session_of({1});
  session_of({2});
  auto reader = query();
  for (const fs::path& session : session_folders(data_dir())) fs::remove_all(session);
  EXPECT_EQ(ids(all(*reader)), Ids{});
}

TEST_F(QueryTest, ANewerSchemaIsRefusedInWords) {
  std::string id = session_of({1});
  fs::path file = data_dir() / "sessions" / id / "flows-0001.db";
  {
    auto database = Database::open(file, Database::Access::write, 0);
    ASSERT_TRUE(database && database->execute("PRAGMA user_version=99"));
  }
  auto reader = query();
  auto row = reader->next();
  ASSERT_FALSE(row);
  EXPECT_NE(row.error().context().find("newer Weir"), std::string::npos) << row.error().context();
  EXPECT_NE(row.error().context().find(file.string()), std::string::npos);
  session_of({2});
  EXPECT_EQ(ids(), Ids{2}) << "one that cannot be read does not hide the others";
}

}  // namespace
}  // namespace weir::store
