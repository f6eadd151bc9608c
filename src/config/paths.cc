#include "config/paths.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "base/hash.h"

namespace weir::config {
namespace {

namespace fs = std::filesystem;

bool is_absolute(const char* path) { return path != nullptr && *path == '/'; }

/// `inside` in the folder of an XDG variable, which is `below_home` when it is unset.
Result<std::string> xdg(const char* variable, const char* below_home, const char* inside) {
  if (const char* set = ::getenv(variable); is_absolute(set)) return std::string(set) + "/" + inside;
  auto home = home_dir();
  if (!home) return pass(home);
  return *home + "/" + below_home + "/" + inside;
}

std::string normal(std::string_view path) {
  std::string out = fs::path(path).lexically_normal();
  if (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

Failure bad_dir(const std::string& path, std::string_view why) {
  return fail(Code::io, std::string("folder ").append(path).append(": ").append(why));
}

Result<> make_private_dir(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  int error = errno;
  struct stat info;
  if (error != EEXIST || ::stat(path.c_str(), &info) != 0)
    return fail_errno(Code::io, "creating the folder " + path, error);
  if (!S_ISDIR(info.st_mode)) return bad_dir(path, "exists, but is no folder");
  return {};
}

}  // namespace

Result<std::string> home_dir() {
  if (const char* home = ::getenv("HOME"); is_absolute(home)) return home;
  passwd entry;
  passwd* found = nullptr;
  std::vector<char> space(16384);
  if (::getpwuid_r(::getuid(), &entry, space.data(), space.size(), &found) == 0 && found != nullptr &&
      is_absolute(found->pw_dir))
    return found->pw_dir;
  return fail(Code::bad_config,
              "HOME is not set and user " + std::to_string(::getuid()) +
                  " has no home in the password database; set HOME, or name the folders (--data, --ca-dir)");
}

Result<std::string> data_root() { return xdg("XDG_STATE_HOME", ".local/state", "weir"); }

Result<std::string> config_file() { return xdg("XDG_CONFIG_HOME", ".config", "weir/config.toml"); }

std::vector<CorpFile> corp_files() {
  std::vector<CorpFile> files;
  if (const char* added = ::getenv("WEIR_CORP_CONFIG"); added != nullptr && *added != '\0')
    files.push_back({added, true});
  files.push_back({"/etc/weir/corp.toml", false});
  return files;
}

std::string find_project_file(std::string_view cwd) {
  std::string home = normal(home_dir().value_or("/"));
  for (fs::path dir = normal(cwd);; dir = dir.parent_path()) {
    std::string candidate = dir / ".weir.toml";
    struct stat info;
    if (::stat(candidate.c_str(), &info) == 0 && S_ISREG(info.st_mode)) return candidate;
    if (dir == home || dir == dir.parent_path()) return {};
  }
}

Result<std::string> default_ca_dir() { return xdg("XDG_DATA_HOME", ".local/share", "weir/ca"); }

std::string project_folder_name(std::string_view project_dir) {
  std::string path = normal(project_dir);
  Sha256 digest = sha256(path);
  std::string_view start(reinterpret_cast<const char*>(digest.data()), 4);
  std::string name = path.substr(path.rfind('/') + 1);
  return (name.empty() ? "root" : name) + "-" + hex(start);
}

Result<std::string> project_data_dir(std::string_view project_dir) {
  auto root = data_root();
  if (!root) return pass(root);
  return *root + "/projects/" + project_folder_name(project_dir);
}

Result<std::string> find_project_data_dir(std::string_view cwd) {
  auto own = project_data_dir(cwd);
  if (!own) return own;
  std::string projects = own->substr(0, own->rfind('/') + 1);
  for (fs::path dir = normal(cwd);; dir = dir.parent_path()) {
    std::string candidate = projects + project_folder_name(dir.native());
    struct stat info;
    if (::stat(candidate.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return candidate;
    if (dir == dir.parent_path()) return own;
  }
}

Result<> make_private_dirs(const std::string& path) {
  std::string whole = normal(path);
  for (std::size_t slash = whole.find('/', 1); slash != std::string::npos; slash = whole.find('/', slash + 1))
    if (auto made = make_private_dir(whole.substr(0, slash)); !made) return made;
  if (auto made = make_private_dir(whole); !made) return made;
  if (::access(whole.c_str(), W_OK | X_OK) != 0)
    return fail_errno(Code::io, "writing to the folder " + whole, errno);
  return {};
}

}  // namespace weir::config
