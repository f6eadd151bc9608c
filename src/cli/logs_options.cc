#include "cli/logs_options.h"

#include <array>
#include <ctime>
#include <string>

#include "base/ascii.h"

namespace weir::cli {
namespace {

constexpr int kLowestStatus = 100;
constexpr int kHighestStatus = 999;
constexpr WallNanos kSecond = 1'000'000'000;

std::optional<int> status_number(std::string_view text) {
  auto number = parse_decimal(text);
  if (!number || *number < kLowestStatus || *number > kHighestStatus) return std::nullopt;
  return static_cast<int>(*number);
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<store::StatusRange> comparison(std::string_view text) {
  bool above = text.front() == '>';
  text.remove_prefix(1);
  bool or_equal = take(text, "=");
  auto number = status_number(trim_ows(text));
  if (!number) return std::nullopt;
  if (above) return store::StatusRange{*number + (or_equal ? 0 : 1), kHighestStatus};
  return store::StatusRange{kLowestStatus, *number - (or_equal ? 0 : 1)};
}

std::optional<store::StatusRange> status_range(std::string_view text) {
  if (text.front() == '>' || text.front() == '<') return comparison(text);
  if (text.size() == 3 && text[0] >= '1' && text[0] <= '9' && iequals(text.substr(1), "xx")) {
    int hundred = (text[0] - '0') * 100;
    return store::StatusRange{hundred, hundred + 99};
  }
  std::size_t dash = text.find('-');
  auto from = status_number(trim_ows(text.substr(0, dash)));
  auto to = dash == std::string_view::npos ? from : status_number(trim_ows(text.substr(dash + 1)));
  if (!from || !to || *from > *to) return std::nullopt;
  return store::StatusRange{*from, *to};
}

std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  auto number = parse_decimal(text.substr(0, count));
  if (!number) return std::nullopt;
  text.remove_prefix(count);
  return static_cast<int>(*number);
}

// Nanoseconds of ".123"; digits after the ninth are dropped.
std::optional<WallNanos> take_fraction(std::string_view& text) {
  if (!take(text, ".")) return 0;
  WallNanos value = 0;
  WallNanos unit = kSecond;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1)) {
    unit /= 10;
    value += (text.front() - '0') * unit;
  }
  return value;
}

bool take_date(std::string_view& text, std::tm& parts) {
  auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return false;
  auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return false;
  auto day = take_digits(text, 2);
  // WallNanos ends in April 2262.
  if (!day || *year < 1970 || *year > 2261 || *month < 1 || *month > 12) return false;
  static constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = *year % 4 == 0 && (*year % 100 != 0 || *year % 400 == 0);
  if (*day < 1 || *day > kDays[static_cast<std::size_t>(*month - 1)] + (leap && *month == 2 ? 1 : 0))
    return false;
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  return true;
}

bool take_clock(std::string_view& text, std::tm& parts) {
  auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return false;
  auto minute = take_digits(text, 2);
  auto second = std::optional(0);
  if (take(text, ":")) second = take_digits(text, 2);
  if (!minute || !second || *hour > 23 || *minute > 59 || *second > 60) return false;
  parts.tm_hour = *hour;
  parts.tm_min = *minute;
  parts.tm_sec = *second;
  return true;
}

// Seconds east of UTC of "z" or "+hh:mm", the whole rest of a time.
std::optional<int> zone(std::string_view text) {
  if (text == "z") return 0;
  bool west = text.starts_with('-');
  if (!west && !text.starts_with('+')) return std::nullopt;
  text.remove_prefix(1);
  auto hours = take_digits(text, 2);
  take(text, ":");
  auto minutes = take_digits(text, 2);
  if (!hours || !minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  int seconds = *hours * 3600 + *minutes * 60;
  return west ? -seconds : seconds;
}

WallNanos local(std::tm parts) {
  parts.tm_isdst = -1;
  return static_cast<WallNanos>(std::mktime(&parts)) * kSecond;
}

std::optional<WallNanos> calendar_time(std::string_view text) {
  std::tm parts{};
  if (!take_date(text, parts)) return std::nullopt;
  if (text.empty()) return local(parts);
  if (!take(text, "t") && !take(text, " ")) return std::nullopt;
  if (!take_clock(text, parts)) return std::nullopt;
  auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  if (text.empty()) return local(parts) + *fraction;
  auto offset = zone(text);
  if (!offset) return std::nullopt;
  return (static_cast<WallNanos>(timegm(&parts)) - *offset) * kSecond + *fraction;
}

std::optional<WallNanos> unit_seconds(char unit) {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86400;
    case 'w': return 604800;
    default: return std::nullopt;
  }
}

// "1h30m" in nanoseconds; nothing for what is no span, or longer than a century.
std::optional<WallNanos> span(std::string_view text) {
  constexpr WallNanos kCentury = 100LL * 366 * 86400;
  WallNanos seconds = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    auto number = parse_decimal(text.substr(0, digits));
    auto unit = digits < text.size() ? unit_seconds(text[digits]) : std::nullopt;
    if (!number || !unit || *number > static_cast<std::uint64_t>(kCentury / *unit)) return std::nullopt;
    seconds += static_cast<WallNanos>(*number) * *unit;
    if (seconds > kCentury) return std::nullopt;
    text.remove_prefix(digits + 1);
  }
  return seconds * kSecond;
}

WallNanos midnight(WallNanos now, int days_before) {
  std::time_t seconds = static_cast<std::time_t>(now / kSecond);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
  parts.tm_mday -= days_before;
  return local(parts);
}

}  // namespace

Result<std::vector<store::StatusRange>> parse_status(std::string_view text) {
  std::vector<store::StatusRange> ranges;
  bool good = true;
  for_each_element(text, [&](std::string_view element) {
    auto range = status_range(element);
    if (range) ranges.push_back(*range);
    good = good && range;
  });
  if (good && !ranges.empty()) return ranges;
  return fail(Code::bad_config,
              "\"" + std::string(text) +
                  "\" names no status; accepted are 200, 400-599, 4xx, \">=400\", \">400\", "
                  "\"<=299\", \"<300\", and lists such as 200,404");
}

Result<WallNanos> parse_time(std::string_view text, WallNanos now) {
  std::string folded = lower(trim_ows(text));
  if (folded == "now") return now;
  if (folded == "today") return midnight(now, 0);
  if (folded == "yesterday") return midnight(now, 1);
  if (auto time = calendar_time(folded)) return *time;
  if (auto before = span(folded)) return now - *before;
  return fail(Code::bad_config,
              "\"" + std::string(text) +
                  "\" is not a time; accepted are 2024-01-15, 2024-01-15T12:00:00 (local time), "
                  "2024-01-15T12:00:00Z, 2024-01-15T12:00:00+02:00, 45s 30m 1h 2d 1w (ago), today, yesterday "
                  "and now");
}

}  // namespace weir::cli
