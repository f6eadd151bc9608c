// Loading the settings: layers are merged field by field, and every value remembers where it came from.
// Layers, lowest first: built-in defaults < the project's file < the user's < the command line < the
// administrator's. Rules of the filter are not merged: each layer keeps its own.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "policy/rule.h"

namespace weir::config {

using policy::Layer;

/// Where the value of one key came from.
struct Origin {
  Layer layer = Layer::defaults;
  std::string source;      ///< file path, or the flag ("--listen"); empty for defaults
  std::uint32_t line = 0;  ///< in a file; else 0

  /// "default", "/home/a/.config/weir/config.toml:12" or "--listen".
  std::string str() const;
};

/// A flag of the command line that sets a key: {"tls.passthrough", {"a.com", "*.b.com"}, "--passthrough"}.
/// Values are written as in the file but without quotes; a scalar key takes exactly one.
struct Override {
  std::string key;
  std::vector<std::string> values;
  std::string flag;
};

/// One thing that is wrong, with its place.
struct Problem {
  std::string source;  ///< file path or flag
  std::uint32_t line = 0, column = 0;
  std::string text;  ///< names the key, what was found and what is accepted

  /// "file:line:column: text", the compilers' form.
  std::string str() const;
};
using Problems = std::vector<Problem>;
/// One bad_config Error of all problems, a line each.
Error to_error(const Problems& problems);

/// What the user allows the project's file (config/trust.h): nothing yet; nothing any more, since it is
/// another one than it was; to narrow what is allowed; everything. `look_up` is for ProjectChoice alone.
enum class ProjectTrust : std::uint8_t { look_up, none, changed, narrow, widen };

struct ProjectFile {
  std::string path;    ///< canonical; empty when there is no such file
  std::string sha256;  ///< hex, of what was read
  ProjectTrust trust = ProjectTrust::none;
};

/// What tells one content of a file from another without reading it; all zero when it is not there.
struct FileStamp {
  std::int64_t modified = 0, changed = 0;  ///< nanoseconds
  std::uint64_t device = 0, inode = 0, size = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::string& path);

struct Configuration {
  Settings settings;
  std::map<std::string, Origin, std::less<>>
      origins;          ///< by dotted key; a key that is absent has its default
  std::string file;     ///< the user's file that was read; empty when there was none
  ProjectFile project;  ///< also when it is not trusted, and so not used
  /// What the user should know, although it stops nothing. No part of them ends in a newline.
  Problems warnings;
  /// Every file that had a say or would have had one, had it existed, as it was before it was read: what to
  /// watch.
  struct Watched {
    std::string path;
    FileStamp stamp;
  };
  std::vector<Watched> watched;

  /// The origin of a dotted key ("tls.intercept").
  Origin origin(std::string_view key) const;
};

struct ProjectChoice {
  std::string file;  ///< empty = find_project_file() of the working directory
  ProjectTrust trust = ProjectTrust::look_up;
};

struct Sources {
  std::string file;            ///< empty = config_file()
  bool file_required = false;  ///< true when the user named it: then its absence is a problem
  std::vector<Override> overrides;
  /// Rules of the command line, in the order in which they were given: pattern, action and the flag as
  /// source. When no layer says a default action, they imply one: `allow` if all of them block, else `block`.
  std::vector<policy::Rule> rules = {};
  ProjectChoice project = {};
};

/// Reads and merges every layer. All problems of all layers are collected, not only the first; when there is
/// any, no Configuration is returned.
std::expected<Configuration, Problems> load(const Sources& sources);

}  // namespace weir::config
