// A thin C++ face on SQLite: owned handles, errors as values. One thread at a time for a Database and its
// Statements.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::store {

/// A prepared statement. Must not outlive its Database.
class Statement {
 public:
  /// Binds to the parameter `index`, counted from 1. Text and blobs are not copied: they must live until
  /// `reset`.
  void bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_.get(), index, value); }
  void bind_null(int index) { sqlite3_bind_null(statement_.get(), index); }
  void bind_text(int index, std::string_view text);
  void bind_blob(int index, std::string_view bytes);

  /// True on a row, false at the end (then the statement is reset).
  Result<bool> step();
  /// For statements without rows: steps once and resets.
  Result<> run();
  /// Ends the execution: releases its read lock, keeps the bindings.
  void reset() { sqlite3_reset(statement_.get()); }

  /// Columns of the current row, counted from 0; views are valid until the next step or reset. NULL reads as
  /// 0 and "".
  bool is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  std::string_view bytes(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Access : std::uint8_t {
    read,   ///< never writes, never checkpoints; the file must exist
    write,  ///< the file must exist (`create_private_file`)
  };
  /// `busy_ms`: how long to wait for a lock held by another connection.
  static Result<Database> open(const std::filesystem::path& path, Access access, int busy_ms);

  Result<Statement> prepare(std::string_view sql);
  Result<> execute(const char* sql);
  /// The first column of the first row.
  Result<std::int64_t> integer(std::string_view sql);
  bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

/// "path: SQLite's words", with what to do where that is known. `result` is SQLite's code.
Failure fail_sqlite(sqlite3* handle, int result);

/// Makes an empty file, mode 0600, where there is none: SQLite would make it readable by all that umask lets.
Result<> create_private_file(const std::filesystem::path& path);
/// Makes the folder and its parents, mode 0700 each, where they are missing.
Result<> create_private_folder(const std::filesystem::path& path);

}  // namespace weir::store
