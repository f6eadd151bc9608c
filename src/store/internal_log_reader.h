// InternalLogReader: reads the files of InternalLog back, in the order of time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "store/log_tail.h"

namespace weir::store {

/// Whose lines: the proxy's own, or those of logging to other machines.
enum class InternalType : std::uint8_t { all, proxy, logging };

struct InternalLine {
  WallNanos time = 0;  ///< of a line that says none: that of the line before it
  std::string text;    ///< the whole line, as it stands in the file
};

/// The word behind the time of a line, such as "WARN"; empty when it has no such form.
std::string_view level_of(std::string_view line);

/// Plain and packed files; what cannot be read is counted. One thread.
class InternalLogReader {
 public:
  /// Fails with not_found when nothing has been logged there.
  static Result<InternalLogReader> open(const std::filesystem::path& folder, InternalType type);

  /// The next line, oldest first; nothing at the end.
  std::optional<InternalLine> next();
  const JsonlDamage& damage() const { return damage_; }
  /// What is logged from now on; after next() has come to the end, without a gap.
  LogTail tail() const;

  /// The last line of a file in a tail, or the first of the next, read as next() does.
  static InternalLine parse(std::string_view line, WallNanos before);

 private:
  struct Source {
    JsonlLines lines;
    InternalLine head;
  };

  InternalLogReader(std::filesystem::path folder, InternalType type)
      : folder_(std::move(folder)), type_(type) {}
  void add(const std::filesystem::path& file);
  bool advance(Source& source);

  std::filesystem::path folder_;
  InternalType type_;
  std::vector<Source> sources_;
  LogTail::Read read_;
  JsonlDamage damage_;
};

}  // namespace weir::store
