#include "base/json_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/ascii.h"
#include "base/utf8.h"

namespace weir {
namespace {

void append_utf8(std::string& out, char32_t c) {
  auto byte = [&](char32_t value) { out += static_cast<char>(value); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) {
    byte(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      byte(0xE0 | c >> 12);
    } else {
      byte(0xF0 | c >> 18);
      byte(0x80 | (c >> 12 & 0x3F));
    }
    byte(0x80 | (c >> 6 & 0x3F));
  }
  byte(0x80 | (c & 0x3F));
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  char folded = to_lower(c);
  return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

template <typename Number>
std::optional<Number> whole(std::string_view text) {
  Number value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

// A push-down reader with a stack of its own. `open_` holds the arrays and objects that have not ended.
class JsonParser {
 public:
  JsonParser(std::string_view text, const JsonDocument::Limits& limits, JsonDocument& out)
      : rest_(text), size_(text.size()), limits_(limits), out_(out) {}

  /// False: see error().
  bool run() {
    out_.text_.reserve(size_);
    do {
      if (!value() || !after_value()) return false;
    } while (!open_.empty());
    skip_space();
    return rest_.empty() || refuse("text after the value");
  }
  JsonError error() const { return error_; }

 private:
  using Kind = JsonDocument::Kind;
  using Span = JsonDocument::Span;
  using Node = JsonDocument::Node;

  bool refuse(std::string_view what) {
    error_ = {size_ - rest_.size(), what};
    return false;
  }
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  Node& node(std::uint32_t at) { return out_.nodes_[at]; }

  // One value; of an array or object its beginning, up to the first value within it.
  bool value() {
    while (true) {
      skip_space();
      if (rest_.empty()) return refuse("unexpected end");
      if (out_.nodes_.size() == limits_.values) return refuse("too many values");
      Span name = std::exchange(name_, {});
      out_.nodes_.emplace_back().name = name;
      auto at = static_cast<std::uint32_t>(out_.nodes_.size() - 1);
      if (!open_.empty()) ++node(open_.back()).count;
      char first = rest_.front();
      if (first != '[' && first != '{') return scalar(node(at)) && end(at);
      if (open_.size() == limits_.depth) return refuse("nested too deeply");
      rest_.remove_prefix(1);
      node(at).kind = first == '[' ? Kind::array : Kind::object;
      skip_space();
      if (take(first == '[' ? ']' : '}')) return end(at);
      open_.push_back(at);
      if (first == '{' && !member_name()) return false;
    }
  }

  // What stands between two values: commas, names, and the ends of arrays and objects.
  bool after_value() {
    while (!open_.empty()) {
      bool object = node(open_.back()).kind == Kind::object;
      skip_space();
      if (take(',')) return !object || member_name();
      if (!take(object ? '}' : ']')) return refuse(object ? "expected ',' or '}'" : "expected ',' or ']'");
      end(open_.back());
      open_.pop_back();
    }
    return true;
  }

  bool end(std::uint32_t at) {
    node(at).end = static_cast<std::uint32_t>(out_.nodes_.size());
    return true;
  }

  bool member_name() {
    skip_space();
    if (rest_.empty() || rest_.front() != '"') return refuse("expected a member's name");
    if (!string(name_)) return false;
    skip_space();
    return take(':') || refuse("expected ':'");
  }

  bool scalar(Node& node) {
    switch (rest_.front()) {
      case '"': node.kind = Kind::string; return string(node.text);
      case 't': node.kind = Kind::boolean; return word("true", node.text);
      case 'f': node.kind = Kind::boolean; return word("false", node.text);
      case 'n': node.kind = Kind::null; return word("null", node.text);
      default: node.kind = Kind::number; return number(node.text);
    }
  }

  Span keep(std::string_view text) {
    Span span{static_cast<std::uint32_t>(out_.text_.size()), static_cast<std::uint32_t>(text.size())};
    out_.text_.append(text);
    return span;
  }

  bool word(std::string_view expected, Span& span) {
    if (!rest_.starts_with(expected)) return refuse("unexpected character");
    rest_.remove_prefix(expected.size());
    span = keep(expected);
    return true;
  }

  std::size_t digits(std::size_t at) const {
    std::size_t end = at;
    while (end < rest_.size() && is_digit(rest_[end])) ++end;
    return end - at;
  }

  // RFC 8259 section 6.
  bool number(Span& span) {
    auto at = [&](std::size_t i) { return i < rest_.size() ? rest_[i] : '\0'; };
    std::size_t end = at(0) == '-' ? 1 : 0;
    std::size_t whole_digits = digits(end);
    if (whole_digits == 0) return refuse("unexpected character");
    if (at(end) == '0' && whole_digits > 1) return refuse("a number with a leading zero");
    end += whole_digits;
    if (at(end) == '.') {
      std::size_t fraction = digits(end + 1);
      if (fraction == 0) return refuse("a number that ends in a point");
      end += 1 + fraction;
    }
    if (at(end) == 'e' || at(end) == 'E') {
      end += at(end + 1) == '+' || at(end + 1) == '-' ? 2 : 1;
      std::size_t exponent = digits(end);
      if (exponent == 0) return refuse("a number without its exponent");
      end += exponent;
    }
    span = keep(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return true;
  }

  bool string(Span& span) {
    rest_.remove_prefix(1);
    std::size_t begin = out_.text_.size();
    while (true) {
      std::size_t plain = 0;
      while (plain < rest_.size() && is_plain(rest_[plain])) ++plain;
      out_.text_.append(rest_.substr(0, plain));
      rest_.remove_prefix(plain);
      if (rest_.empty()) return refuse("unterminated string");
      if (take('"')) break;
      if (take('\\') ? !escape() : !other()) return false;
    }
    span = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(out_.text_.size() - begin)};
    return true;
  }

  static bool is_plain(char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
  }

  // A character outside ASCII, or one that may not stand in a string.
  bool other() {
    std::size_t length = utf8_length(rest_);
    if (length == 0) return refuse("not UTF-8");
    if (length == 1) return refuse("a control character in a string");
    out_.text_.append(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return true;
  }

  bool escape() {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (take('u')) return unicode_escape();
    std::size_t letter = rest_.empty() ? kLetters.npos : kLetters.find(rest_.front());
    if (letter == kLetters.npos) return refuse("an unknown escape");
    rest_.remove_prefix(1);
    out_.text_ += kMeanings[letter];
    return true;
  }

  bool unicode_escape() {
    std::optional<char32_t> unit = four_digits();
    if (!unit) return refuse("a \\u escape without four digits");
    char32_t c = *unit;
    if (c >= 0xDC00 && c < 0xE000) return refuse("half a surrogate pair");
    if (c >= 0xD800 && c < 0xDC00) {
      std::optional<char32_t> low;
      if (take('\\') && take('u')) low = four_digits();
      if (!low || *low < 0xDC00 || *low >= 0xE000) return refuse("half a surrogate pair");
      c = 0x10000 + ((c - 0xD800) << 10) + (*low - 0xDC00);
    }
    append_utf8(out_.text_, c);
    return true;
  }

  std::optional<char32_t> four_digits() {
    if (rest_.size() < 4) return std::nullopt;
    char32_t value = 0;
    for (char c : rest_.substr(0, 4)) {
      int digit = hex_digit(c);
      if (digit < 0) return std::nullopt;
      value = value << 4 | static_cast<char32_t>(digit);
    }
    rest_.remove_prefix(4);
    return value;
  }

  std::string_view rest_;
  const std::size_t size_;
  const JsonDocument::Limits& limits_;
  JsonDocument& out_;
  std::vector<std::uint32_t> open_;
  Span name_;  // of the member whose value comes next
  JsonError error_;
};

std::expected<JsonDocument, JsonError> JsonDocument::parse(std::string_view text, const Limits& limits) {
  // Spans count in 32 bits.
  std::size_t most = std::min<std::size_t>(limits.bytes, std::numeric_limits<std::uint32_t>::max());
  if (text.size() > most) return std::unexpected(JsonError{most, "too long"});
  JsonDocument document;
  JsonParser parser(text, limits, document);
  if (!parser.run()) return std::unexpected(parser.error());
  return document;
}

JsonValue JsonDocument::root() const { return nodes_.empty() ? JsonValue() : JsonValue(this, 0); }

std::optional<std::string_view> JsonValue::string() const {
  if (!is(JsonDocument::Kind::string)) return std::nullopt;
  return document_->text(node().text);
}

std::optional<bool> JsonValue::boolean() const {
  if (!is(JsonDocument::Kind::boolean)) return std::nullopt;
  return document_->text(node().text) == "true";
}

std::optional<std::int64_t> JsonValue::integer() const {
  if (!is(JsonDocument::Kind::number)) return std::nullopt;
  return whole<std::int64_t>(document_->text(node().text));
}

std::optional<std::uint64_t> JsonValue::natural() const {
  if (!is(JsonDocument::Kind::number)) return std::nullopt;
  return whole<std::uint64_t>(document_->text(node().text));
}

std::optional<double> JsonValue::number() const {
  if (!is(JsonDocument::Kind::number)) return std::nullopt;
  return whole<double>(document_->text(node().text));
}

std::size_t JsonValue::size() const { return document_ ? node().count : 0; }

JsonValue JsonValue::operator[](std::string_view name) const {
  if (is_object())
    for (JsonValue member : *this)
      if (member.name() == name) return member;
  return {};
}

std::string_view JsonValue::name() const {
  return document_ ? document_->text(node().name) : std::string_view();
}

JsonValue::Iterator& JsonValue::Iterator::operator++() {
  at_ = document_->nodes_[at_].end;
  return *this;
}

JsonValue::Iterator JsonValue::begin() const { return {document_, at_ + 1}; }
JsonValue::Iterator JsonValue::end() const { return {document_, document_ ? node().end : at_ + 1}; }

}  // namespace weir
