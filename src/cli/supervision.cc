#include "cli/supervision.h"

#include <poll.h>
#include <signal.h>

namespace weir::cli {

Result<sandbox::Exit> wait_for(sandbox::Spawner& spawner, const Signals& signals, LiveFilter* filter) {
  constexpr int kLookMs = 50;
  constexpr auto kLookAtFiles = std::chrono::seconds(1);
  TimePoint look = steady_now() + kLookAtFiles;
  for (;;) {
    pollfd ended{.fd = spawner.exit_fd(), .events = POLLIN, .revents = 0};
    if (poll(&ended, 1, kLookMs) > 0) return spawner.take_exit();
    if (filter != nullptr && steady_now() >= look) {
      filter->reload_if_changed();
      look = steady_now() + kLookAtFiles;
    }
    while (auto signal = signals.wait(std::chrono::milliseconds(0))) {
      // What the terminal sends, CMD gets from the terminal itself.
      bool terminal = (signal->number == SIGINT || signal->number == SIGQUIT) && !signal->from_process;
      if (terminal) continue;
      if (auto passed = spawner.signal(signal->number); !passed) return pass(passed);
    }
  }
}

void wait_for_stop(const Signals& signals, std::chrono::milliseconds every,
                   const std::function<void(bool asked)>& look) {
  for (;;) {
    auto signal = signals.wait(every);
    if (signal && signal->number != SIGHUP) return;
    look(signal.has_value());
  }
}

void stop(app::Server& server, const Signals& signals) {
  constexpr auto kLook = std::chrono::milliseconds(20);
  server.drain();
  while (!server.ended())
    if (auto signal = signals.wait(kLook); signal && signal->number != SIGHUP) server.hurry();
  server.join();
  server.close();
}

}  // namespace weir::cli
