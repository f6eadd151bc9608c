#include "cli/place.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "cli/verbs.h"
#include "config/paths.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

Result<std::vector<fs::path>> every_project() {
  auto root = config::data_root();
  if (!root) return pass(root);
  fs::path folder = fs::path(*root) / "projects";
  std::vector<fs::path> projects;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (std::error_code ignored; entry->is_directory(ignored)) projects.push_back(entry->path());
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(Code::io, "reading " + folder.string() + ": " + error.message());
  if (projects.empty())
    return fail(Code::not_found, "nothing has been recorded yet: " + folder.string() + " holds no project");
  std::ranges::sort(projects);
  return projects;
}

Result<fs::path> own_project() {
  std::error_code error;
  fs::path here = fs::current_path(error);
  if (error) return fail(Code::io, "finding the working directory: " + error.message());
  auto folder = config::find_project_data_dir(here.native());
  if (!folder) return pass(folder);
  return fs::path(*folder);
}

}  // namespace

void add_place_flags(CLI::App& app, Place& place) {
  auto* all = app.add_flag("--all", place.all, "Look at every project, not only the working directory's");
  app.add_option("--data", place.data, "Look at this data folder")->type_name("DIR")->excludes(all);
  app.add_option("--session", place.session, "Look at this session only (an id or the beginning of one)")
      ->type_name("ID");
}

Result<store::Scope> scope_of(const Place& place) {
  store::Scope scope;
  scope.session = place.session;
  if (place.all) {
    auto projects = every_project();
    if (!projects) return pass(projects);
    scope.project_dirs = std::move(*projects);
  } else if (!place.data.empty()) {
    scope.project_dirs.emplace_back(place.data);
  } else {
    auto project = own_project();
    if (!project) return pass(project);
    scope.project_dirs.push_back(std::move(*project));
  }
  return scope;
}

int report_missing(const Error& error) {
  if (error.code() != Code::not_found) return report(error);
  fmt::print(stderr, "weir: {}\n", flow::printable(error.context()));
  return kExitError;
}

int report_no_recordings(const Place& place, const Error& error) {
  int status = report_missing(error);
  if (error.code() == Code::not_found && place.session.empty())
    fmt::print(stderr, "  for example: weir run -- curl https://example.com\n");
  return status;
}

}  // namespace weir::cli
