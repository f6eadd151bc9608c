// Where Weir keeps its files: the XDG folders of the user, and one data folder for each project.
// Every function reads the environment when called and creates nothing, but for make_private_dirs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::config {

/// $HOME, else the home in the password database; bad_config when there is neither.
Result<std::string> home_dir();
/// $XDG_STATE_HOME/weir, or ~/.local/state/weir. Here and below an XDG variable that is empty or not absolute
/// counts as unset (XDG Base Directory Specification).
Result<std::string> data_root();
/// $XDG_CONFIG_HOME/weir/config.toml, or ~/.config/weir/config.toml.
Result<std::string> config_file();
/// $XDG_DATA_HOME/weir/ca, or ~/.local/share/weir/ca.
Result<std::string> default_ca_dir();

struct CorpFile {
  std::string path;
  bool required;  ///< its absence is a problem
};
/// The administrator's configuration, weightiest last: /etc/weir/corp.toml, and before it the file that
/// $WEIR_CORP_CONFIG names, which adds to the former and never replaces it: that variable is the user's.
std::vector<CorpFile> corp_files();

/// The .weir.toml of the nearest ancestor of `cwd` (itself first) that has one, no further up than the home;
/// empty when there is none. `cwd` must be absolute. Regular files only: anybody may have put it there.
std::string find_project_file(std::string_view cwd);

/// "<name of the folder>-<8 hex of the SHA-256 of its path>": stable, readable, distinct for folders of one
/// name. `project_dir` must be absolute; it is normalised ("/a/./b/" is "/a/b"), links are not followed.
std::string project_folder_name(std::string_view project_dir);
/// data_root()/projects/project_folder_name(project_dir).
Result<std::string> project_data_dir(std::string_view project_dir);
/// The data folder of the nearest ancestor of `cwd` (itself first) that has one; when none has, cwd's own,
/// which does not exist yet. `cwd` must be absolute.
Result<std::string> find_project_data_dir(std::string_view cwd);

/// Creates `path` and its missing parents, each 0700. A folder that exists is left as it is, but must be a
/// folder that we may write to. The error names the part that failed.
Result<> make_private_dirs(const std::string& path);

}  // namespace weir::config
