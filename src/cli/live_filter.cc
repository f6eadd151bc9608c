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
    : sources_(std::move(sources)),
      server_(server),
      tell_(std::move(tell)),
      project_(loaded.project),
      stamps_(stamps_of(loaded.watched)) {
  tell_how_to_answer(loaded.settings.filter);
}

void LiveFilter::reload_if_changed() {
  if (stamps_of(files()) != stamps_) reload();
}

void LiveFilter::reload() {
  auto loaded = config::load(sources_);
  if (!loaded) {
    stamps_ = stamps_of(files());
    return stays(lines(loaded.error()));
  }
  if (!loaded->warnings.empty()) tell_(lines(loaded->warnings), true);
  stamps_ = stamps_of(loaded->watched);
  if (in_use(project_) && !in_use(loaded->project))
    return stays("the project's file was changed or removed; `weir trust` says that it was you");
  if (auto set = server_.set_filter(loaded->settings.filter); !set)
    return stays(flow::printable(set.error().context()));
  project_ = loaded->project;
  tell_("the filter was read again and is in force", false);
  tell_how_to_answer(loaded->settings.filter);
}

void LiveFilter::stays(const std::string& why) {
  tell_(why, true);
  tell_("the filter stays as it was", true);
}

// A file that is not there, or cannot be looked at, has a stamp of its own: all zero.
LiveFilter::Stamps LiveFilter::stamps_of(const std::vector<std::string>& files) {
  Stamps out;
  for (const std::string& file : files) {
    std::error_code error;
    Stamp stamp{std::filesystem::last_write_time(file, error), 0};
    if (!error) stamp.size = std::filesystem::file_size(file, error);
    out.emplace_back(file, error ? Stamp() : stamp);
  }
  return out;
}

std::vector<std::string> LiveFilter::files() const {
  std::vector<std::string> out;
  for (const auto& [file, stamp] : stamps_) out.push_back(file);
  return out;
}

void LiveFilter::tell_how_to_answer(const config::FilterSettings& filter) {
  const std::filesystem::path* socket = server_.ask_socket();
  std::string hint = socket != nullptr ? ask_hint(filter, socket->native()) : "";
  if (hint != hint_ && !hint.empty()) tell_(hint, false);
  hint_ = std::move(hint);
}

}  // namespace weir::cli
