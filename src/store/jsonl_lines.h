// JsonlLines: the lines of one file, plain or gzip, whatever its state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

struct z_stream_s;

namespace weir::store {

/// What could not be read. All else was.
struct JsonlDamage {
  std::uint64_t torn = 0;        ///< files that end within a line, as after a crash
  std::uint64_t corrupt = 0;     ///< stretches of a file that are no gzip, or fail its checksum
  std::uint64_t too_long = 0;    ///< lines over kLongestLine
  std::uint64_t invalid = 0;     ///< lines that are no entries
  std::uint64_t unreadable = 0;  ///< files that could not be opened; logged each
};

/// Reads what the file held when it was opened, in pieces: memory is bounded by the longest line, time by the
/// size of the file (and what it inflates to). After damage it goes on with the next gzip member it finds.
/// One thread.
class JsonlLines {
 public:
  /// Fails (io) for what is no regular file or cannot be opened.
  static Result<JsonlLines> open(const std::filesystem::path& path);
  /// The same for a file that grows: where it ends for now next() gives nothing, and goes on from there after
  /// grow(). At first it ends after `size` bytes; it must have kLeastGrowing already, which tell gzip from
  /// text.
  static Result<JsonlLines> follow(const std::filesystem::path& path, std::uint64_t size);
  static constexpr std::uint64_t kLeastGrowing = 4;
  JsonlLines(JsonlLines&&) noexcept;
  JsonlLines& operator=(JsonlLines&&) noexcept;
  ~JsonlLines();

  /// The next line without its LF or CR LF, valid until the next call; nothing at the end.
  std::optional<std::string_view> next(JsonlDamage& damage);
  /// The line that next() gave last is the end of the file and has no line feed.
  bool cut_off() const { return cut_off_; }
  /// Bytes of the file that are, or will be, read.
  std::uint64_t size() const { return size_; }
  /// Takes in what has been written since.
  void grow();

 private:
  JsonlLines(UniqueFd file, std::uint64_t size, bool growing);

  /// More text into `text_`; false at the end of the file.
  bool fill(JsonlDamage& damage);
  bool inflate_some(JsonlDamage& damage);
  bool seek_member(JsonlDamage& damage);
  void damaged();
  bool refill();
  std::string_view raw() const { return std::string_view(raw_).substr(raw_at_); }
  std::uint64_t raw_position() const { return raw_end_ - (raw_.size() - raw_at_); }

  struct EndInflate {
    void operator()(z_stream_s* stream) const;
  };
  enum class Place : std::uint8_t { between, member, lost };  // of the next raw byte

  UniqueFd file_;
  std::uint64_t size_;
  bool growing_;
  std::string raw_;  // of the file, up to `raw_end_`
  std::size_t raw_at_ = 0;
  std::uint64_t raw_end_ = 0;
  std::unique_ptr<z_stream_s, EndInflate> stream_;  // none for a plain file
  Place place_ = Place::between;
  std::uint64_t member_begin_ = 0;
  bool guessed_ = false;        // the member was found by searching and has given nothing yet
  bool more_inflated_ = false;  // the decoder holds text that had no room
  std::uint64_t rewound_ = 0;

  std::string text_;
  std::size_t text_at_ = 0;   // of the next line
  std::size_t searched_ = 0;  // no line feed before it
  bool skipping_ = false;     // within a line that is too long
  bool cut_off_ = false;
};

}  // namespace weir::store
