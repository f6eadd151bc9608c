// Weir's own log: one line an event, to standard error or a file. Not the record of traffic (that is store/).
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

namespace weir::log {

enum class Level : std::uint8_t { debug, info, warn, error };

/// Lines below `level` are dropped. Call before threads start.
void set_level(Level level);
/// Sends lines to `fd` (not owned) in place of standard error. Thread-safe.
void set_output(int fd);
bool enabled(Level level);
/// Writes "<RFC 3339 time> LEVEL text\n" with one write(2). Control bytes in `text` are escaped, so a hostile
/// peer cannot forge a line or drive a terminal. Thread-safe.
void write(Level level, std::string_view text);

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
