#include "cli/signals.h"

#include <pthread.h>

namespace weir::cli {

Signals::Signals() {
  sigemptyset(&set_);
  for (int signo : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set_, signo);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

std::optional<Signals::Signal> Signals::wait(std::chrono::milliseconds limit) const {
  timespec time{.tv_sec = limit.count() / 1000, .tv_nsec = limit.count() % 1000 * 1'000'000};
  siginfo_t about{};
  // The kernel hands out the lowest number first: many a SIGHUP would keep a SIGTERM waiting for ever.
  sigset_t ending = set_;
  sigdelset(&ending, SIGHUP);
  timespec at_once{};
  int number = sigtimedwait(&ending, &about, &at_once);
  if (number < 0) number = sigtimedwait(&set_, &about, &time);
  if (number < 0) return std::nullopt;
  return Signal{number, about.si_code != SI_KERNEL};
}

}  // namespace weir::cli
