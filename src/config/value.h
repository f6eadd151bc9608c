// Value: what a layer says for one key, before anybody knows what it means. Texts of durations and sizes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

struct Member;

/// One scalar as it was written, or one table of a list of tables.
struct Scalar {
  /// `argument`: from the command line, where nothing tells a number from a text.
  enum class Type : std::uint8_t { string, integer, boolean, argument, table, other };
  Type type = Type::string;
  std::string text;                    ///< without quotes; for `other` the name of what it is ("a date")
  std::uint32_t line = 0, column = 0;  ///< in a file; else 0
  std::vector<Member> members;         ///< of a table

  std::string toml() const;
  std::string json() const;
};

struct Value {
  std::vector<Scalar> items;  ///< one, unless it is a list
  bool list = false;
  std::uint32_t line = 0, column = 0;

  static Value string(std::string text);
  static Value integer(std::uint64_t number);
  static Value boolean(bool on);
  static Value strings(const std::vector<std::string>& texts);

  /// In TOML's spelling: "text", 12, ["a", "b"], [{ host = "a", cert = "b" }].
  std::string toml() const;
  /// The same in JSON's.
  std::string json() const;
};

/// A key of a table in a list.
struct Member {
  std::string name;
  Value value;  ///< its place is the key's
};

/// "250ms", "30s", "2m", "1h", "7d", or a bare 0. Nothing on anything else.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string duration_text(std::chrono::milliseconds duration);

/// "512", "512B", "64KiB" (1024s: KiB MiB GiB TiB) or "64KB" (1000s: KB MB GB TB), any case. Nothing on
/// anything else or overflow.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string size_text(std::uint64_t bytes);

}  // namespace weir::config
