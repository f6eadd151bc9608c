#include "store/catalog.h"

#include <fmt/format.h>

#include "store/catalog_file.h"

namespace weir::store {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE IF NOT EXISTS sessions(
  id TEXT PRIMARY KEY, project_dir TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, pid INTEGER NOT NULL,
  version TEXT NOT NULL, files INTEGER NOT NULL, flows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  clean INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS hourly(
  hour INTEGER NOT NULL, session TEXT NOT NULL, requests INTEGER NOT NULL, errors INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, PRIMARY KEY(hour, session)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger(
  budget TEXT NOT NULL, key TEXT NOT NULL, window INTEGER NOT NULL, session TEXT NOT NULL, spent INTEGER NOT NULL,
  held INTEGER NOT NULL, updated INTEGER NOT NULL, PRIMARY KEY(budget, key, window, session)) WITHOUT ROWID;
)sql";

Failure fail_newer(const std::filesystem::path& path, std::int64_t version) {
  return fail(Code::io, fmt::format("{} was written by a newer Weir (schema {}, this one knows {})",
                                    path.string(), version, kCatalogVersion));
}

Result<> put_session(Database& database, const SessionRecord& session) {
  auto put = database.prepare("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!put) return pass(put);
  put->bind_text(1, session.id);
  put->bind_text(2, session.project_dir);
  put->bind(3, session.started);
  session.ended == 0 ? put->bind_null(4) : put->bind(4, session.ended);
  put->bind(5, session.pid);
  put->bind_text(6, session.version);
  put->bind(7, session.files);
  put->bind(8, session.flows);
  put->bind(9, session.bytes);
  put->bind(10, std::int64_t{session.clean});
  return put->run();
}

Result<> add_totals(Database& database, const std::string& session, std::span<const HourTotals> totals) {
  auto add = database.prepare(
      "INSERT INTO hourly VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(hour, session) DO UPDATE SET "
      "requests = requests + excluded.requests, errors = errors + excluded.errors, "
      "bytes_in = bytes_in + excluded.bytes_in, bytes_out = bytes_out + excluded.bytes_out");
  if (!add) return pass(add);
  for (const HourTotals& hour : totals) {
    add->bind(1, hour.hour);
    add->bind_text(2, session);
    add->bind(3, hour.requests);
    add->bind(4, hour.errors);
    add->bind(5, hour.bytes_in);
    add->bind(6, hour.bytes_out);
    if (auto done = add->run(); !done) return done;
  }
  return {};
}

}  // namespace

Result<Database> begin_catalog(const std::filesystem::path& path, int busy_ms) {
  if (auto made = create_private_folder(path.parent_path()); !made) return pass(made);
  if (auto made = create_private_file(path); !made) return pass(made);
  auto database = Database::open(path, Database::Access::write, busy_ms);
  if (!database) return database;
  if (auto begun = database->execute("BEGIN IMMEDIATE"); !begun) return pass(begun);
  auto version = database->integer("PRAGMA user_version");
  if (!version) return pass(version);
  if (*version > kCatalogVersion) return fail_newer(path, *version);
  if (*version < kCatalogVersion) {
    std::string sql = fmt::format("{}PRAGMA user_version={};", kTables, kCatalogVersion);
    if (auto made = database->execute(sql.c_str()); !made) return pass(made);
  }
  return database;
}

Result<std::optional<Database>> read_catalog(const std::filesystem::path& path, std::int64_t since) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  auto database = Database::open(path, Database::Access::read, kCatalogBusyMs);
  if (!database) return pass(database);
  auto version = database->integer("PRAGMA user_version");
  if (!version) return pass(version);
  if (*version > kCatalogVersion) return fail_newer(path, *version);
  if (*version < since) return std::nullopt;
  return std::move(*database);
}

Result<> save_session(const std::filesystem::path& catalog, const SessionRecord& session,
                      std::span<const HourTotals> totals) {
  auto database = begin_catalog(catalog);
  if (!database) return pass(database);
  if (auto put = put_session(*database, session); !put) return put;
  if (auto added = add_totals(*database, session.id, totals); !added) return added;
  return database->execute("COMMIT");
}

Result<> end_orphan(const std::filesystem::path& catalog, const SessionRecord& session) {
  auto database = begin_catalog(catalog);
  if (!database) return pass(database);
  auto end = database->prepare(
      "UPDATE sessions SET ended = ?, files = ?, flows = ?, bytes = ? WHERE id = ? AND ended IS NULL");
  if (!end) return pass(end);
  end->bind(1, session.ended);
  end->bind(2, session.files);
  end->bind(3, session.flows);
  end->bind(4, session.bytes);
  end->bind_text(5, session.id);
  if (auto done = end->run(); !done) return done;
  return database->execute("COMMIT");
}

Result<> note_files(const std::filesystem::path& catalog, const std::string& session, std::int64_t files,
                    std::int64_t bytes) {
  auto database = begin_catalog(catalog);
  if (!database) return pass(database);
  auto note = database->prepare("UPDATE sessions SET files = ?, bytes = ? WHERE id = ?");
  if (!note) return pass(note);
  note->bind(1, files);
  note->bind(2, bytes);
  note->bind_text(3, session);
  if (auto done = note->run(); !done) return done;
  return database->execute("COMMIT");
}

Result<std::vector<SessionRecord>> read_sessions(const std::filesystem::path& catalog) {
  std::vector<SessionRecord> sessions;
  auto database = read_catalog(catalog, 1);
  if (!database) return pass(database);
  if (!*database) return sessions;
  auto select = (*database)->prepare(
      "SELECT id, project_dir, started, ended, pid, version, files, flows, bytes, clean FROM sessions");
  if (!select) return pass(select);
  while (true) {
    auto row = select->step();
    if (!row) return pass(row);
    if (!*row) return sessions;
    sessions.push_back({.id = std::string(select->bytes(0)),
                        .project_dir = std::string(select->bytes(1)),
                        .started = select->integer(2),
                        .ended = select->integer(3),
                        .pid = select->integer(4),
                        .version = std::string(select->bytes(5)),
                        .files = select->integer(6),
                        .flows = select->integer(7),
                        .bytes = select->integer(8),
                        .clean = select->integer(9) != 0});
  }
}

}  // namespace weir::store
