#include "cli/raw_terminal.h"

#include <signal.h>
#include <sys/signalfd.h>

namespace weir::cli {

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  valid_ = tcgetattr(fd_, &before_) == 0;
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  // What was typed before was typed for something else.
  if (valid_) tcsetattr(fd_, TCSAFLUSH, &raw);
}

RawTerminal::~RawTerminal() {
  if (valid_) tcsetattr(fd_, TCSAFLUSH, &before_);
}

UniqueFd ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signo : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set, signo);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(signalfd(-1, &set, SFD_CLOEXEC));
}

}  // namespace weir::cli
