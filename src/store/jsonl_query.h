// A Query over a JSON Lines log, Weir's own or another program's, in place of the store.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "store/jsonl_lines.h"
#include "store/query.h"

namespace weir::store {

struct JsonlSource {
  std::filesystem::path path;     ///< a file, or a folder of them (store/jsonl_reader.h)
  std::string session;            ///< only entries of sessions whose id begins so
  bool bodies = false;            ///< load_body() will be asked; else bodies cost no memory
  JsonlDamage* damage = nullptr;  ///< if any: tells what the latest pass could not read; outlives the query
};

/// Fails with not_found when there is nothing of the kind, io when it cannot be read. Rows come in the order
/// of a store's: by their start, though a log is in the order of their ends. last() is exact. next() sorts
/// within the next few thousand rows, so that a flow that lasted longer than that many others comes late.
/// Memory: those rows, or the `count` of last(); with `bodies` next() keeps to 32 MiB of rows, last() has all
/// that it returns. No connections and no messages: a log has none.
Result<std::unique_ptr<Query>> open_jsonl(const JsonlSource& source, Filter filter);

}  // namespace weir::store
