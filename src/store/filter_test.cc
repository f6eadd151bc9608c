// The filter of databases and the filter of everything else, on the same rows.
#include <algorithm>

#include "flow/process.h"
#include "store/jsonl_line.h"
#include "store/test_recording.h"

namespace weir::store {
namespace {

using Ids = std::vector<flow::FlowId>;

// Rows that differ in all that a filter looks at, and lack what may be lacking.
std::vector<flow::Flow> sample_flows() {
  std::vector<flow::Flow> flows;
  auto add = [&](auto change) {
    flow::Flow flow = sample_flow(flows.size() + 1);
    change(flow);
    flows.push_back(std::move(flow));
  };
  add([](flow::Flow&) {});
  add([](flow::Flow& f) { f.request.origin.place.host = "api.b.example"; });
  add([](flow::Flow& f) { f.request.origin.place.host = "b.example"; });
  add([](flow::Flow& f) { f.request.origin.place.host = "ab.example"; });
  add([](flow::Flow& f) { f.request.origin.place.host = "e"; });
  add([](flow::Flow& f) { f.request.method = "POST"; });
  add([](flow::Flow& f) { f.request.method = "post"; });
  add([](flow::Flow& f) { f.request.target = "/Search?Q=Weir%20x"; });
  for (std::uint16_t status : {101, 204, 301, 399, 400, 403, 404, 499, 500, 599, 999})
    add([&](flow::Flow& f) { f.response.status = status; });
  add([](flow::Flow& f) {
    f.has_response = false;
    f.response = {};
    f.error = Code::dns_not_found;
  });
  add([](flow::Flow& f) {
    f.has_response = false;
    f.response = {};
    f.duration_us = -1;
    f.response_body = {};
  });
  add([](flow::Flow& f) { f.error = Code::upstream_body_incomplete; });
  add([](flow::Flow& f) {
    f.response.status = 403;
    f.error = Code::blocked;
    f.filter_action = "block";
  });
  add([](flow::Flow& f) { f.error = Code::port_refused; });
  add([](flow::Flow& f) { f.filter_action = "block"; });
  add([](flow::Flow& f) { f.filter_action = "allow"; });
  add([](flow::Flow& f) { f.process = "/usr/bin/Node"; });
  add([](flow::Flow& f) {
    f.process = "curl";
    f.device = "Ada's iPad";
  });
  add([](flow::Flow& f) {
    f.device = "build-7";
    f.model = "claude-sonnet-4";
  });
  add([](flow::Flow& f) { f.model = "GPT-4o"; });
  add([](flow::Flow& f) {
    flow::set_sender(
        f, std::make_shared<const Process>(Process{.pid = 4711,
                                                   .name = "python3",
                                                   .executable = "/opt/Venv/python3",
                                                   .arguments = {"python3", "my agent.py", "it's"}}));
  });
  add([](flow::Flow& f) {
    flow::set_sender(f, std::make_shared<const Process>(Process{.unknown = "ended before it was looked up"}));
  });
  add([](flow::Flow& f) { f.error = Code::host_not_allowed; });
  return flows;
}

std::vector<Filter> sample_filters() {
  std::vector<Filter> filters = {{}};
  for (auto at : {kNoon, kNoon + 5 * kSecond, kNoon + 5 * kSecond + 1, kNoon + 1000 * kSecond}) {
    filters.push_back({.since = at});
    filters.push_back({.until = at});
    filters.push_back({.since = at, .until = at});
  }
  for (const char* host : {"a.example", "A.EXAMPLE", "*.example", "*.b.example", "b.example", "*.B.Example",
                           "*.", "example", "e", "*.e", "*", "nowhere"})
    filters.push_back({.host = host});
  for (const char* url : {"/", "SEARCH?q=weir", "https://b.example/", "%20X", "http", "nowhere", "example/1"})
    filters.push_back({.url = url});
  for (const char* method : {"get", "POST", "POS", "DELETE"}) filters.push_back({.method = method});
  for (std::vector<StatusRange> status : std::vector<std::vector<StatusRange>>{
           {{200, 200}}, {{400, 599}}, {{400, 999}}, {{0, 399}}, {{204, 204}, {500, 599}}, {{600, 998}}})
    filters.push_back({.status = std::move(status)});
  filters.push_back({.errors = true});
  filters.push_back({.blocked = true});
  filters.push_back({.host = "*.example", .errors = true, .blocked = true});
  filters.push_back({.status = {{403, 403}}, .errors = true});
  for (const char* part :
       {"node", "NODE", "curl", "ipad", "'s i", "-7", "claude", "gpt-4O", "%", "nowhere", "python3[4711]",
        "[4711]", "/opt/venv/", "'my AGENT.py'", "it's", "it'\\''s", "ended"}) {
    filters.push_back({.process = part});
    filters.push_back({.device = part});
    filters.push_back({.model = part});
  }
  filters.push_back({.process = "curl", .device = "ipad"});
  filters.push_back({.process = "curl", .model = "claude"});
  return filters;
}

class FilterTest : public StoreTest {
 protected:
  // Live, so that an open flow stays open.
  std::unique_ptr<SessionStore> record_all() const {
    auto store = record();
    for (const flow::Flow& flow : sample_flows())
      flow.duration_us < 0 ? store->opened(boxed(flow)) : store->closed(boxed(flow));
    EXPECT_TRUE(store->flush());
    return store;
  }
  static Ids matching(const std::vector<Row>& rows, const Filter& filter) {
    Ids found;
    for (const Row& row : rows)
      if (matches(filter, row)) found.push_back(row.flow.id);
    return found;
  }
  void expect_the_same() const {
    std::vector<Row> rows = all();
    std::size_t at = 0;
    for (const Filter& filter : sample_filters()) {
      EXPECT_EQ(matching(rows, filter), ids(filter)) << "filter " << at;
      EXPECT_EQ(matching(rows, filter), ids(query(filter)->last(1000).value())) << "filter " << at;
      ++at;
    }
  }
};

TEST_F(FilterTest, BothSayTheSameOfEveryRow) {
  auto store = record_all();
  ASSERT_EQ(all().size(), sample_flows().size());
  expect_the_same();
}

TEST_F(FilterTest, AlsoWhenTheSessionIsDead) {
  record_all()->close();
  expect_the_same();
}

TEST_F(FilterTest, AlsoInFilesThatAreOlderThanWhatItAsksFor) {
  auto store = record_all();
  std::filesystem::path file = store->directory() / "flows-0001.db";
  store->close();
  auto old = Database::open(file, Database::Access::write, 1000);
  ASSERT_TRUE(old);
  for (const char* column :
       {"filter_action", "filter_reason", "process", "device", "model", "sender", "rejection"})
    ASSERT_TRUE(old->execute((std::string("ALTER TABLE flows DROP COLUMN ") + column).c_str()));
  ASSERT_TRUE(old->execute("DROP TABLE processes; PRAGMA user_version=3"));
  EXPECT_EQ(all().size(), sample_flows().size());
  expect_the_same();
}

TEST_F(FilterTest, AndOfTheLinesOfALog) {
  auto store = record_all();
  std::vector<Row> rows;
  for (const flow::Flow& flow : sample_flows()) {
    std::string line;
    ASSERT_TRUE(append_jsonl(line, flow, "20250131-235959-a1b2"));
    auto row = read_jsonl(line);
    ASSERT_TRUE(row);
    rows.push_back(std::move(*row));
  }
  std::size_t at = 0;
  for (const Filter& filter : sample_filters())
    EXPECT_EQ(matching(rows, filter), ids(filter)) << "filter " << at++;
}

TEST_F(FilterTest, FiltersFindWhatTheyAreFor) {
  auto store = record_all();
  EXPECT_EQ(ids({.host = "*.b.example"}), (Ids{2}));
  EXPECT_EQ(ids({.process = "node"}), (Ids{27}));
  EXPECT_EQ(ids({.process = "Python3[4711]"}), (Ids{31}));
  EXPECT_EQ(ids({.process = "agent.py"}), (Ids{31}));
  EXPECT_EQ(ids({.device = "IPAD"}), (Ids{28}));
  EXPECT_EQ(ids({.model = "claude"}), (Ids{29}));
  EXPECT_EQ(ids({.blocked = true}), (Ids{23, 24, 25, 33}));
}

}  // namespace
}  // namespace weir::store
