#include "base/log.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <utility>

namespace weir::log {
namespace {

std::atomic<Level> g_level{Level::info};
std::atomic<int> g_fd{STDERR_FILENO};
std::mutex g_listener_mutex;
std::shared_ptr<Listener> g_listener;
std::shared_ptr<const Rewrite> g_rewrite;  // with the same mutex
thread_local bool t_telling = false;       // this thread is within Listener::heard

void append_printable(std::string& line, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    // C1 controls in UTF-8: terminals take U+009B for the beginning of an escape sequence.
    bool c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;
    if (c1) {
      fmt::format_to(std::back_inserter(line), "\\u{{{:x}}}", next);
      ++i;
    } else if (byte < 0x20 || byte == 0x7F) {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", byte);
    } else {
      line += text[i];
    }
  }
}

std::shared_ptr<const Rewrite> current_rewrite() {
  std::lock_guard lock(g_listener_mutex);
  return g_rewrite;
}

void tell(const Line& line) {
  if (t_telling) return;
  std::shared_ptr<Listener> listener;
  {
    std::lock_guard lock(g_listener_mutex);
    listener = g_listener;
  }
  if (!listener) return;
  t_telling = true;
  listener->heard(line);
  t_telling = false;
}

}  // namespace

std::string_view name(Level level) {
  static constexpr std::string_view kNames[] = {"DEBUG", "INFO", "WARN", "ERROR"};
  return kNames[std::to_underlying(level)];
}

void set_level(Level level) { g_level = level; }
void set_output(int fd) { g_fd = fd; }
bool enabled(Level level) { return level >= g_level.load(std::memory_order_relaxed); }

void set_listener(std::shared_ptr<Listener> listener) {
  std::lock_guard lock(g_listener_mutex);
  g_listener.swap(listener);
}

std::string formatted(const Line& line) {
  time_t seconds = line.time / 1'000'000'000;
  tm utc;
  gmtime_r(&seconds, &utc);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {} ", utc.tm_year + 1900,
                                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                                line.time % 1'000'000'000 / 1'000'000, name(line.level));
  if (!line.component.empty()) {
    out += '[';
    append_printable(out, line.component);
    out += "] ";
  }
  append_printable(out, line.text);
  return out += '\n';
}

void set_rewrite(Rewrite rewrite) {
  auto shared = rewrite ? std::make_shared<const Rewrite>(std::move(rewrite)) : nullptr;
  std::lock_guard lock(g_listener_mutex);
  g_rewrite.swap(shared);
}

void write(Level level, std::string_view component, std::string_view text) {
  std::string rewritten;
  if (auto rewrite = current_rewrite()) text = rewritten = (*rewrite)(text);
  Line line{wall_now(), level, component, text};
  if (int fd = g_fd; fd >= 0) {
    std::string out = formatted(line);
    // A log line that cannot be written has nowhere to be reported.
    [[maybe_unused]] ssize_t written = ::write(fd, out.data(), out.size());
  }
  tell(line);
}

}  // namespace weir::log
