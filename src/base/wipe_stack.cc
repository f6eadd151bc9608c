#include "base/wipe_stack.h"

#include <string.h>

namespace weir {
namespace {

// What copied a secret last may still have it in wide registers, and whatever saves them (the dynamic linker
// on a first call, a signal) puts it back on the stack. The calling convention lets every function lose them.
void clear_vector_registers() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    asm volatile(
        ".irp n,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        "vpxorq %%zmm\\n, %%zmm\\n, %%zmm\\n\n"
        ".endr" ::);
  if (__builtin_cpu_supports("avx"))
    asm volatile("vzeroall" ::
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
  else
    asm volatile(
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "pxor %%xmm\\n, %%xmm\\n\n"
        ".endr" ::
            : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
              "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#elif defined(__aarch64__)
  asm volatile(
      ".irp n,0,1,2,3,4,5,6,7,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
      "movi v\\n\\().16b, #0\n"
      ".endr" ::
          : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21", "v22",
            "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
#endif
}

}  // namespace

[[gnu::noinline]] void wipe_stack() {
  char below[64 << 10];
  ::explicit_bzero(below, sizeof below);
  clear_vector_registers();
}

}  // namespace weir
