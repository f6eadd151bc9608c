#include "store/past_requests.h"

#include <algorithm>

#include "base/log.h"
#include "store/schema.h"
#include "store/session_dir.h"
#include "store/sqlite.h"

namespace weir::store {
namespace {

constexpr int kBusyMs = 1000;

// A tunnel that was to be opened is no request; what was in it are rows of their own. The columns are the
// first of a row, so that its large ones are not read.
constexpr const char* kSelect =
    "SELECT kind = 'tunnel', method, scheme, host, port, target, started FROM flows"
    " WHERE closed_seq IS NOT NULL AND host <> '' AND (kind <> 'tunnel' OR interception <> 'intercepted')"
    " ORDER BY number DESC LIMIT ?";

struct Visit {
  std::size_t left;
  const std::function<bool(const PastRequest&)>& each;
  bool stopped = false;
};

Result<> visit_file(const std::filesystem::path& path, Visit& visit) {
  auto database = Database::open(path, Database::Access::read, kBusyMs);
  if (!database) return pass(database);
  auto version = schema_version(*database, path);
  if (!version) return pass(version);
  if (*version == 0) return {};
  auto select = database->prepare(kSelect);
  if (!select) return pass(select);
  select->bind(1, static_cast<std::int64_t>(visit.left));
  for (;;) {
    auto row = select->step();
    if (!row) return pass(row);
    if (!*row) return {};
    --visit.left;
    PastRequest request;
    request.opaque = select->integer(0) != 0;
    request.method = select->bytes(1);
    request.origin.scheme = select->bytes(2) == "https" ? http::Scheme::https : http::Scheme::http;
    request.origin.place = {std::string(select->bytes(3)), static_cast<std::uint16_t>(select->integer(4))};
    request.target = select->bytes(5);
    request.started = select->integer(6);
    visit.stopped = !visit.each(request);
    if (visit.stopped) return {};
  }
}

}  // namespace

bool visit_newest(const std::filesystem::path& project_dir, std::size_t most,
                  const std::function<bool(const PastRequest&)>& each) {
  Visit visit{most, each};
  auto sessions = session_folders(project_dir);
  std::ranges::reverse(sessions);
  for (const auto& session : sessions) {
    auto files = session_files(session);
    std::ranges::reverse(files);
    for (const auto& file : files) {
      if (visit.left == 0 || visit.stopped) return false;
      if (auto done = visit_file(file, visit); !done)
        log::warn("past requests are not counted in full: {}", done.error().context());
    }
  }
  return visit.left > 0 && !visit.stopped;
}

}  // namespace weir::store
