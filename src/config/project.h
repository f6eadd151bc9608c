// The project's own file, .weir.toml: whoever wrote it is not the user, so it is used only once the user has
// accepted it as it stands, and even then it may only narrow what the layers above allow.
#pragma once

#include <string>

#include "config/load.h"

namespace weir::config {

/// Canonical; empty when there is none.
std::string project_path(const ProjectChoice& choice);

/// The file, its text and what the user said about it. io when what the user said cannot be read, or a file
/// that he trusted: whatever somebody else has put there stops nobody.
struct ProjectText {
  ProjectFile file;
  std::string text;
};
Result<ProjectText> read_project(const std::string& path, ProjectTrust trust);

/// Why a file is not used, for people; empty when it is.
std::string why_unused(const ProjectFile& file);

/// What a refusal ends with. Does not name the file: its path may be made to harm who pastes it into a shell.
inline constexpr const char* kOnlyNarrow =
    "a project's file may only narrow what is allowed. To accept it as it stands: weir trust --widen";

/// Everything in the project's rules that may let through what the layers above would not.
Problems widenings(const Configuration& loaded, const Origin& default_action);

}  // namespace weir::config
