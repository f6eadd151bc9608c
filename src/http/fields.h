// Fields: the header fields of one message, in the order and the case in which they came.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ascii.h"

namespace weir::http {

/// An ordered list of (name, value). Names compare without case and keep their spelling; equal names stay
/// apart. All text lies in one arena, so building and moving a list costs two allocations however long it is.
/// Views handed out are valid until the next change of the list. Not thread-safe.
class Fields {
 public:
  struct View {
    std::string_view name;
    std::string_view value;
  };

  Fields() = default;
  Fields(const Fields&) = default;
  Fields(Fields&& other) noexcept = default;
  Fields& operator=(const Fields& other);
  Fields& operator=(Fields&& other) noexcept;
  ~Fields() { wipe(); }

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  View operator[](std::size_t i) const { return view(entries_[i]); }

  /// Room for `count` fields with `bytes` of text together.
  void reserve(std::size_t count, std::size_t bytes);
  void add(std::string_view name, std::string_view value);
  /// Removes every field of that name; returns how many there were.
  std::size_t remove(std::string_view name);
  /// Removes, in one pass, every field for which `unwanted(View)` is true; returns how many there were.
  template <typename Unwanted>
  std::size_t remove_if(Unwanted&& unwanted) {
    return std::erase_if(entries_, [&](const Entry& entry) { return unwanted(view(entry)); });
  }
  /// Replaces the first field of that name in place and removes the others; adds one if there was none.
  void set(std::string_view name, std::string_view value);
  /// As add; the value is a secret: HTTP/2 never puts it into a table (RFC 7541 section 7.1.3), and this list
  /// and its copies overwrite their memory when they let it go.
  void add_secret(std::string_view name, std::string_view value);
  /// This list and its copies overwrite their memory as if there were one.
  void keep_secret() { secret_ = true; }
  /// One of them is a secret; that one is.
  bool secret() const { return secret_; }
  bool secret(std::size_t i) const { return entries_[i].secret; }
  /// First value of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != entries_.size(); }
  std::size_t count(std::string_view name) const;
  /// True when the comma-separated lists of that name together hold `token` (without case).
  bool has_token(std::string_view name, std::string_view token) const;
  void clear();
  /// Heap bytes held, for memory accounting.
  std::size_t memory() const { return arena_.capacity() + entries_.capacity() * sizeof(Entry); }

  class Iterator {
   public:
    Iterator(const Fields* fields, std::size_t at) : fields_(fields), at_(at) {}
    View operator*() const { return (*fields_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const Fields* fields_;
    std::size_t at_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, entries_.size()}; }

 private:
  struct Span {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };
  struct Entry {
    Span name;
    Span value;
    bool secret = false;
  };

  std::string_view text(Span span) const { return {arena_.data() + span.at, span.size}; }
  View view(const Entry& entry) const { return {text(entry.name), text(entry.value)}; }
  std::size_t find(std::string_view name) const;
  void wipe() {
    if (secret_) overwrite();
  }
  void overwrite();
  void grow(std::size_t capacity);

  std::string arena_;  // only grows; replaced and removed text stays until clear()
  std::vector<Entry> entries_;
  bool secret_ = false;  // stays, whatever is removed
};

}  // namespace weir::http
