// name_thread: what top, perf and gdb call the calling thread.
#pragma once

#include <pthread.h>

namespace weir {

/// At most 15 bytes; a longer name is not set.
inline void name_thread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace weir
