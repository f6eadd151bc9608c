#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "base/ascii.h"

namespace weir::cli {
namespace {

constexpr std::size_t kLarge = 64 * 1024;

}  // namespace

void Output::flush_if_large() {
  if (buffer_.size() >= kLarge) flush();
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && !closed_) {
    ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      closed_ = true;
      if (errno != EPIPE) error_ = errno;
    }
  }
  buffer_.clear();
}

Result<> Output::finish() {
  flush();
  if (int error = std::exchange(error_, 0)) return fail_errno(Code::io, "writing the output", error);
  return {};
}

std::size_t terminal_width(int fd) {
  if (!isatty(fd)) return 0;
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::size_t terminal_height(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 24;
  return size.ws_row;
}

bool draws_lines(int fd) {
  if (!isatty(fd)) return false;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* value = std::getenv(name); value && *value)
      return icontains(value, "utf-8") || icontains(value, "utf8");
  return false;
}

bool wants_color(bool terminal, bool no_color_flag) {
  if (!terminal || no_color_flag) return false;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return !(no_color && *no_color) && !(term && std::string_view(term) == "dumb");
}

void ignore_sigpipe() { std::signal(SIGPIPE, SIG_IGN); }

}  // namespace weir::cli
