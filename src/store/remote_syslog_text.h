// Entries as syslog messages: RFC 5424 for the network, the form of syslog(3) for the local socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/remote_entry.h"

namespace weir::store {

struct SyslogStyle {
  enum class Form : std::uint8_t {
    rfc5424,
    local  ///< "<14>Jan 15 10:30:05 weir[42]: text", which is what every /dev/log understands
  };
  Form form = Form::rfc5424;
  int facility = 1;  ///< RFC 5424 section 6.2.1; see syslog_facility
  std::string app_name = "weir";
  std::string host_name;  ///< of this machine
  std::string process_id;
  RemoteText text = RemoteText::line;
  std::size_t max_bytes = 2048;  ///< of a message, at least kLeastSyslogBytes
};
/// What every receiver must take (RFC 5424 section 6.1).
inline constexpr std::size_t kLeastSyslogBytes = 480;

/// "kern", "user", "daemon", "local0", ...: the names of syslog.conf; nothing for others.
std::optional<int> syslog_facility(std::string_view name);

/// One line without control characters, at most `max_bytes` long: structured data lose whole parameters
/// first, then the text is cut, never within a character. A JSON entry that does not fit gives way to the
/// line.
std::string syslog_message(const RemoteEntry& entry, const SyslogStyle& style);

}  // namespace weir::store
