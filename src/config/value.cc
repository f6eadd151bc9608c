#include "config/value.h"

#include <algorithm>
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

template <typename ToText>
std::string joined(const Value& value, std::string_view separator, ToText to_text) {
  std::string out;
  for (const Scalar& item : value.items) {
    if (!out.empty()) out += separator;
    out += to_text(item);
  }
  return value.list ? "[" + out + "]" : out;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);  // a TOML basic string has JSON's escapes
  return out;
}

}  // namespace

Value Value::string(std::string text) { return {{{Scalar::Type::string, std::move(text)}}}; }

Value Value::integer(std::uint64_t number) { return {{{Scalar::Type::integer, std::to_string(number)}}}; }

Value Value::boolean(bool on) { return {{{Scalar::Type::boolean, on ? "true" : "false"}}}; }

Value Value::strings(const std::vector<std::string>& texts) {
  Value out;
  out.list = true;
  for (const std::string& text : texts) out.items.push_back({Scalar::Type::string, text});
  return out;
}

namespace {

/// As a key: bare where TOML allows it (v1.0.0, "Keys").
std::string toml_key(const std::string& name) {
  bool bare = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  return bare ? name : quoted(name);
}

}  // namespace

std::string Scalar::toml() const {
  if (type == Type::integer || type == Type::boolean) return text;
  if (type != Type::table) return quoted(text);
  std::string out;
  for (const auto& [name, value] : members)
    out.append(out.empty() ? "{ " : ", ").append(toml_key(name)).append(" = ").append(value.toml());
  return out.empty() ? "{}" : out + " }";
}

std::string Scalar::json() const {
  if (type == Type::integer || type == Type::boolean) return text;
  if (type != Type::table) return quoted(text);
  std::string out;
  for (const auto& [name, value] : members)
    out.append(out.empty() ? "" : ",").append(quoted(name)).append(":").append(value.json());
  return "{" + out + "}";
}

std::string Value::toml() const {
  return joined(*this, ", ", [](const Scalar& item) { return item.toml(); });
}
std::string Value::json() const {
  return joined(*this, ",", [](const Scalar& item) { return item.json(); });
}

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
