// JsonDocument: reads one JSON text (RFC 8259) that may come from anybody. Strict, and bounded in every way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class JsonValue;

/// Where and why a text is no JSON, or more than the limits allow. The caller knows whom to blame.
struct JsonError {
  std::size_t offset = 0;  ///< in bytes
  std::string_view what;   ///< a few words with static storage: "unterminated string"
};

/// Owns the values of one text, checked as a whole and laid out flat: reading, walking and destroying recurse
/// nowhere, however deep the text is nested. Refuses what the grammar does not have (comments, trailing
/// commas, NaN, a byte order mark, anything after the value), strings that are not UTF-8 and lone surrogates.
class JsonDocument {
 public:
  struct Limits {
    std::size_t bytes = 8 << 20;
    std::size_t depth = 32;        ///< of arrays and objects in one another
    std::size_t values = 1 << 17;  ///< in all; a value takes 32 bytes besides its text
  };

  static std::expected<JsonDocument, JsonError> parse(std::string_view text, const Limits& limits);
  static std::expected<JsonDocument, JsonError> parse(std::string_view text) { return parse(text, Limits()); }

  /// Values are views: they live as long as the document does and stays where it is.
  JsonValue root() const;

 private:
  friend class JsonParser;
  friend class JsonValue;

  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  struct Span {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };
  struct Node {
    Span name;                ///< of a member of an object
    Span text;                ///< of a string, decoded; of a number or truth value, as it is spelled
    std::uint32_t end = 0;    ///< the node after this value and all within it
    std::uint32_t count = 0;  ///< elements or members
    Kind kind = Kind::null;
  };

  std::string_view text(Span span) const { return std::string_view(text_).substr(span.at, span.size); }

  std::vector<Node> nodes_;
  std::string text_;
};

/// One value. Asking for what is not there, or is of another kind, gives nothing and may be chained:
/// `root["a"]["b"].integer()`.
class JsonValue {
 public:
  JsonValue() = default;

  explicit operator bool() const { return document_ != nullptr; }  ///< there is a value, maybe null
  bool is_object() const { return is(JsonDocument::Kind::object); }
  bool is_array() const { return is(JsonDocument::Kind::array); }
  bool is_null() const { return is(JsonDocument::Kind::null); }
  std::optional<std::string_view> string() const;
  std::optional<bool> boolean() const;
  /// A number without fraction and exponent that fits.
  std::optional<std::int64_t> integer() const;
  std::optional<std::uint64_t> natural() const;
  std::optional<double> number() const;

  /// Elements of an array or members of an object; 0 for all else.
  std::size_t size() const;
  /// The first member of that name. Takes time in proportion to the object.
  JsonValue operator[](std::string_view name) const;
  /// Of a member met while iterating over its object.
  std::string_view name() const;

  class Iterator {
   public:
    Iterator(const JsonDocument* document, std::uint32_t at) : document_(document), at_(at) {}
    JsonValue operator*() const { return {document_, at_}; }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const JsonDocument* document_;
    std::uint32_t at_;
  };
  /// Elements or members in their order; none for all other kinds.
  Iterator begin() const;
  Iterator end() const;

 private:
  friend class JsonDocument;
  JsonValue(const JsonDocument* document, std::uint32_t at) : document_(document), at_(at) {}
  const JsonDocument::Node& node() const { return document_->nodes_[at_]; }
  bool is(JsonDocument::Kind kind) const { return document_ && node().kind == kind; }

  const JsonDocument* document_ = nullptr;
  std::uint32_t at_ = 0;
};

}  // namespace weir
