#include "store/model_query.h"

#include <optional>

#include "base/log.h"
#include "store/model_rows.h"
#include "store/schema.h"
#include "store/session_dir.h"

namespace weir::store {
namespace {

constexpr int kBusyMs = 1000;

Result<std::vector<ModelRecord>> calls_of(const std::filesystem::path& file, WallNanos since,
                                          WallNanos until) {
  auto database = Database::open(file, Database::Access::read, kBusyMs);
  if (!database) return pass(database);
  auto version = schema_version(*database, file);
  if (!version) return pass(version);
  return read_model_calls(*database, *version, since, until);
}

}  // namespace

Result<> for_each_model_call(const Scope& scope, WallNanos since, WallNanos until,
                             const std::function<void(const std::string&, const ModelRecord&)>& each) {
  std::size_t sessions = 0, read = 0;
  std::optional<Error> unreadable;
  for (const auto& project : scope.project_dirs)
    for (const auto& folder : session_folders(project)) {
      std::string id = folder.filename().string();
      if (!id.starts_with(scope.session)) continue;
      ++sessions;
      for (const auto& file : session_files(folder)) {
        auto calls = calls_of(file, since, until);
        if (!calls) {
          log::warn("a recorded session cannot be read: {}", calls.error().context());
          unreadable = calls.error();
          continue;
        }
        ++read;
        for (const ModelRecord& call : *calls) each(id, call);
      }
    }
  if (sessions == 0) return fail(Code::not_found, "nothing has been recorded there");
  if (read == 0 && unreadable) return Failure(*unreadable);
  return {};
}

}  // namespace weir::store
