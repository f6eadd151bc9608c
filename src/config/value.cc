#include "config/value.h"

#include <limits>
#include <span>

#include "base/ascii.h"
#include "base/json.h"

namespace weir::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit kDurations[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
constexpr Unit kSizes[] = {{"TiB", 1ULL << 40},
                           {"GiB", 1ULL << 30},
                           {"MiB", 1ULL << 20},
                           {"KiB", 1ULL << 10},
                           {"TB", 1'000'000'000'000},
                           {"GB", 1'000'000'000},
                           {"MB", 1'000'000},
                           {"KB", 1000},
                           {"B", 1},
                           {"", 1}};
constexpr std::size_t kBinarySizes = 4;

/// Digits, optional spaces, one of `units`.
template <std::size_t N>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const Unit (&units)[N],
                                             std::uint64_t limit) {
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  auto number = parse_decimal(text.substr(0, digits));
  if (!number) return std::nullopt;
  std::string_view unit = trim_ows(text.substr(digits));
  for (const Unit& known : units)
    if (iequals(unit, known.name))
      return *number <= limit / known.factor ? std::optional(*number * known.factor) : std::nullopt;
  return std::nullopt;
}

std::string joined(const Value& value, std::string_view separator) {
  std::string out;
  for (const Scalar& item : value.items) {
    if (!out.empty()) out += separator;
    if (item.type == Scalar::Type::integer) {
      out += item.text;
    } else {
      append_json_string(out, item.text);  // a TOML basic string has JSON's escapes
    }
  }
  return value.list ? "[" + out + "]" : out;
}

}  // namespace

Value Value::strings(const std::vector<std::string>& texts) {
  Value out;
  out.list = true;
  for (const std::string& text : texts) out.items.push_back({Scalar::Type::string, text});
  return out;
}

std::string Value::toml() const { return joined(*this, ", "); }
std::string Value::json() const { return joined(*this, ","); }

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  constexpr std::uint64_t kCentury = 100ULL * 366 * 86'400'000;
  auto count = parse_with_unit(text, kDurations, kCentury);
  if (!count) return std::nullopt;
  return std::chrono::milliseconds(*count);
}

std::string duration_text(std::chrono::milliseconds duration) {
  auto count = static_cast<std::uint64_t>(duration.count());
  if (count == 0) return "0s";
  for (const Unit& unit : kDurations)
    if (count % unit.factor == 0) return std::to_string(count / unit.factor).append(unit.name);
  return {};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, kSizes, std::numeric_limits<std::int64_t>::max());
}

std::string size_text(std::uint64_t bytes) {
  for (const Unit& unit : std::span(kSizes).first(kBinarySizes))
    if (bytes != 0 && bytes % unit.factor == 0) return std::to_string(bytes / unit.factor).append(unit.name);
  return std::to_string(bytes) + "B";
}

}  // namespace weir::config
