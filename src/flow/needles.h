// Needles: finds secret values in texts, in each of the forms they may be written in.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret_bytes.h"
#include "flow/find.h"

namespace weir::flow {

/// The forms of a value: itself; itself in lower case, as host names and names of fields have it; with '+'
/// for spaces, as forms have it; with the escapes of JSON; base64 of a text that it stands anywhere in, of
/// either alphabet; hexadecimal, in upper or lower case. Immutable once built, for any number of threads.
/// Once built, they lie in memory as SecretBytes has it, but for the first four bytes of each form.
class Needles {
 public:
  /// Shorter values have forms that are found everywhere.
  static constexpr std::size_t kShortest = 4;

  /// `value` has at least kShortest bytes.
  void add(std::string_view value, std::uint32_t rule);
  /// Call once after the last add.
  void build();

  bool empty() const { return needles_.empty() && forms_.empty(); }
  /// Of the longest form; 0 when there is none. Once built.
  std::size_t longest() const { return longest_; }
  /// Every byte that is in some form. Once built.
  std::bitset<256> bytes() const;
  /// Merged finds. One pass over the text, whatever the number of needles.
  Finds find(std::string_view text) const;
  /// Each by itself: finds overlap, and two rules may have one value.
  Finds find_each(std::string_view text) const;
  /// Where the longest end of `text` begins that some needle begins with; the size of `text` when there is
  /// none.
  std::size_t unfinished(std::string_view text) const;

 private:
  struct Needle {
    std::string_view text;  ///< in texts_
    std::uint32_t rule = 0;
    // Of base64: the characters beside it hold bits of the value, too.
    bool before = false, after = false;
  };
  static constexpr unsigned kFilterBits = 16;

  struct Form {
    Form() = default;
    Form(Form&&) = default;
    Form& operator=(Form&&) = default;
    ~Form() { zero(text); }
    std::string text;
    std::uint32_t rule = 0;
    bool before = false, after = false;
  };
  static std::uint32_t slot_of(std::uint32_t head) { return head * 0x9E3779B1U >> (32 - kFilterBits); }
  /// False for most heads that no needle begins with.
  bool may_begin(std::uint32_t head) const {
    std::uint32_t slot = slot_of(head);
    return (filter_[slot / 64] >> slot % 64 & 1) != 0;
  }
  /// The needles that begin with these four bytes.
  std::span<const Needle> with_head(std::uint32_t head) const;
  /// Memory for all the texts.
  char* take_memory(std::size_t size);

  void add_form(std::string text, std::uint32_t rule, bool before = false, bool after = false);
  void add_base64(std::string_view value, std::uint32_t rule);
  Find found(const Needle& needle, std::string_view text, std::size_t at) const;

  std::vector<Form> forms_;            ///< until they are built
  SecretBytes texts_;                  ///< one behind the other
  std::string plain_texts_;            ///< the same, where there is no such memory
  std::vector<Needle> needles_;        ///< by their first four bytes
  std::vector<std::uint32_t> heads_;   ///< these, of each
  std::vector<std::uint64_t> filter_;  ///< a bit for each hash of a head
  std::size_t longest_ = 0;
};

}  // namespace weir::flow
