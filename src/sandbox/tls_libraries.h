// Which TLS libraries a program has: by the files mapped into its memory, and by what stands in its
// executable where a library is built in.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/process.h"

namespace weir::sandbox {

/// By the shared libraries in `maps` (proc_pid_maps(5)), each once. Pure.
std::vector<Process::TlsLibrary> tls_libraries_in_maps(std::string_view maps);

/// What is built into an executable, as ELF sections (Go) and texts of the libraries tell. Reads at most
/// kMostScanned of the file, the read-only data alone where section headers say where that is. Blocks, up to
/// some tens of milliseconds for a large one. `name`: the executable's, which is put into the findings. Empty
/// for what is no ELF file.
std::vector<Process::TlsLibrary> tls_libraries_in_executable(int file, std::string_view name);
inline constexpr std::uint64_t kMostScanned = 256 << 20;

}  // namespace weir::sandbox
