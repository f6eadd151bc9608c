#include "store/jsonl_names.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "base/ascii.h"

namespace weir::store {
namespace {

constexpr std::string_view kPrefix = "requests_";
constexpr std::string_view kSuffix = ".jsonl.gz";
constexpr std::size_t kDayDigits = 8;
constexpr std::size_t kLeastDigits = 4;  // of the number; a busy day may need more
constexpr std::size_t kMostDigits = 9;

}  // namespace

std::optional<JsonlName> JsonlName::parse(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  if (name.size() < kPrefix.size() + kDayDigits + 1 + kLeastDigits + kSuffix.size()) return std::nullopt;
  name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  std::string_view number_text = name.substr(kDayDigits + 1);
  auto day = parse_decimal(name.substr(0, kDayDigits));
  auto number = parse_decimal(number_text);
  if (!day || !number || name[kDayDigits] != '_' || number_text.size() > kMostDigits) return std::nullopt;
  return JsonlName{static_cast<std::uint32_t>(*day), static_cast<std::uint32_t>(*number)};
}

std::string JsonlName::str() const { return fmt::format("{}{:08}_{:04}{}", kPrefix, day, number, kSuffix); }

std::uint32_t jsonl_day(WallNanos time) {
  time_t seconds = time / 1'000'000'000;
  tm utc;
  gmtime_r(&seconds, &utc);
  return static_cast<std::uint32_t>((utc.tm_year + 1900) * 10'000 + (utc.tm_mon + 1) * 100 + utc.tm_mday);
}

std::vector<JsonlName> jsonl_names(const std::filesystem::path& folder) {
  std::vector<JsonlName> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (auto name = JsonlName::parse(entry->path().filename().native())) names.push_back(*name);
  std::ranges::sort(names);
  return names;
}

}  // namespace weir::store
