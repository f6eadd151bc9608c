#include "base/log.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <string>

namespace weir::log {
namespace {

std::atomic<Level> g_level{Level::info};
std::atomic<int> g_fd{STDERR_FILENO};

void append_printable(std::string& line, std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
}

}  // namespace

void set_level(Level level) { g_level = level; }
void set_output(int fd) { g_fd = fd; }
bool enabled(Level level) { return level >= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view text) {
  static constexpr const char* kNames[] = {"DEBUG", "INFO", "WARN", "ERROR"};
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc;
  gmtime_r(&now.tv_sec, &utc);
  std::string line = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {} ", utc.tm_year + 1900,
                                 utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                                 now.tv_nsec / 1000000, kNames[static_cast<int>(level)]);
  append_printable(line, text);
  line += '\n';
  // A log line that cannot be written has nowhere to be reported.
  [[maybe_unused]] ssize_t written = ::write(g_fd, line.data(), line.size());
}

}  // namespace weir::log
