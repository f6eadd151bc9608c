#include "flow/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include "base/utf8.h"

namespace weir::flow {
namespace {

struct Interval {
  char32_t from;
  char32_t to;
};

template <std::size_t Count>
bool within(const Interval (&table)[Count], char32_t c) {
  const Interval* at =
      std::ranges::upper_bound(table, c, {}, [](const Interval& interval) { return interval.from; });
  return at != std::begin(table) && c <= std::prev(at)->to;
}

// Code points that print nothing yet change how the text around them is shown: line and paragraph separators,
// bidirectional overrides and isolates, zero-width spaces, tags. The joiners U+200C and U+200D are left
// alone, since emoji and several scripts are written with them.
constexpr Interval kDeceiving[] = {{0x80, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},    {0x180E, 0x180E},
                                   {0x200B, 0x200B}, {0x200E, 0x200F}, {0x2028, 0x202E},  {0x2060, 0x206F},
                                   {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};

// Marks that are drawn over the character before them, by block.
constexpr Interval kCombining[] = {{0x300, 0x36F},    {0x483, 0x489},   {0x591, 0x5BD},   {0x610, 0x61A},
                                   {0x64B, 0x65F},    {0x6D6, 0x6DC},   {0x93C, 0x93C},   {0x941, 0x948},
                                   {0x94D, 0x94D},    {0xE31, 0xE31},   {0xE34, 0xE3A},   {0xE47, 0xE4E},
                                   {0x1AB0, 0x1AFF},  {0x1DC0, 0x1DFF}, {0x200C, 0x200D}, {0x20D0, 0x20FF},
                                   {0x302A, 0x302D},  {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
                                   {0xE0100, 0xE01EF}};

// East Asian Width W and F (Unicode Standard Annex 11), neighbouring blocks joined.
constexpr Interval kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x26A1, 0x26A1},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},   {0x26D4, 0x26D4},
    {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},   {0x274C, 0x274C},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F004, 0x1F004}, {0x1F18E, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C},
    {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3CF, 0x1F3D3}, {0x1F3E0, 0x1F3F0}, {0x1F3F8, 0x1F43E},
    {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC}, {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F567}, {0x1F595, 0x1F596},
    {0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5}, {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2}, {0x1F6EB, 0x1F6EC},
    {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7EB}, {0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1FAFF},
    {0x20000, 0x3FFFD}};

std::size_t columns(char32_t c) {
  if (c < 0x300) return 1;
  if (within(kCombining, c)) return 0;
  return within(kWide, c) ? 2 : 1;
}

// Takes one character off the front of `text`: its bytes, or an empty view for a byte that is not UTF-8.
std::string_view take_character(std::string_view& text) {
  std::size_t length = utf8_length(text);
  std::string_view character = text.substr(0, length);
  text.remove_prefix(std::max<std::size_t>(length, 1));
  return character;
}

bool is_control(char32_t c) { return c < 0x20 || c == 0x7F; }

void append_escaped(std::string& out, char32_t c) {
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  auto number = static_cast<std::uint32_t>(c);
  out += c < 0x80 ? fmt::format("\\x{:02x}", number) : fmt::format("\\u{{{:x}}}", number);
}

void append_printable(std::string& out, std::string_view& text) {
  auto first = static_cast<unsigned char>(text.front());
  std::string_view character = take_character(text);
  if (character.empty()) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", first);
    return;
  }
  char32_t c = utf8_code_point(character);
  if (is_control(c) || within(kDeceiving, c)) {
    append_escaped(out, c);
  } else {
    out += character;
  }
}

std::tm broken_down(WallNanos time, bool utc) {
  std::time_t seconds = static_cast<std::time_t>(time / 1'000'000'000 - (time % 1'000'000'000 < 0 ? 1 : 0));
  std::tm parts{};
  if (utc) {
    gmtime_r(&seconds, &parts);
  } else {
    localtime_r(&seconds, &parts);
  }
  return parts;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) append_printable(out, text);
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (text.starts_with("\r\n")) text.remove_prefix(1);
    if (text.front() == '\n' || text.front() == '\t') {
      out += text.front();
      text.remove_prefix(1);
    } else {
      append_printable(out, text);
    }
  }
  return out;
}

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    bool near_end = bytes.size() < 4;
    auto first = static_cast<unsigned char>(bytes.front());
    std::string_view character = take_character(bytes);
    if (character.empty()) return near_end && first >= 0xC2;
    if (is_control(first) && first != '\n' && first != '\r' && first != '\t' && first != '\f') return false;
    if (char32_t c = utf8_code_point(character); c >= 0x80 && c < 0xA0) return false;
  }
  return true;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    std::string_view character = take_character(text);
    width += character.empty() ? 1 : columns(utf8_code_point(character));
  }
  return width;
}

std::string fitted(std::string_view text, std::size_t width) {
  static constexpr std::string_view kCut = "...";
  if (display_width(text) <= width) return std::string(text);
  if (width <= kCut.size()) return std::string(kCut.substr(0, width));
  std::size_t room = width - kCut.size();
  std::string out;
  while (!text.empty()) {
    std::string_view character = take_character(text);
    std::size_t needed = character.empty() ? 1 : columns(utf8_code_point(character));
    if (needed > room) break;
    room -= needed;
    out += character;
  }
  return out.append(kCut);
}

std::string duration_text(std::int64_t microseconds) {
  if (microseconds < 0) return "-";
  std::int64_t ms = microseconds / 1000;
  if (ms == 0) return "<1ms";
  if (ms < 1000) return fmt::format("{}ms", ms);
  std::int64_t seconds = ms / 1000;
  if (seconds < 60) return fmt::format("{}.{}s", seconds, ms % 1000 / 100);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
}

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  static constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 * 1024) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}.{} {}", bytes / 1024, bytes % 1024 * 10 / 1024, kUnits[unit]);
}

std::string rfc3339(WallNanos time) {
  std::tm utc = broken_down(time, true);
  WallNanos rest = time % 1'000'000'000;
  if (rest < 0) rest += 1'000'000'000;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, rest / 1'000'000);
}

std::string local_time(WallNanos time) {
  std::tm local = broken_down(time, false);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

std::string local_date_time(WallNanos time) {
  std::tm local = broken_down(time, false);
  return fmt::format("{:04}-{:02}-{:02} {}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
                     local_time(time));
}

}  // namespace weir::flow
