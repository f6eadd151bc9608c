// The project's own file, .weir.toml: whoever wrote it is not the user, so it is used only once the user has
// accepted it as it stands, and even then it may only narrow what the layers above allow.
#pragma once

#include <optional>
#include <string>

#include "config/load.h"

namespace weir::config {

/// The file, its text and what the user said about it. Nothing when there is no such file; io when it, or
/// what the user said, cannot be read.
struct ProjectText {
  ProjectFile file;
  std::string text;
};
Result<std::optional<ProjectText>> find_project(const ProjectChoice& choice);

/// Why a file is not used, for people; empty when it is.
std::string why_unused(const ProjectFile& file);

/// What a refusal ends with. Does not name the file: its path may be made to harm who pastes it into a shell.
inline constexpr const char* kOnlyNarrow =
    "a project's file may only narrow what is allowed. To accept it as it stands: weir trust --widen";

/// Everything in the project's rules that may let through what the layers above would not.
Problems widenings(const Configuration& loaded, const Origin& default_action);

}  // namespace weir::config
