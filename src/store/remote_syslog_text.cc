#include "store/remote_syslog_text.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"

namespace weir::store {
namespace {

// By number.
constexpr std::array<std::string_view, 24> kFacilities = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};

// RFC 5612: an enterprise number that is nobody's. Filters of receivers have it by now.
constexpr std::string_view kStructuredId = "weir@32473";
constexpr std::size_t kTextReserve = 200;  // of the message's bytes, before structured data take theirs
constexpr std::size_t kLongestHostName = 255, kLongestAppName = 48, kLongestProcessId = 128;
constexpr std::size_t kLongestParameter = 256;

int severity_number(RemoteSeverity severity) {
  switch (severity) {
    case RemoteSeverity::error: return 3;
    case RemoteSeverity::warn: return 4;
    case RemoteSeverity::info: return 6;
  }
  return 6;
}

// A header's word: printable ASCII without spaces (section 6); "-" stands for none.
std::string word(std::string_view text, std::size_t longest) {
  std::string out;
  for (char c : text.substr(0, longest)) out += c > ' ' && c < '\x7f' ? c : '_';
  return out.empty() ? "-" : out;
}

std::string_view cut(std::string_view text, std::size_t bytes) {
  text = text.substr(0, bytes);
  return text.substr(0, utf8_prefix(text));
}

std::string timestamp(WallNanos at) {
  time_t seconds = at / 1'000'000'000;
  tm utc;
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, at % 1'000'000'000 / 1000);
}

std::string local_timestamp(WallNanos at) {
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  time_t seconds = at / 1'000'000'000;
  tm local;
  localtime_r(&seconds, &local);
  return fmt::format("{} {:2} {:02}:{:02}:{:02}", kMonths[static_cast<std::size_t>(local.tm_mon)],
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
}

// Section 6.3.3: '"', '\' and ']' are escaped.
std::string parameter(std::string_view name, std::string_view value) {
  std::string out = " ";
  out.append(name).append("=\"");
  for (char c : cut(value, kLongestParameter)) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += c;
  }
  return out += '"';
}

// Section 6.3. As many parameters as find room, the ones a search would ask for first.
std::string structured(const RemoteEntry& entry, std::size_t room) {
  std::string out = "[" + std::string(kStructuredId);
  auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    std::string text = parameter(name, value);
    if (out.size() + text.size() < room) out += text;
  };
  auto count = [&](std::string_view name, std::int64_t value, bool known) {
    if (known) add(name, std::to_string(value));
  };
  add("id", entry.id);
  add("method", entry.method);
  add("host", entry.host);
  count("port", entry.port, entry.port != 0);
  count("status", entry.status, entry.status != 0);
  count("duration_ms", entry.duration_us / 1000, entry.duration_us >= 0);
  add("error_code", entry.error);
  add("filter_action", entry.filter_action);
  add("filter_reason", entry.filter_reason);
  add("interception", entry.interception);
  count("req_body_bytes", static_cast<std::int64_t>(entry.request_bytes), entry.request_bytes != 0);
  count("resp_body_bytes", static_cast<std::int64_t>(entry.response_bytes), entry.response_bytes != 0);
  return out += ']';
}

std::string header(const RemoteEntry& entry, const SyslogStyle& style) {
  int priority = style.facility * 8 + severity_number(entry.severity);
  std::string app = word(style.app_name, kLongestAppName),
              process = word(style.process_id, kLongestProcessId);
  if (style.form == SyslogStyle::Form::local)
    return fmt::format("<{}>{} {}[{}]:", priority, local_timestamp(entry.ended), app, process);
  return fmt::format("<{}>1 {} {} {} {} flow", priority, timestamp(entry.ended),
                     word(style.host_name, kLongestHostName), app, process);
}

}  // namespace

std::optional<int> syslog_facility(std::string_view name) {
  auto found = std::ranges::find(kFacilities, name);
  if (found == kFacilities.end()) return std::nullopt;
  return static_cast<int>(found - kFacilities.begin());
}

std::string syslog_message(const RemoteEntry& entry, const SyslogStyle& style) {
  std::string out = header(entry, style);
  if (style.form == SyslogStyle::Form::rfc5424) {
    std::size_t taken = out.size() + 1 + kTextReserve;
    std::string data = structured(entry, style.max_bytes > taken ? style.max_bytes - taken : 0);
    bool fits = out.size() + 1 + data.size() < style.max_bytes;
    out.append(" ").append(fits ? data : "-");
  }
  out += ' ';
  std::size_t room = style.max_bytes > out.size() ? style.max_bytes - out.size() : 0;
  const std::string& text = entry.text(style.text);
  out.append(text.size() <= room ? std::string_view(text) : cut(entry.line, room));
  return out;
}

}  // namespace weir::store
