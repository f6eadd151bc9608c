// Process: the program at the other end of a connection, as a plain record.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace weir {

/// As it was when it was looked up; nothing of it is escaped. Either `pid` is set or `unknown` is. Of one in
/// a virtual machine there is no more than its relay tells.
struct Process {
  struct Ancestor {
    std::int32_t pid = 0;
    std::string name;
    friend bool operator==(const Ancestor&, const Ancestor&) = default;
  };
  struct TlsLibrary {
    std::string name;  ///< "OpenSSL", "GnuTLS", ...
    std::string file;  ///< that tells: a shared library's, or the executable's name
    friend bool operator==(const TlsLibrary&, const TlsLibrary&) = default;
  };

  std::int32_t pid = 0;    ///< as Weir sees it; in a pid namespace the program itself sees another
  WallNanos started = 0;   ///< tells a pid that was used again apart
  std::string name;        ///< last part of `executable`, or what the kernel calls it
  std::string executable;  ///< path; empty: may not be read
  std::vector<std::string> arguments;  ///< the command line, at most 4 KiB of it
  bool arguments_cut = false;
  std::vector<Ancestor> parents;  ///< the nearest first, at most 16
  /// That it has loaded; in its executable it is looked for only when it matters (ClientFinder::inspect).
  std::vector<TlsLibrary> tls_libraries;
  std::string unknown;  ///< why there is no pid; then hardly anything else is known either

  friend bool operator==(const Process&, const Process&) = default;
};

}  // namespace weir
