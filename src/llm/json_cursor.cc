#include "llm/json_cursor.h"

#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "llm/json_scan.h"

namespace weir::llm {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// The value of four hex digits, or -1.
int hex4(std::string_view text) {
  if (text.size() < 4) return -1;
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + 4, value, 16);
  return error == std::errc() && end == text.data() + 4 ? static_cast<int>(value) : -1;
}

std::string_view encode(char32_t code, char (&out)[4]) {
  if (code < 0x80) return out[0] = static_cast<char>(code), std::string_view(out, 1);
  std::size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (std::size_t i = length - 1; i > 0; --i, code >>= 6) out[i] = static_cast<char>(0x80 | (code & 0x3F));
  out[0] = static_cast<char>((0xF00u >> length & 0xFF) | code);
  return {out, length};
}

// Takes one escape, from its backslash, off the front of `text`.
std::string_view take_escape(std::string_view& text, char (&out)[4]) {
  char kind = text.size() > 1 ? text[1] : 0;
  text.remove_prefix(text.size() < 2 ? text.size() : 2);
  switch (kind) {
    case 'n': return "\n";
    case 't': return "\t";
    case 'r': return "\r";
    case 'b': return "\b";
    case 'f': return "\f";
    case '"': return "\"";
    case '\\': return "\\";
    case '/': return "/";
    case 'u': break;
    default: return kReplacement;
  }
  int unit = hex4(text);
  if (unit < 0) return kReplacement;
  text.remove_prefix(4);
  if (unit < 0xD800 || unit > 0xDFFF) return encode(static_cast<char32_t>(unit), out);
  int low = unit < 0xDC00 && text.starts_with("\\u") ? hex4(text.substr(2)) : -1;
  if (low < 0xDC00 || low > 0xDFFF) return kReplacement;
  text.remove_prefix(6);
  return encode(0x10000 + (static_cast<char32_t>(unit - 0xD800) << 10) + static_cast<char32_t>(low - 0xDC00),
                out);
}

// A character does not fit: from then on nothing does, so that there is no hole in what is kept.
class Appender {
 public:
  Appender(std::string& out, std::size_t limit) : out_(out), limit_(limit), full_(out.size() >= limit) {}

  void add(std::string_view text) {  // valid UTF-8
    size_ += text.size();
    if (full_) return;
    std::size_t room = limit_ > out_.size() ? limit_ - out_.size() : 0;
    full_ = text.size() > room;
    if (full_)
      for (text = text.substr(0, room + 1); !text.empty();) {
        bool starts = (static_cast<unsigned char>(text.back()) & 0xC0) != 0x80;
        text.remove_suffix(1);
        if (starts) break;
      }
    out_.append(text);
  }
  void add_any(std::string_view text) {
    if (full_) return void(size_ += text.size());  // only counted: not worth a look
    while (!text.empty()) {
      std::size_t good = utf8_prefix(text);
      add(text.substr(0, good));
      text.remove_prefix(good);
      if (text.empty()) return;
      add(kReplacement);
      text.remove_prefix(1);
    }
  }
  std::size_t size() const { return size_; }

 private:
  std::string& out_;
  std::size_t limit_;
  std::size_t size_ = 0;
  bool full_;
};

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool ends_scalar(char c) { return is_space(c) || c == ',' || c == '}' || c == ']'; }

}  // namespace

std::size_t append_decoded(std::string& out, const JsonString& string, std::size_t limit) {
  Appender appender(out, limit);
  std::string_view rest = string.raw;
  if (!string.escaped && out.size() >= limit) return rest.size();
  char buffer[4];
  while (!rest.empty()) {
    std::size_t plain = string.escaped ? rest.find('\\') : rest.size();
    appender.add_any(rest.substr(0, plain));
    if (plain >= rest.size()) break;
    rest.remove_prefix(plain);
    appender.add(take_escape(rest, buffer));
  }
  return appender.size();
}

std::string JsonString::str(std::size_t limit) const {
  std::string out;
  append_decoded(out, *this, limit);
  return out;
}

JsonCursor::Kind JsonCursor::kind() {
  space();
  if (at_ == end_) return Kind::none;
  switch (*at_) {
    case '{': return Kind::object;
    case '[': return Kind::array;
    case '"': return Kind::string;
    case 't':
    case 'f': return Kind::boolean;
    case 'n': return Kind::null;
    default: return *at_ == '-' || (*at_ >= '0' && *at_ <= '9') ? Kind::number : Kind::none;
  }
}

