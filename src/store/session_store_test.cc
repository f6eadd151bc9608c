#include "store/session_store.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "store/test_recording.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

std::string printed(const http::Fields& fields) {
  std::string text;
  for (http::Fields::View field : fields) text.append(field.name).append("=").append(field.value).append("|");
  return text;
}

TEST_F(StoreTest, AFlowComesBackAsItWasTold) {
  flow::Flow flow = sample_flow(7);
  flow.request.method = "POST";
  flow.request.origin.place.port = 8443;
  flow.request.target = "/a?b=c";
  flow.request.version = http::Version::http10;
  flow.request.fields.add("X-Empty", "");
  flow.request.fields.add("X-Colon", "a: b");
  flow.request.fields.add("X-Bytes", "caf\xE9");
  flow.request_trailers.add("X-Checksum", "1");
  flow.request_body = {.bytes = "q", .size = 9, .truncated = true, .complete = false};
  flow.response.status = 502;
  flow.response_trailers.add("Server-Timing", "db;dur=1");
  flow.synthesised = true;
  flow.timing = {.blocked = 0, .dns = 1, .connect = 2, .tls = 3, .send = 4, .wait = 5, .receive = -1};
  flow.client_connection = 3;
  flow.upstream_connection = 4;
  flow.upstream_reused = true;
  flow.error = Code::upstream_reset;
  flow.error_detail = "a.example:8443";
  flow.marks = "host_mismatch";
  flow.request_head_bytes = 120;
  flow.response_head_bytes = 130;

  auto store = record();
  store->closed(boxed(flow));
  ASSERT_TRUE(store->flush());
  auto reader = query();
  auto rows = all(*reader);
  ASSERT_EQ(rows.size(), 1u);
  const flow::Flow& got = rows[0].flow;
  EXPECT_EQ(rows[0].session, store->session_id());
  EXPECT_EQ(rows[0].id, store->session_id().substr(16) + "-7");
  EXPECT_FALSE(rows[0].incomplete);
  EXPECT_EQ(got.kind, flow::Kind::http);
  EXPECT_EQ(got.interception, flow::Interception::intercepted);
  EXPECT_EQ(got.started, flow.started);
  EXPECT_EQ(got.duration_us, 1500);
  EXPECT_EQ(got.request.url(), "https://a.example:8443/a?b=c");
  EXPECT_EQ(got.request.version, http::Version::http10);
  EXPECT_EQ(printed(got.request.fields), "Host=a.example|X-Empty=|X-Colon=a: b|X-Bytes=caf\xE9|");
  EXPECT_EQ(printed(got.request_trailers), "X-Checksum=1|");
  EXPECT_EQ(got.request_body.size, 9u);
  EXPECT_TRUE(got.request_body.truncated);
  EXPECT_FALSE(got.request_body.complete);
  EXPECT_TRUE(got.has_response);
  EXPECT_TRUE(got.synthesised);
  EXPECT_EQ(got.response.status, 502);
  EXPECT_EQ(got.response.reason, "OK");
  EXPECT_EQ(printed(got.response_trailers), "Server-Timing=db;dur=1|");
  EXPECT_FALSE(got.response_body.truncated);
  EXPECT_TRUE(got.response_body.complete);
  EXPECT_EQ(got.timing.blocked, 0);
  EXPECT_EQ(got.timing.wait, 5);
  EXPECT_EQ(got.timing.receive, -1);
  EXPECT_EQ(got.client_connection, 3u);
  EXPECT_EQ(got.upstream_connection, 4u);
  EXPECT_TRUE(got.upstream_reused);
  EXPECT_EQ(got.error, Code::upstream_reset);
  EXPECT_EQ(got.error_detail, "a.example:8443");
  EXPECT_EQ(got.marks, "host_mismatch");
  EXPECT_EQ(got.request_head_bytes, 120u);
  EXPECT_EQ(got.response_head_bytes, 130u);
  EXPECT_EQ(reader->load_body(rows[0], rows[0].request_body).value(), "q");
  EXPECT_EQ(reader->load_body(rows[0], rows[0].response_body).value(), "hello");
}

