// What a sandboxed process has given up for good: capabilities, new privileges, and system calls.
#pragma once

#include <string>

#include "base/error.h"

namespace weir::sandbox {

/// Gives up every capability, with the bounding and ambient sets, and what exec could give (no_new_privs).
/// For this process and all it will start.
Result<> drop_privileges();

/// Refuses, from now on and in all children: sockets of every family but UNIX, INET, INET6 and, of NETLINK,
/// ROUTE (EAFNOSUPPORT); new user namespaces and entering others; bpf, keys, userfaultfd, io_uring, perf;
/// taking descriptors or memory of other processes; putting characters into the terminal's input. System
/// calls of other ABIs (32 bit) do not exist. Needs drop_privileges first.
Result<> filter_system_calls();

/// Looks from inside whether both are in force; fails with what is not.
Result<> verify_confinement();

}  // namespace weir::sandbox
