// Adoption: completes the sessions of processes that died (declared in session_store.h).
#include <algorithm>

#include "base/log.h"
#include "store/catalog.h"
#include "store/retention.h"
#include "store/session_dir.h"
#include "store/session_file.h"
#include "store/session_store.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

// Opening recovers the log, finishing marks open flows and leaves WAL. Adds to the totals of `record`.
Result<bool> mend(const fs::path& path, SessionRecord& record) {
  record.ended = std::max({record.ended, modified(path), modified(path.native() + "-wal")});
  auto file = SessionFile::open(path);
  if (!file) return pass(file);
  auto flows = (*file)->flow_count();
  if (!flows) return pass(flows);
  auto finished = (*file)->finish(std::chrono::milliseconds(0));
  if (!finished) return finished;
  file->reset();
  ++record.files;
  record.flows += *flows;
  record.bytes += static_cast<std::int64_t>(stored_bytes(path));
  return finished;
}

// False when it must be tried again another time.
bool adopt(const fs::path& session, const fs::path& catalog) {
  SessionRecord record{.id = session.filename().string()};
  for (const fs::path& path : session_files(session)) {
    auto mended = mend(path, record);
    if (!mended) {
      log::warn("an unfinished session cannot be completed: {}", mended.error().context());
      return false;
    }
    if (!*mended) return false;  // someone reads it just now
  }
  if (catalog.empty()) return true;
  if (auto ended = end_orphan(catalog, record); !ended)
    log::warn("the catalog was not told of the end of session {}: {}", record.id, ended.error().context());
  return true;
}

}  // namespace

std::size_t adopt_orphans(const fs::path& data_dir, const fs::path& catalog) {
  std::size_t adopted = 0;
  for (const fs::path& session : session_folders(data_dir)) {
    auto lock = SessionLock::take_orphan(session);
    if (!lock || !adopt(session, catalog)) continue;
    lock->remove();
    ++adopted;
  }
  return adopted;
}

}  // namespace weir::store
