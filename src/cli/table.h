// The table and the compact lines of `weir logs`.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "store/query.h"

namespace weir::cli {

enum class Tone : std::uint8_t { plain, good, redirect, client_error, server_error, failure };

/// `text` in the colour of its tone.
std::string painted(std::string_view text, Tone tone);

/// The status a person sees: "200", "ERR" for an exchange that failed, "-" while it has none; and its tone.
struct StatusText {
  std::string text;
  Tone tone = Tone::plain;
};
StatusText status_text(const store::Row& row);

/// A row in words, safe to print. Bodies are filled in by who has them.
struct RowText {
  std::string time, method, duration, process, url, request_body, response_body;
  StatusText status;
};
RowText row_text(const store::Row& row);

/// "10:30:05 GET  200 150ms https://api.example.com/users (curl[1234])\n", bodies on lines of their own below
/// it; the last only where the program is known.
std::string compact_line(const RowText& row, bool color);

/// A box around columns as wide as what they hold. Measure every row first, then fit, then print. Programs
/// have a column when one of them is known.
class Table {
 public:
  Table(bool bodies, bool color) : count_(bodies ? kColumns : kColumns - 2), color_(color) {}

  void measure(const RowText& row);
  /// Cuts URL and bodies, the widest first, until a line needs at most `width` columns; none gets below 20.
  void fit(std::size_t width);

  /// Each is whole lines. A cell that is too long for its column is cut with "...".
  std::string head() const;
  std::string line(const RowText& row) const;
  std::string foot() const;

 private:
  static constexpr std::size_t kColumns = 8;
  static constexpr std::size_t kProcess = 4;
  static constexpr std::size_t kFirstElastic = 5;

  bool shown(std::size_t column) const {
    return column < count_ && (column != kProcess || widths_[kProcess] > 0);
  }

  std::string rule(std::string_view left, std::string_view middle, std::string_view right) const;

  std::size_t count_;
  bool color_;
  std::array<std::size_t, kColumns> widths_{4, 6, 6, 8, 0, 3, 8, 9};  // those of the titles
};

}  // namespace weir::cli
