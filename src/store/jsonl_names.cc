#include "store/jsonl_names.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "base/ascii.h"

namespace weir::store {
namespace {

constexpr std::size_t kDayDigits = 8;
constexpr std::size_t kLeastDigits = 4;  // of the number; a busy day may need more
constexpr std::size_t kMostDigits = 9;

}  // namespace

std::optional<JsonlName> JsonlName::parse(std::string_view name, const LogKind& kind) {
  std::size_t around = kind.prefix.size() + kind.suffix.size();
  if (!name.starts_with(kind.prefix) || !name.ends_with(kind.suffix)) return std::nullopt;
  if (name.size() < around + kDayDigits + 1 + kLeastDigits) return std::nullopt;
  name = name.substr(kind.prefix.size(), name.size() - around);
  std::string_view number_text = name.substr(kDayDigits + 1);
  auto day = parse_decimal(name.substr(0, kDayDigits));
  auto number = parse_decimal(number_text);
  if (!day || !number || name[kDayDigits] != '_' || number_text.size() > kMostDigits) return std::nullopt;
  return JsonlName{static_cast<std::uint32_t>(*day), static_cast<std::uint32_t>(*number)};
}

std::string JsonlName::str(const LogKind& kind) const {
  return fmt::format("{}{:08}_{:04}{}", kind.prefix, day, number, kind.suffix);
}

std::uint32_t jsonl_day(WallNanos time) {
  time_t seconds = time / 1'000'000'000;
  tm utc;
  gmtime_r(&seconds, &utc);
  return static_cast<std::uint32_t>((utc.tm_year + 1900) * 10'000 + (utc.tm_mon + 1) * 100 + utc.tm_mday);
}

std::vector<JsonlName> jsonl_names(const std::filesystem::path& folder, const LogKind& kind) {
  std::vector<JsonlName> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (auto name = JsonlName::parse(entry->path().filename().native(), kind)) names.push_back(*name);
  std::ranges::sort(names);
  return names;
}

JsonlName next_name(const std::filesystem::path& folder, std::initializer_list<LogKind> kinds, WallNanos now,
                    const JsonlName& last) {
  JsonlName next{jsonl_day(now), 0};
  if (last.day == next.day) next.number = last.number + 1;
  for (const LogKind& kind : kinds)
    for (const JsonlName& name : jsonl_names(folder, kind))
      if (name.day == next.day) next.number = std::max(next.number, name.number + 1);
  return next;
}

}  // namespace weir::store
