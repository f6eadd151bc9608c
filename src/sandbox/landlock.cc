#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstdint>

#include "base/fd.h"
#include "sandbox/sanitized.h"

namespace weir::sandbox {
namespace {

// Headers older than the kernel lack what came later (landlock(7), VERSIONS).
constexpr std::uint64_t kTruncate = 1 << 14, kIoctlDevice = 1 << 15, kBindTcp = 1, kAbstractSockets = 1;

/// struct landlock_ruleset_attr, as of version 6.
struct Ruleset {
  std::uint64_t files = 0, network = 0, scoped = 0;
};

constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kIoctlDevice;
constexpr std::uint64_t kOfFolders = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                     LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;
constexpr std::uint64_t kNowhere = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                   (kSanitized ? 0 : LANDLOCK_ACCESS_FS_EXECUTE);

Ruleset ruleset_of(int version) {
  Ruleset out{.files = kOfFiles | kOfFolders | kNowhere};
  if (version < 2) out.files &= ~std::uint64_t{LANDLOCK_ACCESS_FS_REFER};
  if (version < 3) out.files &= ~kTruncate;
  if (version < 5) out.files &= ~kIoctlDevice;
  if (version >= 4) out.network = kBindTcp;
  if (version >= 6) out.scoped = kAbstractSockets;
  return out;
}

std::size_t size_known_to(int version) {
  return version >= 6 ? sizeof(Ruleset) : version >= 4 ? 2 * sizeof(std::uint64_t) : sizeof(std::uint64_t);
}

Result<> allow(int ruleset, const std::filesystem::path& path, std::uint64_t access) {
  UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) return {};
  struct stat facts;
  if (::fstat(place.get(), &facts) != 0) return fail_errno(Code::io, "looking at " + path.native(), errno);
  if (!S_ISDIR(facts.st_mode)) access &= kOfFiles;
  landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = place.get()};
  if (access == 0 || ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0)
    return {};
  return fail_errno(Code::io, "Landlock: a rule for " + path.native(), errno);
}

}  // namespace

int landlock_version() {
  long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

Result<int> restrict_writes(const LandlockRules& rules) {
  int version = landlock_version();
  if (version == 0) return 0;
  Ruleset wanted = ruleset_of(version);
  UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, size_known_to(version), 0)));
  if (!ruleset) return fail_errno(Code::io, "Landlock: making a set of rules", errno);
  for (const auto& path : rules.writable)
    if (auto done = allow(ruleset.get(), path, wanted.files & ~kNowhere); !done) return pass(done);
  for (const auto& path : rules.removable_from)
    if (auto done = allow(ruleset.get(), path, LANDLOCK_ACCESS_FS_REMOVE_FILE); !done) return pass(done);
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return fail_errno(Code::io, "Landlock: putting the rules in force", errno);
  return version;
}

}  // namespace weir::sandbox
