#include "store/session_file.h"

#include <sys/stat.h>

#include <string>
#include <thread>

namespace weir::store {
namespace {

constexpr int kBusyMs = 1000;
constexpr std::chrono::milliseconds kFinishPause{10};
constexpr int kCheckpointBytes = 16 << 20;
constexpr std::string_view kDropped = "capture_dropped";

std::uint64_t inode(const std::filesystem::path& path) {
  struct stat found;
  return ::stat(path.c_str(), &found) == 0 ? found.st_ino : 0;
}

int keep_log_size(void* pages, sqlite3*, const char*, int log_pages) {
  *static_cast<int*>(pages) = log_pages;
  return SQLITE_OK;
}

}  // namespace

Result<std::unique_ptr<SessionFile>> SessionFile::open(const std::filesystem::path& path) {
  if (auto made = create_private_file(path); !made) return pass(made);
  auto database = Database::open(path, Database::Access::write, kBusyMs);
  if (!database) return pass(database);
  auto version = schema_version(*database, path);
  if (!version) return pass(version);
  std::unique_ptr<SessionFile> file(new SessionFile(path, std::move(*database)));
  if (auto set = file->database_.execute(
          "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-8192;");
      !set)
    return pass(set);
  if (auto made = create_tables(file->database_, *version); !made) return pass(made);
  if (auto ready = file->prepare(); !ready) return pass(ready);
  return file;
}

Result<> SessionFile::prepare() {
  struct {
    Statement& statement;
    std::string sql;
  } statements[] = {{begin_, "BEGIN IMMEDIATE"},
                    {commit_, "COMMIT"},
                    {insert_flow_, insert_flow_sql()},
                    {insert_message_, insert_message_sql()},
                    {insert_connection_, insert_connection_sql()},
                    {page_count_, "PRAGMA page_count"}};
  for (auto& [statement, sql] : statements) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return pass(prepared);
    statement = std::move(*prepared);
  }
  auto bodies = BodyTable::open(database_);
  if (!bodies) return pass(bodies);
  bodies_ = std::move(*bodies);
  auto processes = ProcessRows::open(database_);
  if (!processes) return pass(processes);
  processes_ = std::move(*processes);
  auto models = ModelRows::open(database_);
  if (!models) return pass(models);
  models_ = std::move(*models);
  auto mcp = McpRows::open(database_);
  if (!mcp) return pass(mcp);
  mcp_ = std::move(*mcp);
  auto page_size = database_.integer("PRAGMA page_size");
  if (!page_size) return pass(page_size);
  page_size_ = *page_size;
  auto last =
      database_.integer("SELECT coalesce(max(closed_seq), 0) FROM flows WHERE closed_seq IS NOT NULL");
  if (!last) return pass(last);
  closed_seq_ = committed_seq_ = *last;
  checkpoint_at_ = static_cast<int>(kCheckpointBytes / page_size_);
  // Takes the place of SQLite's own automatic checkpoints.
  sqlite3_wal_hook(database_.handle(), keep_log_size, &log_pages_);
  inode_ = inode(path_);
  return {};
}

Result<> SessionFile::begin() { return begin_.run(); }

Result<> SessionFile::put(const flow::Flow& flow, bool closed, bool bodies_shed) {
  FlowRow row;
  if (closed) {
    auto request = bodies_.put(flow.request_body, flow.request.fields);
    if (!request) return pass(request);
    auto response = bodies_.put(flow.response_body, flow.response.fields);
    if (!response) return pass(response);
    row = {.closed_seq = ++closed_seq_, .request_body = *request, .response_body = *response};
  }
  auto sender = processes_.put(flow.sender);
  if (!sender) return pass(sender);
  row.sender = *sender;
  binder_.bind(insert_flow_, flow, row, bodies_shed ? kDropped : std::string_view());
  return insert_flow_.run();
}

Result<> SessionFile::put(const flow::Message& message) {
  bind_message(insert_message_, message);
  return insert_message_.run();
}

Result<> SessionFile::put(const flow::Connection& connection) {
  std::string error_detail = flow::redacted_line(connection.error_detail);
  bind_connection(insert_connection_, connection, error_detail);
  return insert_connection_.run();
}

Result<> SessionFile::put(const ModelRecord& record) { return models_.put(record); }
Result<> SessionFile::put(const McpRecord& record) { return mcp_.put(record); }

Result<> SessionFile::commit() {
  if (auto done = commit_.run(); !done) return done;
  committed_seq_ = closed_seq_;
  return {};
}

void SessionFile::rollback() {
  // SQLite has rolled back by itself after some errors; a ROLLBACK that fails leaves nothing to undo either.
  if (database_.in_transaction()) (void)database_.execute("ROLLBACK");
  closed_seq_ = committed_seq_;
  bodies_.forget();
  processes_.forget();
}

Result<> SessionFile::checkpoint_if_due() {
  int step = static_cast<int>(kCheckpointBytes / page_size_);
  if (log_pages_ < step) checkpoint_at_ = step;  // the log began anew
  if (log_pages_ < checkpoint_at_) return {};
  checkpoint_at_ = log_pages_ + step;
  int result =
      sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (result != SQLITE_OK && result != SQLITE_BUSY) return fail_sqlite(database_.handle(), result);
  return {};
}

Result<bool> SessionFile::finish(std::chrono::milliseconds patience) {
  std::string sql = "UPDATE flows SET closed_seq = " + std::to_string(closed_seq_) +
                    " + number, error = 'incomplete' WHERE closed_seq IS NULL";
  if (auto marked = database_.execute(sql.c_str()); !marked) return pass(marked);
  TimePoint give_up = steady_now() + patience;
  while (true) {
    // Leaving WAL copies the log into the file first. SQLite asks no busy handler here, hence the loop.
    int result = sqlite3_exec(database_.handle(), "PRAGMA journal_mode=DELETE", nullptr, nullptr, nullptr);
    if (result == SQLITE_OK) return true;
    if ((result & 0xFF) != SQLITE_BUSY) return fail_sqlite(database_.handle(), result);
    if (steady_now() >= give_up) return false;
    std::this_thread::sleep_for(kFinishPause);  // hazard-ok: no event tells that another process let go
  }
}

Result<std::int64_t> SessionFile::size() {
  auto row = page_count_.step();
  if (!row) return pass(row);
  std::int64_t bytes = page_count_.integer(0) * page_size_;
  page_count_.reset();
  return bytes;
}

Result<std::int64_t> SessionFile::flow_count() { return database_.integer("SELECT count(*) FROM flows"); }

bool SessionFile::in_place() const { return inode(path_) == inode_; }

}  // namespace weir::store
