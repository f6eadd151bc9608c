// kSanitized: whether this is a build with a sanitizer, which takes system calls that the program does not.
#pragma once

namespace weir::sandbox {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace weir::sandbox
