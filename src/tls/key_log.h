// KeyLog: TLS secrets in the NSS key log format, for Wireshark. Off unless the user asks for it.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace weir::tls {

/// Appends lines to a file of mode 0600. Thread-safe: one write(2) a line on an O_APPEND descriptor.
class KeyLog {
 public:
  /// Refuses a file that others can read.
  static Result<std::shared_ptr<KeyLog>> open(const std::filesystem::path& path);
  void write(std::string_view line);

 private:
  explicit KeyLog(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::atomic<bool> failed_ = false;
};

}  // namespace weir::tls
