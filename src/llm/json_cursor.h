// JsonCursor: one way through a JSON text, forward, without building anything. For large bodies of which
// little is wanted, whole or cut off at any byte; for small ones of which all is wanted there is
// JsonDocument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::llm {

/// The text between the quotes of a JSON string, escapes as they are spelled.
struct JsonString {
  std::string_view raw;
  bool escaped = false;  ///< has escapes

  /// At most `limit` bytes of what it says, never cut within a character; what is no UTF-8 becomes U+FFFD.
  std::string str(std::size_t limit = 256) const;
};

/// Reads values in the order in which they stand. Every reader of a value consumes it, whatever it was; a
/// value of another kind gives nothing. Checks only what it needs to find its way: a text that it walks to
/// the end of without `broken()` may still be no JSON. Views point into the text. Nothing recurses, memory is
/// not used.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  enum class Kind : std::uint8_t { none, object, array, string, number, boolean, null };
  Kind kind();  ///< of the next value; none at the end or where there is no value

  std::optional<JsonString> string();
  std::string_view word() { return string().value_or(JsonString{}).raw; }  ///< for names that have no escapes
  /// Sets `out` to the string if there is one that is whole and not empty: half a name is another name.
  void read(std::string& out, std::size_t limit = 256);
  std::optional<std::int64_t> integer();  ///< a number without fraction that fits
  std::optional<double> number();
  std::optional<bool> boolean();
  std::string_view raw();  ///< any value as it is spelled; up to the end where it is cut off
  void skip() { raw(); }

  /// Calls `each(key)` for every member; it reads the value from this cursor, or leaves it, then it is
  /// skipped. Keys are as they are spelled. False when the value is no object.
  template <typename Each>
  bool each_member(Each&& each) {
    if (!enter('{')) return false;
    for (std::string_view key; next_key(key);) {
      const char* before = at_;
      each(key);
      if (at_ == before) skip();
    }
    return true;
  }
  /// The same for the elements of an array; `each()` reads the element.
  template <typename Each>
  bool each_element(Each&& each) {
    if (!enter('[')) return false;
    while (next_element()) {
      const char* before = at_;
      each();
      if (at_ == before) skip();
    }
    return true;
  }

  bool broken() const { return cut_ || malformed_; }
  bool cut() const { return cut_; }              ///< the text ended too early
  bool malformed() const { return malformed_; }  ///< a byte stands where it cannot

 private:
  bool enter(char bracket);              // past the bracket, or past the value that has none
  bool next_key(std::string_view& key);  // to the member's value, or past the object's end
  bool next_element();
  bool next_in(char close);
  bool fail_cut() { return at_ = end_, cut_ = true, false; }
  bool fail_malformed() { return at_ = end_, malformed_ = true, false; }
  void space() {
    while (at_ != end_ && *at_ <= ' ' && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool skip_string(bool& escaped);  // from behind the opening quote to behind the closing one
  void skip_nested();
  std::string_view scalar();

  const char* at_;
  const char* end_;
  bool first_ = false;  // the next thing is the first in its array or object
  bool cut_ = false;
  bool malformed_ = false;
};

/// Appends what the string says to `out` as UTF-8 until `out` has `limit` bytes; returns how many bytes all
/// of it has. Lone surrogates and bad bytes become U+FFFD.
std::size_t append_decoded(std::string& out, const JsonString& string, std::size_t limit);

}  // namespace weir::llm
