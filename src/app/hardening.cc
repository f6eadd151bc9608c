#include "app/hardening.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "base/wipe_stack.h"
#include "config/paths.h"
#include "sandbox/capabilities.h"
#include "sandbox/landlock.h"
#include "sandbox/serving_filter.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSwitch = "WEIR_NO_HARDENING";

bool switched_off() {
  const char* value = ::getenv(kSwitch);
  return value != nullptr && *value != '\0' && std::strcmp(value, "0") != 0;
}

Result<> hide() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) return {};
  return fail_errno(Code::io, "keeping other processes from looking into this one", errno);
}

/// SQLite's temporary files, and whatever else asks for such a place.
void add_temporary_folders(std::vector<fs::path>& writable) {
  std::error_code none;
  if (fs::path folder = fs::temp_directory_path(none); !none) writable.push_back(std::move(folder));
  writable.insert(writable.end(), {"/tmp", "/var/tmp"});
}

// Root is a user like any other without its capabilities: `sudo weir serve` may record into its user's
// folders.
Result<std::uint64_t> needed(const Haunts& haunts) {
  std::uint64_t all = sandbox::effective_capabilities();
  std::uint64_t override = sandbox::capability_bit(CAP_DAC_OVERRIDE) & all;
  if (override == 0) return 0;
  if (auto done = sandbox::use_capabilities(0); !done) return pass(done);
  auto closed = [](const fs::path& path) {
    return ::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) != 0 && errno == EACCES;
  };
  bool kept =
      std::ranges::any_of(haunts.writable, closed) || std::ranges::any_of(haunts.removable_from, closed);
  if (auto done = sandbox::use_capabilities(all); !done) return pass(done);
  return kept ? override : 0;
}

Result<std::string> confine_files(const Haunts& haunts) {
  sandbox::LandlockRules rules{haunts.writable, haunts.removable_from};
  add_temporary_folders(rules.writable);
  rules.writable.emplace_back("/dev/null");
  auto version = sandbox::restrict_writes(rules);
  if (!version) return pass(version);
  if (*version > 0)
    return fmt::format("files may be written in its own folders alone (Landlock {})", *version);
  return "this kernel has no Landlock: files are kept from it by their permissions alone";
}

}  // namespace

Result<Hardening> Hardening::begin() {
  if (switched_off()) {
    log::warn(
        "{} is set: every process of this user can read the keys and secrets in this one's memory; it is for "
        "debugging Weir alone, unset it",
        kSwitch);
    return Hardening(true);
  }
  if (auto done = hide(); !done) return pass(done);
  rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return fail_errno(Code::io, "forbidding core files", errno);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(Code::io, "no_new_privs", errno);
  return Hardening(false);
}

Result<std::string> Hardening::confine(const Haunts& haunts) const {
  wipe_stack();  // secrets were read
  if (off_) return std::string("not hardened (") + kSwitch + ")";
  // Whether anything is to be written there is for others to know, and to fail for; but it can never be
  // mended while this runs, since what is not there now is not among what may be written.
  for (const fs::path& folder : haunts.writable)
    if (auto made = config::make_private_dirs(folder); !made)
      log::warn("nothing can be kept in {} until Weir is started anew: {}", folder.native(),
                made.error().context());
  auto kept = needed(haunts);
  if (!kept) return pass(kept);
  if (auto done = sandbox::keep_capabilities(*kept); !done) return pass(done);
  if (auto done = hide(); !done) return pass(done);  // a change of credentials may have undone it
  auto files = confine_files(haunts);
  if (!files) return files;
  if (auto done = sandbox::allow_only(sandbox::CallList::serving); !done)
    return fail(done.error().code(), fmt::format("{}; {}=1 in the environment serves without it",
                                                 done.error().context(), kSwitch));
  return fmt::format(
      "hardened: not dumpable, no core files, no new privileges, {}, system calls by a list, {}",
      *kept == 0 ? "no capabilities" : "of the capabilities CAP_DAC_OVERRIDE alone", *files);
}

}  // namespace weir::app
