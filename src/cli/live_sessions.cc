#include "cli/live_sessions.h"

#include <fmt/format.h>

#include "config/relay_sessions.h"
#include "flow/text.h"

namespace weir::cli {

Result<std::size_t> LiveSessions::read() {
  read_ = seen_ = config::stamp_of(file_);
  auto grants = config::read_relay_sessions(file_);
  if (!grants) return pass(grants);
  std::size_t count = grants->size();
  sessions_.replace(std::move(*grants));
  return count;
}

Result<void> LiveSessions::load() {
  auto count = read();
  if (!count) return fail(count.error().code(), count.error().context());
  if (*count == 0)
    tell_(fmt::format("{} has no [[session]]: nobody can come in yet", flow::printable(file_)));
  return {};
}

void LiveSessions::reload_if_changed() {
  auto now = config::stamp_of(file_);
  bool changed = now != read_ && now == seen_;
  seen_ = now;
  if (changed) reload();
}

void LiveSessions::reload() {
  auto count = read();
  if (count) return tell_(fmt::format("the sessions were read again: {}", *count));
  sessions_.keep(count.error().context());
  std::string_view rest = count.error().context();
  while (!rest.empty()) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    tell_(flow::printable(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  tell_("the sessions stay as they were");
}

}  // namespace weir::cli
