#include "store/sqlite.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/fd.h"

namespace weir::store {

Failure fail_sqlite(sqlite3* handle, int result) {
  const char* path = sqlite3_db_filename(handle, "main");
  std::string text(path ? path : "database");
  text.append(": ").append(sqlite3_errmsg(handle));
  int primary = result & 0xFF;
  if (int error = sqlite3_system_errno(handle);
      error != 0 && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN))
    text.append(" (").append(std::strerror(error)).append(")");
  if (primary == SQLITE_FULL) text.append("; free space on that disk, or choose another with --data DIR");
  if (primary == SQLITE_BUSY) text.append("; another process holds it");
  return fail(Code::io, std::move(text));
}

void Statement::bind_text(int index, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), index, text.data() ? text.data() : "", text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
}

void Statement::bind_blob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), index, bytes.data(), bytes.size(), SQLITE_STATIC);
}

Result<bool> Statement::step() {
  int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) {
    reset();
    return false;
  }
  Failure failure = fail_sqlite(sqlite3_db_handle(statement_.get()), result);
  reset();
  return failure;
}

Result<> Statement::run() {
  auto row = step();
  if (!row) return pass(row);
  reset();
  return {};
}

std::string_view Statement::bytes(int column) const {
  auto data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<Database> Database::open(const std::filesystem::path& path, Access access, int busy_ms) {
  // Counting every allocation would take a lock that all connections share.
  [[maybe_unused]] static const int quick_allocations = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
              (access == Access::write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  sqlite3* handle = nullptr;
  int result = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database;
  database.handle_.reset(handle);
  if (handle == nullptr) return fail(Code::io, path.string() + ": out of memory");
  if (result != SQLITE_OK) return fail_sqlite(handle, result);
  sqlite3_busy_timeout(handle, busy_ms);
  // A reader that closes last must leave the log to the writer (docs/decisions/0002).
  if (access == Access::read) sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  int result = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                  SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return fail_sqlite(handle_.get(), result);
  Statement prepared;
  prepared.statement_.reset(statement);
  return prepared;
}

Result<> Database::execute(const char* sql) {
  int result = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return fail_sqlite(handle_.get(), result);
  return {};
}

Result<std::int64_t> Database::integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return pass(statement);
  auto row = statement->step();
  if (!row) return pass(row);
  return *row ? statement->integer(0) : 0;
}

Result<> create_private_file(const std::filesystem::path& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail_errno(Code::io, "cannot create " + path.string(), errno);
  return {};
}

Result<> create_private_folder(const std::filesystem::path& path) {
  if (path.has_relative_path() && path.has_parent_path() && path.parent_path() != path) {
    struct stat parent;
    if (::stat(path.parent_path().c_str(), &parent) != 0) {
      if (auto made = create_private_folder(path.parent_path()); !made) return made;
    }
  }
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  struct stat found;
  if (errno == EEXIST && ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return {};
  int error = errno == EEXIST ? ENOTDIR : errno;
  return fail_errno(Code::io, "cannot create the folder " + path.string(), error);
}

}  // namespace weir::store