TEST_F(StoreTest, AConnectionComesBackAsItWasToldLast) {
  flow::Connection connection{.id = 5,
                              .leg = flow::Leg::upstream,
                              .opened = kNoon,
                              .local = "127.0.0.1:1",
                              .peer = "192.0.2.1:443",
                              .host = "a.example",
                              .via = "http://proxy.example:3128",
                              .tls_version = "TLSv1.3",
                              .cipher = "TLS_AES_128_GCM_SHA256",
                              .alpn = "http/1.1",
                              .sni = "a.example",
                              .resumed = true,
                              .certificate_subject = "CN=a.example",
                              .certificate_issuer = "CN=ca",
                              .certificate_sha256 = "ab",
                              .certificate_not_after = "2030"};
  connection.timing.tls = 900;
  auto store = record();
  store->connection(std::make_unique<flow::Connection>(connection));
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  connection.closed = kNoon + 1;
  connection.bytes_in = 10;
  connection.bytes_out = 20;
  connection.requests = 2;
  connection.error = Code::upstream_reset;
  connection.error_detail = "late";
  store->connection(std::make_unique<flow::Connection>(connection));
  store->close();

  auto reader = query();
  auto rows = all(*reader);
  ASSERT_EQ(rows.size(), 1u);
  auto got = reader->connection(rows[0], 5);
  ASSERT_TRUE(got && *got);
  EXPECT_EQ((*got)->leg, flow::Leg::upstream);
  EXPECT_EQ((*got)->closed, kNoon + 1);
  EXPECT_EQ((*got)->via, "http://proxy.example:3128");
  EXPECT_EQ((*got)->cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_TRUE((*got)->resumed);
  EXPECT_EQ((*got)->certificate_not_after, "2030");
  EXPECT_EQ((*got)->timing.tls, 900);
  EXPECT_EQ((*got)->timing.dns, -1);
  EXPECT_EQ((*got)->bytes_out, 20u);
  EXPECT_EQ((*got)->requests, 2u);
  EXPECT_EQ((*got)->error, Code::upstream_reset);
  auto missing = reader->connection(rows[0], 6);
  ASSERT_TRUE(missing);
  EXPECT_FALSE(*missing);
}

TEST_F(StoreTest, AnOpenFlowIsOneRowThatItsClosingReplaces) {
  auto store = record();
  store->opened(boxed_open(1));
  ASSERT_TRUE(store->flush());
  auto rows = all();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].flow.duration_us, -1);
  EXPECT_FALSE(rows[0].flow.has_response);
  EXPECT_FALSE(rows[0].incomplete) << "its session lives";
  store->closed(boxed(sample_flow(1)));
  store->opened(boxed_open(2));  // opened and closed in one batch
  store->closed(boxed(sample_flow(2)));
  ASSERT_TRUE(store->flush());
  rows = all();
  EXPECT_EQ(ids(rows), (std::vector<flow::FlowId>{1, 2}));
  for (const Row& row : rows) EXPECT_EQ(row.flow.response.status, 200);
  EXPECT_EQ(store->counters().written, 2u);
}

TEST_F(StoreTest, CloseMarksOpenFlowsAndLeavesAPlainFile) {
  auto store = record();
  store->opened(boxed_open(1));
  store->closed(boxed(sample_flow(2)));
  store->close();
  store->close();
  fs::path directory = store->directory();
  EXPECT_EQ(session_state(directory), SessionState::ended);
  EXPECT_FALSE(fs::exists(directory / "flows-0001.db-wal"));
  EXPECT_FALSE(fs::exists(directory / "flows-0001.db-shm"));
  EXPECT_EQ(ask_text(directory / "flows-0001.db", "PRAGMA journal_mode"), "delete");
  auto rows = all();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_TRUE(rows[0].incomplete);
  EXPECT_EQ(rows[0].flow.error, Code::incomplete);
  EXPECT_FALSE(rows[1].incomplete);

  store->closed(boxed(sample_flow(3)));
  EXPECT_EQ(store->counters().shed_flows, 1u);
  EXPECT_TRUE(store->flush()) << "all that was accepted is written";
}

TEST_F(StoreTest, NobodyElseMayReadWhatIsRecorded) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  for (const fs::path& path : all_files()) {
    struct stat found;
    ASSERT_EQ(::stat(path.c_str(), &found), 0) << path;
    EXPECT_EQ(found.st_mode & 0777, S_ISDIR(found.st_mode) ? 0700u : 0600u) << path;
  }
}

