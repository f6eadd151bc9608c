// RootTree: the files of a root file system that lies in a folder, such as a guest's image that is mounted.
//
// Paths are those of the guest, and its symbolic links mean what they mean to the guest: none leads out of
// the folder, whoever made them (openat2 with RESOLVE_IN_ROOT, Linux 5.6).
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace weir::cli {

/// Paths have no leading slash: "etc/environment". Errors name the path. Not thread-safe.
class RootTree {
 public:
  static Result<RootTree> open(const std::string& folder);

  bool has_folder(const std::string& path) const;
  /// A file of at most 64 MiB; nothing where there is none.
  Result<std::optional<std::string>> read(const std::string& path) const;
  /// Replaces what is there at once, keeping its mode and owner, or makes a file of mode 0644 and the folders
  /// above it. Where `path` is a link, the file that it leads to is the one. False when it was so already.
  Result<bool> write(const std::string& path, std::string_view bytes);
  /// A symbolic link, in place of one that says otherwise. False when it was so already.
  Result<bool> link(const std::string& path, const std::string& target);
  /// What the link at `path` says; nothing when it is none.
  std::optional<std::string> target_of(const std::string& path) const;
  /// Removes the entry itself, never what it leads to. False when there was none.
  Result<bool> remove(const std::string& path);
  /// The names in a folder, sorted; none where there is no folder.
  std::vector<std::string> names(const std::string& folder) const;
  /// Every regular file of this name in a folder of that name, in order. Follows no link, and leaves out
  /// proc, sys, dev and run, and what is more than 128 folders deep.
  std::vector<std::string> find(std::string_view folder, std::string_view name) const;

 private:
  explicit RootTree(UniqueFd root) : root_(std::move(root)) {}
  UniqueFd open_inside(const std::string& path, int flags) const;
  UniqueFd folder_of(const std::string& path) const;
  Result<UniqueFd> make_folder_of(const std::string& path);
  Result<std::string> place_of(const std::string& path, struct stat& found) const;
  void walk(int folder, const std::string& path, std::string_view name, std::string_view wanted,
            std::vector<std::string>& out) const;

  UniqueFd root_;
};

}  // namespace weir::cli
