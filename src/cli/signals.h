// Signals of a serving verb: taken one at a time, on the main thread, never in a handler.
#pragma once

#include <signal.h>

#include <chrono>
#include <optional>

namespace weir::cli {

/// Blocks SIGINT, SIGTERM, SIGHUP and SIGQUIT for the calling thread and all threads it starts later, and
/// ignores SIGPIPE. Construct before any thread.
class Signals {
 public:
  Signals();
  struct Signal {
    int number;
    bool from_process;  ///< sent by kill(2), not by the terminal
  };
  /// The next signal, or nothing when `limit` has passed.
  std::optional<Signal> wait(std::chrono::milliseconds limit) const;

 private:
  sigset_t set_;
};

}  // namespace weir::cli
