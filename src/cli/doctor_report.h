// The table of `weir doctor`.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "flow/text.h"

namespace weir::cli {

enum class Mark { good, note, bad };

/// The table on the screen; remembers whether anything was bad.
class Report {
 public:
  explicit Report(bool color) : color_(color) {}

  void row(Mark mark, std::string_view what, std::string_view finding, std::string_view mend = {}) {
    static constexpr std::string_view kWords[] = {"ok", "note", "FAIL"};
    static constexpr std::string_view kColors[] = {"\x1b[32m", "\x1b[33m", "\x1b[1;31m"};
    auto index = static_cast<std::size_t>(mark);
    std::string word = fmt::format("{:<4}", kWords[index]);
    if (color_) word = std::string(kColors[index]) + word + "\x1b[0m";
    fmt::print("{}  {:<16} {}\n", word, what, flow::printable(finding));
    if (!mend.empty() && mark != Mark::good) fmt::print("      {:<16} mend: {}\n", "", mend);
    if (mark == Mark::bad) ++failures_;
  }
  int failures() const { return failures_; }

 private:
  bool color_;
  int failures_ = 0;
};

}  // namespace weir::cli
