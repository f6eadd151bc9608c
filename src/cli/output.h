// Output: standard output of a verb that prints records, buffered, and safe when its reader goes away (`|
// head`).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::cli {

/// Buffers and writes to a descriptor it does not own. Not thread-safe. SIGPIPE must be ignored by the
/// process (ignore_sigpipe). After the reader has gone, or a write failed, everything is dropped quietly.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  int fd() const { return fd_; }
  /// The buffer to append to; call flush_if_large() between records.
  std::string& buffer() { return buffer_; }
  void write(std::string_view text) { buffer_.append(text); }
  void flush_if_large();
  /// Writes all that is buffered; waits for the reader.
  void flush();
  /// True once nothing can be delivered any more: stop producing.
  bool closed() const { return closed_; }
  /// flush(), then the error of a write that failed (a full disk); a reader that went away is no error.
  Result<> finish();

 private:
  int fd_;
  bool closed_ = false;
  int error_ = 0;
  std::string buffer_;
};

/// Columns of the terminal behind `fd`: 80 when it does not tell, 0 when `fd` is no terminal.
std::size_t terminal_width(int fd);
/// Its rows: 24 when it does not tell.
std::size_t terminal_height(int fd);
/// Characters beyond ASCII are for terminals whose locale has them.
bool draws_lines(int fd);
/// Colours are for terminals that can show them, unless NO_COLOR is set (no-color.org) or TERM is "dumb".
bool wants_color(bool terminal, bool no_color_flag);
void ignore_sigpipe();

}  // namespace weir::cli
