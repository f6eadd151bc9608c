// RecordingFile: one database file of a session, opened to read what a Query does not.
#pragma once

#include <filesystem>

#include "store/schema.h"
#include "store/sqlite.h"

namespace weir::store {

struct RecordingFile {
  Database database;
  std::int64_t version = 0;  ///< of its schema

  /// Waits up to a second for whoever writes it.
  static Result<RecordingFile> open(const std::filesystem::path& path) {
    constexpr int kBusyMs = 1000;
    auto database = Database::open(path, Database::Access::read, kBusyMs);
    if (!database) return pass(database);
    auto version = schema_version(*database, path);
    if (!version) return pass(version);
    return RecordingFile{std::move(*database), *version};
  }
};

}  // namespace weir::store
