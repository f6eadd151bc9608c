#include "store/model_query.h"

#include <iterator>
#include <optional>
#include <utility>

#include "base/log.h"
#include "store/mcp_rows.h"
#include "store/model_rows.h"
#include "store/prompt_rows.h"
#include "store/recording_file.h"
#include "store/schema.h"
#include "store/session_dir.h"

namespace weir::store {
namespace {

/// Goes through the sessions and their files. `read` reads one file; `over` is told when a session is.
Result<> for_each_file(const Scope& scope,
                       const std::function<Result<>(const std::string& session, RecordingFile& file)>& read,
                       const std::function<void()>& over) {
  std::size_t sessions = 0, files = 0;
  std::optional<Error> unreadable;
  for (const auto& project : scope.project_dirs)
    for (const auto& folder : session_folders(project)) {
      std::string id = folder.filename().string();
      if (!id.starts_with(scope.session)) continue;
      ++sessions;
      for (const auto& path : session_files(folder)) {
        auto file = RecordingFile::open(path);
        Result<> done = file ? read(id, *file) : Result<>(pass(file));
        if (done) {
          ++files;
          continue;
        }
        log::warn("a recorded session cannot be read: {}", done.error().context());
        unreadable = done.error();
      }
      over();
    }
  if (sessions == 0) return fail(Code::not_found, "nothing has been recorded there");
  if (files == 0 && unreadable) return Failure(*unreadable);
  return {};
}

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Result<> for_each_model_call(const Scope& scope, WallNanos since, WallNanos until,
                             const std::function<void(const std::string&, const ModelRecord&)>& each) {
  auto read = [&](const std::string& session, RecordingFile& file) -> Result<> {
    auto calls = read_model_calls(file.database, file.version, since, until);
    if (!calls) return pass(calls);
    for (const ModelRecord& call : *calls) each(session, call);
    return {};
  };
  return for_each_file(scope, read, [] {});
}

Result<> for_each_trace(const Scope& scope, WallNanos since, WallNanos until,
                        const std::function<void(SessionTraces)>& each) {
  SessionTraces traces;
  auto read = [&](const std::string& session, RecordingFile& file) -> Result<> {
    traces.session = session;
    auto calls = read_model_calls(file.database, file.version, since, until);
    if (!calls) return pass(calls);
    if (auto tools = read_tools(file.database, file.version, *calls); !tools) return tools;
    if (auto prompts = read_prompts(file.database, file.version, *calls); !prompts) return prompts;
    auto mcp = read_mcp_calls(file.database, file.version, since, until);
    if (!mcp) return pass(mcp);
    append(traces.calls, std::move(*calls));
    append(traces.mcp, std::move(*mcp));
    return {};
  };
  return for_each_file(scope, read, [&] {
    SessionTraces done = std::exchange(traces, {});
    if (!done.calls.empty() || !done.mcp.empty()) each(std::move(done));
  });
}

}  // namespace weir::store
