// SecretBytes: bytes that nobody but their user gets to see: in memory of their own, that is neither swapped
// out nor dumped, and zeroed when they go.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir {

/// Moves only. There is no way to print one: neither a formatter nor a stream operator takes it. Whoever
/// copies what reveal() gives into something else owns that copy's end.
class SecretBytes {
 public:
  /// How well the kernel keeps it, for reports: `secret` is beyond the reach of the kernel's own mapping
  /// (memfd_secret), `locked` is never swapped out, `plain` may be.
  enum class Keeping : unsigned char { none, plain, locked, secret };

  SecretBytes() = default;
  /// Room for `capacity` bytes, empty. Fails (io) when there is no memory.
  static Result<SecretBytes> make(std::size_t capacity);
  /// Moves `text` in, and zeroes it where it was.
  static Result<SecretBytes> take(std::string& text);
  SecretBytes(SecretBytes&& other) noexcept { swap(other); }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    clear();
    swap(other);
    return *this;
  }
  ~SecretBytes() { clear(); }

  /// Valid until the secret goes, or grows.
  std::string_view reveal() const { return {data_, size_}; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  Keeping keeping() const { return keeping_; }

  /// What is not used of the capacity, to be filled; then grow().
  std::span<char> room() { return {data_ + size_, capacity_ - size_}; }
  void grow(std::size_t by) { size_ += by; }
  /// As much of `text` as there is room for.
  void append(std::string_view text);
  /// Leaves out white space at both ends.
  void trim();
  /// Zeroes it, and gives its memory back.
  void clear();

  /// Compares in a time that depends on the lengths alone.
  friend bool same_secret(std::string_view a, std::string_view b);

 private:
  void swap(SecretBytes& other) noexcept;

  char* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0, mapped_ = 0;
  Keeping keeping_ = Keeping::none;
};

bool same_secret(std::string_view a, std::string_view b);
/// Overwrites what is there in a way that no compiler leaves out.
void zero(std::string& text);

/// The content of a file, without white space at its ends. Refuses what is not a regular file, belongs to
/// somebody else than this user or root, or may be read by others (its mode is to be 0600 or less), and more
/// than `most` bytes. A link is not followed. not_found where there is none.
Result<SecretBytes> read_secret_file(const std::string& path, std::size_t most = 64 << 10);

}  // namespace weir
