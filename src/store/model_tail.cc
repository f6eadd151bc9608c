#include "store/model_tail.h"

#include <iterator>
#include <utility>

#include "base/log.h"
#include "store/model_rows.h"
#include "store/recording_file.h"
#include "store/session_dir.h"

namespace weir::store {

void ModelTail::look_for_sessions() {
  for (const auto& project : scope_.project_dirs)
    for (auto& folder : session_folders(project)) {
      if (over_.contains(folder) || live_.contains(folder)) continue;
      bool wanted = folder.filename().string().starts_with(scope_.session) &&
                    session_state(folder) == SessionState::live;
      (wanted ? live_ : over_).insert(std::move(folder));
    }
}

Result<> ModelTail::read(const std::filesystem::path& path, SessionTraces& traces) {
  auto file = RecordingFile::open(path);
  if (!file) return pass(file);
  if (file->version == 0) return {};
  std::int64_t& last = read_[path];
  auto calls = read_model_calls_after(file->database, file->version, last);
  if (!calls) return pass(calls);
  if (calls->empty()) return {};
  if (auto tools = read_tools(file->database, file->version, *calls); !tools) return tools;
  if (auto prompts = read_prompts(file->database, file->version, *calls); !prompts) return prompts;
  last = calls->back().row;
  traces.calls.insert(traces.calls.end(), std::move_iterator(calls->begin()),
                      std::move_iterator(calls->end()));
  return {};
}

std::vector<SessionTraces> ModelTail::poll() {
  look_for_sessions();
  std::vector<SessionTraces> out;
  for (auto folder = live_.begin(); folder != live_.end();) {
    // First the state, then the rows: what ends after the last look of a live session is not missed.
    bool ended = session_state(*folder) != SessionState::live;
    SessionTraces traces{folder->filename().string(), {}, {}};
    for (const auto& path : session_files(*folder))
      if (auto done = read(path, traces); !done)
        log::warn("a recorded session cannot be read: {}", done.error().context());
    if (!traces.calls.empty()) out.push_back(std::move(traces));
    if (ended) over_.insert(*folder);
    folder = ended ? live_.erase(folder) : std::next(folder);
  }
  return out;
}

}  // namespace weir::store
