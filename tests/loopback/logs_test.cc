// What a whole server leaves behind: JSON Lines beside the store or alone, and its own log.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "app/server.h"
#include "base/log.h"
#include "store/internal_log_reader.h"
#include "store/jsonl_reader.h"
#include "store/query.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/sockets.h"
#include "tls/testing.h"

namespace weir::testing {
namespace {

namespace fs = std::filesystem;

class Logs : public ::testing::Test {
 protected:
  Logs() : origin(always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) {
    setenv("XDG_DATA_HOME", (folder / "xdg").c_str(), 1);
    setenv("XDG_STATE_HOME", (folder / "state").c_str(), 1);
    settings.listen = {HostPort{"127.0.0.1", 0}};
    settings.threads = 2;
    settings.ca_dir = folder / "ca";
    settings.data_dir = folder / "data";
    settings.upstream.proxy = "direct";
  }

  void start() {
    auto started = app::Server::start(settings);
    ASSERT_TRUE(started.has_value()) << started.error().message();
    server = std::move(*started);
  }
  void stop() {
    server->drain();
    server->join();
    server->close();
  }
  std::string get(std::string_view path) {
    UpstreamSocket client(connect_to(server->endpoints().front().port), nullptr);
    client.write(
        fmt::format("GET http://{0}{1} HTTP/1.1\r\nHost: {0}\r\nAuthorization: Bearer CANARY\r\n\r\n",
                    origin.place().str(), path));
    return client.read_message();
  }
  // Until the answer begins with `status`.
  void get_until(std::string_view status) {
    while (!get("/").starts_with(status)) {
    }
  }
  fs::path jsonl() const { return fs::path(settings.data_dir) / "logs" / "proxy"; }
  static std::vector<store::Row> read(const fs::path& path) {
    std::vector<store::Row> rows;
    auto reader = store::JsonlReader::open(path);
    EXPECT_TRUE(reader) << reader.error().message();
    while (reader) {
      auto row = reader->next();
      if (!row) break;
      rows.push_back(std::move(*row));
    }
    return rows;
  }
  std::vector<std::string> internal() const {
    std::vector<std::string> texts;
    auto reader = store::InternalLogReader::open(fs::path(settings.data_dir) / "logs" / "internal",
                                                 store::InternalType::all);
    while (reader) {
      auto line = reader->next();
      if (!line) break;
      texts.push_back(line->text.substr(line->text.find(' ') + 1));
    }
    return texts;
  }

  tls::testing::TempFolder folder;
  FakeUpstream origin;
  config::Settings settings;
  std::unique_ptr<app::Server> server;
};

TEST_F(Logs, no_json_lines_unless_they_are_wanted) {
  start();
  EXPECT_TRUE(get("/a").starts_with("HTTP/1.1 200"));
  stop();
  EXPECT_EQ(server->jsonl(), nullptr);
  EXPECT_FALSE(fs::exists(jsonl()));
}

TEST_F(Logs, the_store_and_the_json_lines_have_the_same_flows) {
  settings.capture.jsonl = true;
  start();
  for (auto path : {"/a", "/b", "/c"}) EXPECT_TRUE(get(path).starts_with("HTTP/1.1 200"));
  stop();
  auto rows = read(jsonl());
  ASSERT_EQ(rows.size(), 3u);
  auto query = store::Query::open({{settings.data_dir}, {}}, {});
  ASSERT_TRUE(query);
  for (const store::Row& row : rows) {
    auto stored = (*query)->find(row.id);
    ASSERT_TRUE(stored) << stored.error().message();
    EXPECT_EQ(stored->session, row.session);
    EXPECT_EQ(stored->flow.request.url(), row.flow.request.url());
    EXPECT_EQ(row.flow.response_body.bytes, "ok");
    EXPECT_EQ((*query)->load_body(*stored, stored->response_body).value(), "ok");
    EXPECT_EQ(row.flow.request.fields.get("Authorization"), "Bearer [REDACTED]");
  }
  EXPECT_EQ(server->store()->counters().written, 3u);
  EXPECT_EQ(server->jsonl()->counters().written, 3u);
}

TEST_F(Logs, json_lines_work_alone) {
  settings.capture.enabled = false;
  settings.capture.jsonl = true;
  settings.capture.jsonl_dir = folder / "elsewhere";
  start();
  EXPECT_TRUE(get("/a").starts_with("HTTP/1.1 200"));
  stop();
  EXPECT_EQ(server->store(), nullptr);
  EXPECT_FALSE(fs::exists(fs::path(settings.data_dir) / "sessions"));
  auto rows = read(settings.capture.jsonl_dir);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].flow.response_body.bytes, "ok") << "bodies are kept for them";
  EXPECT_EQ(rows[0].session.size(), std::string_view("20251009-085320-a1b2").size());
  EXPECT_TRUE(rows[0].id.ends_with("-1")) << rows[0].id;
}

TEST_F(Logs, a_folder_for_json_lines_that_cannot_be_made_ends_the_start) {
  tls::testing::write_text(folder / "file", "x");
  settings.capture.jsonl = true;
  settings.capture.jsonl_dir = folder / "file" / "logs";
  auto started = app::Server::start(settings);
  ASSERT_FALSE(started);
  EXPECT_TRUE(started.error().context().contains(settings.capture.jsonl_dir));
  EXPECT_TRUE(started.error().context().contains("--jsonl=DIR"));
}

TEST_F(Logs, traffic_goes_on_when_json_lines_cannot_be_written) {
  settings.capture.jsonl = true;
  start();
  get("/first");
  fs::remove_all(jsonl());
  while (!server->jsonl()->failing()) EXPECT_TRUE(get("/lost").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(get("/lost").starts_with("HTTP/1.1 200"));
  stop();
  EXPECT_GT(server->jsonl()->counters().lost_flows, 0u) << "counted";
  EXPECT_EQ(server->store()->counters().lost_flows, 0u);
  EXPECT_TRUE(std::ranges::any_of(internal(), [](const std::string& line) {
    return line.contains("ERROR [proxy] the JSON Lines log cannot write: ");
  })) << "loud";
}

TEST_F(Logs, traffic_is_refused_when_they_cannot_be_written_and_must_be) {
  settings.capture.jsonl = true;
  settings.capture.on_failure = config::OnCaptureFailure::block;
  start();
  get("/first");
  fs::remove_all(jsonl());
  get_until("HTTP/1.1 503 ");
  EXPECT_TRUE(get("/").contains("X-Weir-Error: capture_failed\r\n"));
  fs::create_directories(jsonl());
  get_until("HTTP/1.1 200 ");
  stop();
  EXPECT_EQ(server->jsonl()->counters().lost_flows, 0u) << "those that waited were written";
}

TEST_F(Logs, its_own_log_is_in_files_too) {
  start();
  log::set_output(-1);
  log::warn("something {}", "odd");
  log::write(log::Level::error, "logging.syslog", "not sent");
  log::set_output(STDERR_FILENO);
  std::string session = server->store()->session_id();
  std::string place = server->endpoints().front().str();
  stop();
  log::set_output(-1);
  log::warn("afterwards");
  log::set_output(STDERR_FILENO);
  EXPECT_EQ(internal(), (std::vector<std::string>{"INFO [proxy] serves on " + place + ", session " + session,
                                                  "WARN [proxy] something odd",
                                                  "ERROR [logging.syslog] not sent", "INFO [proxy] ended"}));
  EXPECT_EQ(server->internal_log().complaints(), 2u);
}

}  // namespace
}  // namespace weir::testing
