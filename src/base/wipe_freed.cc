#include "base/wipe_freed.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <cstddef>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_SANITIZED_MEMORY
#include <sanitizer/allocator_interface.h>
#endif
#endif

namespace weir {
namespace {

constinit thread_local unsigned wiping = 0;

#ifdef WEIR_SANITIZED_MEMORY
// Operators of our own would hide from the sanitizer what was made by which.
void wipe_before_free(const volatile void* at) {
  if (wiping == 0 || at == nullptr) return;
  void* bytes = const_cast<void*>(at);
  ::explicit_bzero(bytes, __sanitizer_get_allocated_size(bytes));
}

void on_malloc(const volatile void*, std::size_t) {}

[[maybe_unused]] const bool hooked =
    __sanitizer_install_malloc_and_free_hooks(on_malloc, wipe_before_free) != 0;
#else
void give_back(void* at) {
  if (wiping != 0 && at != nullptr) [[unlikely]]
    ::explicit_bzero(at, ::malloc_usable_size(at));
  ::free(at);
}
#endif

}  // namespace

WipeFreed::WipeFreed() { ++wiping; }
WipeFreed::~WipeFreed() { --wiping; }

}  // namespace weir

#ifndef WEIR_SANITIZED_MEMORY
// Every form, since the allocator's library replaces each by itself.
void operator delete(void* at) noexcept { weir::give_back(at); }
void operator delete[](void* at) noexcept { weir::give_back(at); }
void operator delete(void* at, std::size_t) noexcept { weir::give_back(at); }
void operator delete[](void* at, std::size_t) noexcept { weir::give_back(at); }
void operator delete(void* at, const std::nothrow_t&) noexcept { weir::give_back(at); }
void operator delete[](void* at, const std::nothrow_t&) noexcept { weir::give_back(at); }
void operator delete(void* at, std::align_val_t) noexcept { weir::give_back(at); }
void operator delete[](void* at, std::align_val_t) noexcept { weir::give_back(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { weir::give_back(at); }
void operator delete[](void* at, std::size_t, std::align_val_t) noexcept { weir::give_back(at); }
void operator delete(void* at, std::align_val_t, const std::nothrow_t&) noexcept { weir::give_back(at); }
void operator delete[](void* at, std::align_val_t, const std::nothrow_t&) noexcept { weir::give_back(at); }
#endif
