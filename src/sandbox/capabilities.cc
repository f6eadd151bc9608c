#include "sandbox/capabilities.h"

#include <errno.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weir::sandbox {
namespace {

constexpr int kHighest = 63;

struct Sets {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct halves[2] = {};  // the lower 32 numbers, and the upper
};

std::uint64_t joined(std::uint32_t lower, std::uint32_t upper) { return lower | std::uint64_t{upper} << 32; }

/// `edit` is called for the lower 32 numbers and for the upper, with the number of the first of them.
template <typename Edit>
Result<> change(Edit edit) {
  Sets sets;
  if (::syscall(SYS_capget, &sets.header, sets.halves) != 0)
    return fail_errno(Code::io, "reading the capabilities", errno);
  edit(sets.halves[0], 0);
  edit(sets.halves[1], 32);
  if (::syscall(SYS_capset, &sets.header, sets.halves) == 0) return {};
  return fail_errno(Code::io, "changing the capabilities", errno);
}

Result<> shrink_bounding_set(std::uint64_t kept) {
  for (int number = 0; number <= kHighest; ++number) {
    int held = ::prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (held < 0) return {};  // this kernel knows no more
    if (held == 0 || (kept & capability_bit(number)) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0) continue;
    if (errno == EPERM) return {};
    return fail_errno(Code::io, fmt::format("giving up capability {} for good", number), errno);
  }
  return {};
}

}  // namespace

std::uint64_t effective_capabilities() {
  Sets sets;
  if (::syscall(SYS_capget, &sets.header, sets.halves) != 0) return 0;
  return joined(sets.halves[0].effective, sets.halves[1].effective);
}

Result<> use_capabilities(std::uint64_t wanted) {
  return change([wanted](__user_cap_data_struct& half, int shift) {
    half.effective = half.permitted & static_cast<std::uint32_t>(wanted >> shift);
  });
}

Result<> keep_capabilities(std::uint64_t kept) {
  // An old kernel without ambient capabilities has none to clear.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
    return fail_errno(Code::io, "clearing the ambient capabilities", errno);
  if (auto done = shrink_bounding_set(kept); !done) return done;
  return change([kept](__user_cap_data_struct& half, int shift) {
    half.permitted &= static_cast<std::uint32_t>(kept >> shift);
    half.effective = half.permitted;
    half.inheritable = 0;
  });
}

}  // namespace weir::sandbox
