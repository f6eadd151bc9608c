// Row: reads one table of a list of tables, member by member, and the codecs its members have.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/codecs.h"
#include "config/fields.h"
#include "policy/rule.h"

namespace weir::config {

/// A text that is not empty must be checked by who reads it.
struct Text {
  static std::string accepts() { return "a text in quotes"; }
  static bool parse(const Scalar& scalar, const Place&, std::string& out) {
    if (scalar.type != Scalar::Type::string) return false;
    out = scalar.text;
    return true;
  }
};

struct Pattern {
  static std::string accepts() { return "a pattern in quotes, such as \"*.example.com\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return !scalar.text.empty() && Text::parse(scalar, place, out);
  }
};

struct Method {
  static std::string accepts() { return "a method in quotes, such as \"GET\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out);
};

inline constexpr std::array<const char*, 3> kScopes = {"host", "path", "url"};
inline constexpr std::array<const char*, 3> kPatternTypes = {"exact", "glob", "regex"};
using ScopeWord = Choice<policy::Scope, kScopes>;
using PatternTypeWord = Choice<policy::PatternType, kPatternTypes>;

inline Value text_value(std::string_view text) { return Value::string(std::string(text)); }
/// "path:line" of a table, or the flag.
std::string source_of(const Scalar& table, const Place& place);
/// A scalar as it was written, for complaints.
std::string found(const Scalar& scalar);

/// Complains of what is wrong, and of every member that nobody asked for.
class Row {
 public:
  /// `prefix` starts every complaint.
  Row(const Scalar& table, std::string_view prefix, const Place& place, Complaints& complaints)
      : table_(table), prefix_(prefix), place_(place), complaints_(complaints) {}

  bool is_table(std::string_view example);

  /// False when the member is missing or wrong; the latter has been complained of.
  template <typename Codec, typename T>
  bool read(std::string_view member, T& out) {
    const Value* value = take(member);
    if (value == nullptr) return false;
    if (value->list) {
      complain(std::string(member) + ": a list is not accepted; wanted is " + Codec::accepts(), value->line,
               value->column);
      return false;
    }
    return parse<Codec>(member, value->items.front(), out);
  }

  template <typename Codec, typename T>
  void read(std::string_view member, std::optional<T>& out) {
    T parsed{};
    if (read<Codec>(member, parsed)) out = parsed;
  }

  template <typename Codec, typename T>
  void read(std::string_view member, std::vector<T>& out) {
    if (const Value* value = take(member))
      for (const Scalar& item : value->items) parse<Codec>(member, item, out.emplace_back());
  }

  template <typename Codec, typename T>
  void require(std::string_view member, T& out) {
    if (!read<Codec>(member, out) && !has(member))
      complain(std::string(member) + " is missing; wanted is " + Codec::accepts(), table_.line,
               table_.column);
  }

  const Value* take(std::string_view member);
  bool has(std::string_view member) const;
  /// A place of 0, 0 is the table's own.
  void complain(const std::string& text, std::uint32_t line = 0, std::uint32_t column = 0);
  /// Complains of members that nobody asked for.
  void finish();

 private:
  template <typename Codec, typename T>
  bool parse(std::string_view member, const Scalar& scalar, T& out) {
    if (Codec::parse(scalar, place_, out)) return true;
    std::string shown;
    if constexpr (requires { Codec::masked(scalar.text); })
      shown = Codec::masked(scalar.text);
    else
      shown = found(scalar);
    complain(std::string(member) + ": " + shown + " is not accepted; wanted is " + Codec::accepts(),
             scalar.line, scalar.column);
    return false;
  }

  const Scalar& table_;
  std::string prefix_;
  const Place& place_;
  Complaints& complaints_;
  std::vector<std::string_view> known_;
};

}  // namespace weir::config