bool JsonCursor::enter(char bracket) {
  space();
  if (at_ == end_) return fail_cut();
  if (*at_ != bracket) return skip(), false;
  ++at_;
  first_ = true;
  return true;
}

// True when another member or element begins; at its first byte then.
bool JsonCursor::next_in(char close) {
  space();
  if (at_ == end_) return fail_cut();
  bool first = std::exchange(first_, false);
  if (*at_ == close) return ++at_, false;
  if (!first) {
    if (*at_ != ',') return fail_malformed();
    ++at_;
    space();
    if (at_ == end_) return fail_cut();
  }
  return true;
}

bool JsonCursor::next_key(std::string_view& key) {
  if (!next_in('}')) return false;
  if (*at_ != '"') return fail_malformed();
  const char* start = ++at_;
  bool escaped = false;
  if (!skip_string(escaped)) return false;
  key = {start, static_cast<std::size_t>(at_ - 1 - start)};
  space();
  if (at_ == end_) return fail_cut();
  if (*at_ != ':') return fail_malformed();
  ++at_;
  space();
  return at_ == end_ ? fail_cut() : true;
}

bool JsonCursor::next_element() { return next_in(']'); }

bool JsonCursor::skip_string(bool& escaped) {
  for (;;) {
    at_ = find_any_of<'"', '\\'>(at_, end_);
    if (at_ == end_) return fail_cut();
    if (*at_ == '"') return ++at_, true;
    escaped = true;
    if (end_ - at_ < 2) return fail_cut();
    at_ += 2;
  }
}

std::optional<JsonString> JsonCursor::string() {
  space();
  if (at_ == end_ || *at_ != '"') return skip(), std::nullopt;
  const char* start = ++at_;
  bool escaped = false;
  // A string that is cut off still says what came of it: at_ is the end then, and there is no closing quote.
  std::size_t quote = skip_string(escaped) ? 1 : 0;
  return JsonString{{start, static_cast<std::size_t>(at_ - start) - quote}, escaped};
}

void JsonCursor::read(std::string& out, std::size_t limit) {
  auto text = string();
  if (!text || text->raw.empty() || cut_) return;
  out.clear();
  append_decoded(out, *text, limit);
}

std::string_view JsonCursor::scalar() {
  space();
  const char* start = at_;
  while (at_ != end_ && !ends_scalar(*at_)) ++at_;
  if (at_ == end_) fail_cut();  // a number may go on
  return {start, static_cast<std::size_t>(at_ - start)};
}

std::optional<std::int64_t> JsonCursor::integer() {
  if (kind() != Kind::number) return skip(), std::nullopt;
  std::string_view text = scalar();
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  // 12.0 and 1e3 are whole numbers, too; some servers write counts so.
  double real = 0;
  auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), real);
  if (failed != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  if (real != std::floor(real) || std::abs(real) > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(real);
}

std::optional<double> JsonCursor::number() {
  if (kind() != Kind::number) return skip(), std::nullopt;
  std::string_view text = scalar();
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> JsonCursor::boolean() {
  if (kind() != Kind::boolean) return skip(), std::nullopt;
  std::string_view text = scalar();
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

// From the opening bracket to behind the closing one. Counts depth only: `[}` passes, which harms nobody.
void JsonCursor::skip_nested() {
  std::size_t depth = 0;
  bool escaped = false;
  for (;;) {
    at_ = find_any_of<'"', '{', '}', '[', ']'>(at_, end_);
    if (at_ == end_) return void(fail_cut());
    char c = *at_++;
    if (c == '"') {
      if (!skip_string(escaped)) return;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (--depth == 0) {
      return;
    }
  }
}

std::string_view JsonCursor::raw() {
  Kind what = kind();
  const char* start = at_;
  bool escaped = false;
  switch (what) {
    case Kind::object:
    case Kind::array: skip_nested(); break;
    case Kind::string: ++at_, skip_string(escaped); break;
    case Kind::none: at_ == end_ ? fail_cut() : fail_malformed(); return {};
    default: scalar();
  }
  return {start, static_cast<std::size_t>(at_ - start)};
}

}  // namespace weir::llm
