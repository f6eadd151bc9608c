// What the tests of this room share: a folder of their own, flows to record, and eyes on the files.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "store/query.h"
#include "store/session_dir.h"
#include "store/session_store.h"
#include "store/sqlite.h"

namespace weir::store {

/// A folder that lives as long as the object.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-store-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TempFolder(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline constexpr WallNanos kSecond = 1'000'000'000;
inline constexpr WallNanos kNoon = 1'760'000'000 * kSecond;

/// A closed GET of https://a.example/<id> that started `id` seconds after kNoon.
inline flow::Flow sample_flow(flow::FlowId id) {
  flow::Flow flow;
  flow.id = id;
  flow.interception = flow::Interception::intercepted;
  flow.started = kNoon + static_cast<WallNanos>(id) * kSecond;
  flow.duration_us = 1500;
  flow.request.method = "GET";
  flow.request.origin = {http::Scheme::https, {"a.example", 443}};
  flow.request.target = "/" + std::to_string(id);
  flow.request.fields.add("Host", "a.example");
  flow.request_body.complete = true;
  flow.has_response = true;
  flow.response.status = 200;
  flow.response.reason = "OK";
  flow.response.fields.add("Content-Type", "text/plain");
  flow.response_body = {.bytes = "hello", .size = 5, .complete = true};
  return flow;
}

inline std::unique_ptr<const flow::Flow> boxed(flow::Flow flow) {
  return std::make_unique<flow::Flow>(std::move(flow));
}

/// A text of a WebSocket, sent `number` milliseconds after the flow began.
inline std::unique_ptr<flow::Message> boxed_message(flow::FlowId flow, std::uint32_t number,
                                                    std::string bytes = "hello") {
  auto message = std::make_unique<flow::Message>();
  message->flow = flow;
  message->number = number;
  message->time = kNoon + static_cast<WallNanos>(flow) * kSecond + number * 1'000'000LL;
  message->from_client = number % 2 == 1;
  message->content.size = bytes.size();
  message->content.bytes = std::move(bytes);
  return message;
}

/// As it stands when it is told early.
inline std::unique_ptr<const flow::Flow> boxed_open(flow::FlowId id) {
  flow::Flow flow = sample_flow(id);
  flow.duration_us = -1;
  flow.has_response = false;
  flow.response = {};
  flow.response_body = {};
  return boxed(std::move(flow));
}

class StoreTest : public testing::Test {
 protected:
  SessionStore::Options options() const {
    return {.data_dir = data_dir(),
            .catalog = catalog(),
            .version = "test",
            .retention_days = 0,
            .retention_bytes = 0};
  }
  std::filesystem::path data_dir() const { return folder_.path() / "project"; }
  std::filesystem::path catalog() const { return folder_.path() / "catalog.db"; }

  static std::unique_ptr<SessionStore> record(const SessionStore::Options& options) {
    auto store = SessionStore::open(options);
    EXPECT_TRUE(store) << store.error().message();
    return std::move(*store);
  }
  std::unique_ptr<SessionStore> record() const { return record(options()); }

  std::unique_ptr<Query> query(Filter filter = {}, std::string session = {}) const {
    auto query = Query::open({{data_dir()}, std::move(session)}, std::move(filter));
    EXPECT_TRUE(query) << query.error().message();
    return std::move(*query);
  }
  static std::vector<Row> all(Query& query) {
    std::vector<Row> rows;
    while (true) {
      auto row = query.next();
      EXPECT_TRUE(row) << row.error().message();
      if (!row || !*row) return rows;
      rows.push_back(std::move(**row));
    }
  }
  std::vector<Row> all(Filter filter = {}) const { return all(*query(std::move(filter))); }
  static std::vector<flow::FlowId> ids(const std::vector<Row>& rows) {
    std::vector<flow::FlowId> ids;
    for (const Row& row : rows) ids.push_back(row.flow.id);
    return ids;
  }
  std::vector<flow::FlowId> ids(Filter filter = {}) const { return ids(all(std::move(filter))); }

  /// One number out of a database, as any reader of the files would ask for it.
  static std::int64_t ask(const std::filesystem::path& file, std::string_view sql) {
    auto database = Database::open(file, Database::Access::read, 5000);
    EXPECT_TRUE(database) << database.error().message();
    auto value = database->integer(sql);
    EXPECT_TRUE(value) << value.error().message();
    return value.value_or(-1);
  }
  static std::string ask_text(const std::filesystem::path& file, std::string_view sql) {
    auto database = Database::open(file, Database::Access::read, 5000);
    EXPECT_TRUE(database) << database.error().message();
    auto statement = database->prepare(sql);
    EXPECT_TRUE(statement) << statement.error().message();
    auto row = statement->step();
    EXPECT_TRUE(row && *row);
    return std::string(statement->bytes(0));
  }
  static std::string slurp(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  std::vector<std::filesystem::path> all_files() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path()))
      files.push_back(entry.path());
    return files;
  }

  TempFolder folder_;
};

}  // namespace weir::store