TEST_F(StoreTest, NoSecretReachesAnyFile) {
  auto store = record();
  flow::Flow flow = sample_flow(1);
  flow.request.target = "/x?access_token=hunter2&a=1";
  flow.request.fields.add("Authorization", "Bearer hunter2");
  flow.request.fields.add("Cookie", "sid=hunter2");
  flow.request.fields.add("X-Api-Key", "hunter2");
  flow.request.fields.add("Referer", "https://u:hunter2@a.example/?token=hunter2");
  flow.request_trailers.add("X-Auth-Token", "hunter2");
  flow.response.fields.add("Set-Cookie", "sid=hunter2; Path=/");
  flow.response.fields.add("Location", "https://b.example/cb?client_secret=hunter2");
  flow.response_trailers.add("X-Refresh-Token", "hunter2");
  flow.error_detail = "http://u:hunter2@proxy.example:3128";
  store->opened(boxed(flow));
  ASSERT_TRUE(store->flush());
  store->closed(boxed(flow));
  ASSERT_TRUE(store->flush());
  auto scan = [&] {
    std::size_t files = 0;
    for (const fs::path& path : all_files()) {
      if (!fs::is_regular_file(path)) continue;
      ++files;
      EXPECT_EQ(slurp(path).find("hunter2"), std::string::npos) << path;
    }
    return files;
  };
  EXPECT_GE(scan(), 5u);  // the file, its log and index, the lock, the catalog
  store->close();
  scan();
  auto rows = all();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].flow.request.target, "/x?access_token=[REDACTED]&a=1");
  EXPECT_EQ(rows[0].flow.request.fields.get("authorization"), "Bearer [REDACTED]");
}

TEST_F(StoreTest, FieldsCannotForgeLines) {
  auto store = record();
  flow::Flow flow = sample_flow(1);
  flow.request.fields.clear();
  flow.request.fields.add("A", std::string_view("x\r\nB: y\0z", 9));
  store->closed(boxed(std::move(flow)));
  store->close();
  EXPECT_EQ(printed(all().at(0).flow.request.fields), "A=x  B: y z|");
}

TEST_F(StoreTest, EqualBodiesAreStoredOnce) {
  auto store = record();
  std::string large(20'000, 'a');  // beyond what is remembered without hashing
  for (flow::FlowId id = 1; id <= 6; ++id) {
    flow::Flow flow = sample_flow(id);
    flow.request_body = {.bytes = large, .size = large.size(), .complete = true};
    flow.response_body = {.bytes = id == 6 ? "other" : "hello", .size = 5, .complete = true};
    store->closed(boxed(std::move(flow)));
    if (id % 2 == 0) ASSERT_TRUE(store->flush());
  }
  store->close();
  fs::path file = store->directory() / "flows-0001.db";
  EXPECT_EQ(ask(file, "SELECT count(*) FROM bodies"), 3);
  EXPECT_EQ(ask(file, "SELECT size FROM bodies WHERE codec = 'zstd'"), 20'000);
  EXPECT_LT(ask(file, "SELECT stored_size FROM bodies WHERE codec = 'zstd'"), 1000);
  auto reader = query();
  auto rows = all(*reader);
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(reader->load_body(rows[4], rows[4].request_body).value(), large);
  EXPECT_EQ(reader->load_body(rows[5], rows[5].response_body).value(), "other");
}

TEST_F(StoreTest, CompressedBodiesStayAsTheyAre) {
  auto store = record();
  flow::Flow flow = sample_flow(1);
  flow.response.fields.add("Content-Encoding", "gzip");
  flow.response_body = {.bytes = std::string(5000, 'z'), .size = 5000, .complete = true};
  store->closed(boxed(std::move(flow)));
  store->close();
  EXPECT_EQ(ask_text(store->directory() / "flows-0001.db", "SELECT codec FROM bodies"), "none");
}

TEST_F(StoreTest, OrderSurvivesAClockThatJumpsBack) {
  auto store = record();
  for (flow::FlowId id = 1; id <= 4; ++id) {
    flow::Flow flow = sample_flow(id);
    if (id > 2) flow.started -= 3600 * kSecond;
    if (id == 4) flow.started -= kSecond;  // the same moment as 3
    store->closed(boxed(std::move(flow)));
  }
  store->close();
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{3, 4, 1, 2}));
  EXPECT_EQ(ids(query()->last(3).value()), (std::vector<flow::FlowId>{4, 1, 2}));
}

