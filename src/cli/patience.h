// Patience: the waiting of the verbs that follow something until Ctrl-C.
#pragma once

#include "cli/signals.h"

namespace weir::cli {

/// Blocks the signals of Signals; construct before any thread.
class Patience {
 public:
  /// Waits a fifth of a second; false when it is time to end: a signal came, or the reader of standard output
  /// has gone.
  bool pause();
  /// 128 and the number of the signal that ended it, as shells count; else 0.
  int exit_code() const;

 private:
  Signals signals_;
  int ended_by_ = 0;
};

}  // namespace weir::cli
