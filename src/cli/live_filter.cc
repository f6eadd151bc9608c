#include "cli/live_filter.h"

#include "cli/ask_hint.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

bool in_use(const config::ProjectFile& project) {
  return project.trust == config::ProjectTrust::narrow || project.trust == config::ProjectTrust::widen;
}

std::string lines(const config::Problems& problems) {
  std::string out;
  for (const config::Problem& problem : problems)
    out.append(out.empty() ? "" : "\n").append(flow::printable(problem.str()));
  return out;
}

}  // namespace

LiveFilter::LiveFilter(config::Sources sources, app::Server& server, const config::Configuration& loaded,
                       Tell tell)
    : sources_(std::move(sources)), server_(server), tell_(std::move(tell)), project_(loaded.project) {
  follow(loaded);
  tell_how_to_answer(loaded.settings.filter);
}

void LiveFilter::reload_if_changed() {
  bool changed = false;
  for (File& file : files_) {
    auto now = config::stamp_of(file.path);
    changed |= now != file.read && now == file.seen;
    file.seen = now;
  }
  if (changed) reload();
}

void LiveFilter::reload() {
  for (File& file : files_) file.read = config::stamp_of(file.path);
  auto loaded = config::load(sources_);
  if (!loaded) return stays(lines(loaded.error()));
  if (!loaded->warnings.empty()) tell_(lines(loaded->warnings), true);
  if (in_use(project_) && !in_use(loaded->project))
    return stays("the project's file was changed or removed; `weir trust` says that it was you");
  if (auto set = server_.set_filter(loaded->settings.filter); !set)
    return stays(flow::printable(set.error().context()));
  project_ = loaded->project;
  follow(*loaded);
  tell_("the filter was read again and is in force", false);
  tell_how_to_answer(loaded->settings.filter);
}

void LiveFilter::follow(const config::Configuration& loaded) {
  files_.clear();
  for (const auto& [path, stamp] : loaded.watched) files_.push_back({path, stamp, stamp});
}

void LiveFilter::stays(const std::string& why) {
  tell_(why, true);
  tell_("the filter stays as it was", true);
}

void LiveFilter::tell_how_to_answer(const config::FilterSettings& filter) {
  const std::filesystem::path* socket = server_.ask_socket();
  std::string hint = socket != nullptr ? ask_hint(filter, socket->native()) : "";
  if (hint != hint_ && !hint.empty()) tell_(hint, false);
  hint_ = std::move(hint);
}

}  // namespace weir::cli