TEST_F(StoreTest, RollsBySizeAndAFlowStaysWhereItWasOpened) {
  auto options = this->options();
  options.roll_bytes = 200'000;
  auto store = record(options);
  store->opened(boxed_open(1));
  ASSERT_TRUE(store->flush());
  fs::path first = store->directory() / "flows-0001.db";
  fs::path second = store->directory() / "flows-0002.db";
  flow::FlowId id = 1;
  auto fill = [&](const fs::path& until) {
    while (!fs::exists(until) && id < 10'000) {
      flow::Flow flow = sample_flow(++id);
      flow.response_body.bytes = std::string(2000, 'a') + std::to_string(id);
      flow.request.target.append(500, 'x');
      store->closed(boxed(std::move(flow)));
      ASSERT_TRUE(store->flush());
    }
  };
  fill(second);
  EXPECT_TRUE(fs::exists(first.native() + "-wal")) << "flow 1 is still open";
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  fill(store->directory() / "flows-0003.db");
  EXPECT_FALSE(fs::exists(first.native() + "-wal"));
  store->close();
  EXPECT_EQ(ask(first, "SELECT count(*) FROM flows WHERE number = 1 AND closed_seq > 0 AND error IS NULL"),
            1);
  auto numbers = ids();
  ASSERT_EQ(numbers.size(), id);
  for (flow::FlowId i = 0; i < id; ++i) EXPECT_EQ(numbers[i], i + 1);
  EXPECT_EQ(ask(catalog(), "SELECT files FROM sessions"), 3);
}

std::atomic<WallNanos> g_now = kNoon;

TEST_F(StoreTest, RollsOnANewDay) {
  auto options = this->options();
  options.now = [] { return g_now.load(); };
  g_now = kNoon;
  auto store = record(options);
  g_now += 86'400 * kSecond;
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  store->closed(boxed(sample_flow(2)));  // the roll-over follows a commit
  ASSERT_TRUE(store->flush());
  store->closed(boxed(sample_flow(3)));
  ASSERT_TRUE(store->flush());
  store->close();
  EXPECT_EQ(session_files(store->directory()).size(), 2u);
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{1, 2, 3}));
}

TEST_F(StoreTest, ARemovedFileIsReplaced) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  store->opened(boxed_open(2));
  ASSERT_TRUE(store->flush());
  fs::remove(store->directory() / "flows-0001.db");
  store->closed(boxed(sample_flow(2)));
  ASSERT_TRUE(store->flush());
  store->close();
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{2}));
}

TEST_F(StoreTest, TheCatalogKnowsSessionsAndHours) {
  auto options = this->options();
  options.now = [] { return g_now.load(); };
  g_now = kNoon;
  auto store = record(options);
  EXPECT_EQ(ask(catalog(), "SELECT count(*) FROM sessions WHERE ended IS NULL AND clean = 0"), 1);
  for (flow::FlowId id = 1; id <= 3; ++id) {
    flow::Flow flow = sample_flow(id);
    flow.response.status = id == 1 ? 404 : 200;
    flow.error = id == 2 ? Code::upstream_reset : Code::none;
    flow.request_head_bytes = 100;
    flow.response_head_bytes = 200;
    store->closed(boxed(std::move(flow)));
  }
  ASSERT_TRUE(store->flush());
  store->close();
  EXPECT_EQ(
      ask(catalog(),
          "SELECT flows FROM sessions WHERE ended >= started AND clean = 1 AND files = 1 AND bytes > 0"),
      3);
  EXPECT_EQ(ask_text(catalog(), "SELECT project_dir FROM sessions"), data_dir().string());
  EXPECT_EQ(ask(catalog(), "SELECT pid FROM sessions"), ::getpid());
  EXPECT_EQ(
      ask(catalog(), "SELECT requests * 1000000 + errors * 10000 + bytes_out * 10 + bytes_in FROM hourly"),
      3'020'000 + 3000 + 615);
  EXPECT_EQ(ask(catalog(), "SELECT hour FROM hourly"), kNoon / kSecond / 3600 * 3600);
  EXPECT_EQ(ask_text(catalog(), "PRAGMA journal_mode"), "delete");
}

TEST_F(StoreTest, AnUnwritableCatalogDoesNotStopCapture) {
  std::ofstream(folder_.path() / "file") << "x";
  auto options = this->options();
  options.catalog = folder_.path() / "file" / "catalog.db";
  auto store = record(options);
  store->closed(boxed(sample_flow(1)));
  store->close();
  EXPECT_EQ(store->counters().written, 1u);
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{1}));
}

TEST_F(StoreTest, AnUnwritableFolderIsAClearError) {
  std::ofstream(folder_.path() / "file") << "x";
  auto options = this->options();
  options.data_dir = folder_.path() / "file" / "project";
  auto store = SessionStore::open(options);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), Code::io);
  EXPECT_NE(store.error().context().find((folder_.path() / "file").string()), std::string::npos);
  EXPECT_NE(store.error().context().find("--data DIR"), std::string::npos);
}

