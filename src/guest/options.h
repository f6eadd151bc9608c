// Options: the command line of weir-guest.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::guest {

struct Options {
  std::string to = "vsock:2:5002";
  std::uint16_t port = 0;  ///< of the relay, on loopback; 0 = any that is free
  bool setup = true;       ///< make routes and rules
  bool check = false;      ///< look whether everything works, and end
  bool help = false, version = false;
};

/// bad_config, with what is wrong, for everything that is no command line of this program.
Result<Options> parse_options(std::span<const std::string_view> arguments);

extern const char* const kHelp;

}  // namespace weir::guest
