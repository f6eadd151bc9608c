// The system calls of a process that serves: those on a list, and no others (seccomp(2)).
#pragma once

#include "base/error.h"

namespace weir::sandbox {

/// Which calls are let through.
enum class CallList {
  serving,  ///< what serving takes: files, sockets of the Unix, internet and netlink families, threads
  looking,  ///< what finding processes takes: reading files; nothing is written, made, or connected to
};

/// From now on, for the calling thread and all it will start:
/// * What only an intruder would do ends the process: running a program, tracing, taking memory or
/// descriptors
///   of other processes, keys, bpf, mounts, modules, namespaces, userfaultfd, io_uring, perf, calls of
///   another ABI.
/// * All else that is not on the list fails with EPERM, and the first time a line on standard error says
/// which
///   call it was. So do memory that is writable and executable, new processes, and becoming dumpable again.
/// In sanitizer builds what sanitizers take is let through, tracing and running programs included.
/// Needs no_new_privs. Fails where the kernel has no filters.
Result<> allow_only(CallList list);

}  // namespace weir::sandbox
