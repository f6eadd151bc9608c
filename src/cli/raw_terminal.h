// The terminal of the verbs that draw in it and take single keys.
#pragma once

#include <termios.h>

#include "base/fd.h"

namespace weir::cli {

/// Keys come one by one and unseen while it lives; Ctrl-C is a key.
class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  RawTerminal(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  int fd_;
  bool valid_;
  termios before_{};
};

/// The signals that end a program, as a descriptor: the terminal must be given back first.
UniqueFd ending_signals();

}  // namespace weir::cli
