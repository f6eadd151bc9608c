// Weir's own log: one line an event, to standard error or a file. Not the record of traffic (that is store/).
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace weir::log {

enum class Level : std::uint8_t { debug, info, warn, error };
std::string_view name(Level level);  ///< "DEBUG", "INFO", "WARN", "ERROR"

/// One event, as a listener hears it.
struct Line {
  WallNanos time = 0;
  Level level = Level::info;
  std::string_view component;  ///< which part speaks, such as "logging.syslog"; empty = Weir at large
  std::string_view text;       ///< as it was written: nothing in it is escaped yet
};
/// "2024-01-15T10:30:05.123Z WARN [component] text\n", without the brackets where no component is named.
/// Control bytes in the texts are escaped.
std::string formatted(const Line& line);

/// Hears every line that passes the level, besides the output.
class Listener {
 public:
  virtual ~Listener() = default;
  /// Any thread, several at once. What it logs itself goes to the output alone.
  virtual void heard(const Line& line) = 0;
};

/// Lines below `level` are dropped. Call before threads start.
void set_level(Level level);
/// Sends lines to `fd` (not owned) in place of standard error; negative = nowhere but to the listener.
/// Thread-safe.
void set_output(int fd);
/// One at a time; null = none. It lives on while another thread still speaks to it. Thread-safe.
void set_listener(std::shared_ptr<Listener> listener);
/// What is done to every text before it goes anywhere, to keep secrets out of it; empty = nothing. Called on
/// any thread, several at once; must not log. Thread-safe.
using Rewrite = std::function<std::string(std::string_view)>;
void set_rewrite(Rewrite rewrite);
bool enabled(Level level);
/// Writes a line (see `formatted`) with one write(2): a hostile peer cannot forge another or drive a
/// terminal. Thread-safe.
void write(Level level, std::string_view component, std::string_view text);
inline void write(Level level, std::string_view text) { write(level, {}, text); }

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::info)) write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::warn)) write(Level::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::error)) write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace weir::log