TEST_F(StoreTest, TwoReadersWhileWriting) {
  auto options = this->options();
  options.commit_interval = std::chrono::milliseconds(1);
  auto store = record(options);
  constexpr flow::FlowId kFlows = 3000;
  std::atomic<bool> done = false;
  auto watch = [&] {
    std::size_t before = 0;
    while (!done) {
      auto rows = all();
      for (std::size_t i = 0; i < rows.size(); ++i)
        ASSERT_EQ(rows[i].flow.id, i + 1) << "a gap, or out of order";
      ASSERT_GE(rows.size(), before);
      before = rows.size();
    }
  };
  std::thread readers[] = {std::thread(watch), std::thread(watch)};
  for (flow::FlowId id = 1; id <= kFlows; ++id) {
    store->closed(boxed(sample_flow(id)));
    if (id % 100 == 0) ASSERT_TRUE(store->flush());
  }
  done = true;
  for (auto& reader : readers) reader.join();
  store->close();
  EXPECT_EQ(ids().size(), kFlows);
  EXPECT_EQ(ask_text(store->directory() / "flows-0001.db", "PRAGMA integrity_check"), "ok");
}

// A soft limit on file size fails writes as a full disk does, on every file system.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { free_space(); }
  void free_space() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

flow::Flow large_flow(flow::FlowId id) {
  flow::Flow flow = sample_flow(id);
  flow.response.fields.add("Content-Encoding", "br");  // stored as it is
  flow.response_body.bytes = std::string(100'000, 'a') + std::to_string(id);
  flow.response_body.size = flow.response_body.bytes.size();
  return flow;
}

TEST_F(StoreTest, AFullDiskIsSurvivedAndRecoveredFrom) {
  auto options = this->options();
  options.queue_bytes = 2'000'000;
  auto store = record(options);
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  flow::FlowId id = 1;
  {
    FullDisk disk(500'000);
    while (!store->failing() && id < 100) {
      store->closed(boxed(large_flow(++id)));
      store->flush();
    }
    ASSERT_TRUE(store->failing());
    EXPECT_GE(store->counters().failed_writes, 1u);
    EXPECT_TRUE(store->has_room()) << "nobody waits for a full disk";
    for (int i = 0; i < 8000; ++i) store->closed(boxed(large_flow(++id)));
    SessionStore::Counters counters = store->counters();
    EXPECT_GT(counters.shed_bodies, 0u);
    EXPECT_GT(counters.shed_flows, 0u);
    EXPECT_EQ(counters.accepted + counters.shed_flows, id);
    EXPECT_LT(counters.queue_bytes, 2 * options.queue_bytes + 200'000);
  }
  while (!store->flush()) std::this_thread::yield();
  EXPECT_FALSE(store->failing());
  SessionStore::Counters counters = store->counters();
  EXPECT_EQ(counters.written, counters.accepted);
  EXPECT_EQ(counters.queue_bytes, 0u);
  store->closed(boxed(sample_flow(++id)));
  store->close();
  fs::path file = store->directory() / "flows-0001.db";
  EXPECT_EQ(ask_text(file, "PRAGMA integrity_check"), "ok");
  auto reader = query();
  auto rows = all(*reader);
  EXPECT_EQ(rows.size(), counters.accepted + 1);
  std::size_t dropped = 0;
  for (const Row& row : rows) {
    if (row.flow.marks == "capture_dropped") {
      ++dropped;
      EXPECT_TRUE(row.flow.response_body.truncated);
      EXPECT_EQ(row.response_body, 0);
    } else {
      EXPECT_EQ(reader->load_body(row, row.response_body).value().size(), row.flow.response_body.size);
    }
  }
  EXPECT_EQ(dropped, counters.shed_bodies);
}

TEST_F(StoreTest, AForeignLockIsWaitedOut) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  {
    auto intruder = Database::open(store->directory() / "flows-0001.db", Database::Access::write, 0);
    ASSERT_TRUE(intruder && intruder->execute("PRAGMA wal_autocheckpoint=0; BEGIN IMMEDIATE"));
    store->closed(boxed(sample_flow(2)));
    EXPECT_FALSE(store->flush());
    EXPECT_TRUE(store->failing());
  }
  while (!store->flush()) std::this_thread::yield();
  EXPECT_FALSE(store->failing());
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{1, 2}));
}

TEST_F(StoreTest, ADiskFullToTheEndLosesFlowsByNumber) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  FullDisk disk(1000);
  for (flow::FlowId id = 2; id <= 4; ++id) store->closed(boxed(large_flow(id)));
  store->message(boxed_message(5, 1));
  store->close();
  EXPECT_EQ(store->counters().lost_flows, 3u);
  EXPECT_EQ(store->counters().lost_messages, 1u);
  disk.free_space();
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{1}));
}

}  // namespace
}  // namespace weir::store
