#include "flow/spellings.h"

#include <algorithm>

#include "base/ascii.h"

namespace weir::flow {
namespace {

// One escape: so many bytes of the text, and what they stand for. No bytes: it is none. Cut: the text ends in
// it.
struct Escape {
  std::size_t length = 0;
  std::size_t size = 0;
  char bytes[4] = {};
  bool cut = false;
};

constexpr Escape kNone{};
constexpr Escape kCut{.cut = true};

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  char letter = to_lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// The number that the hexadecimal digits at `at` make; -1 when one is none, -2 when the text ends before.
int hex_number(std::string_view text, std::size_t at, std::size_t digits) {
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (i >= text.size()) return -2;
    int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

Escape one_byte(std::size_t length, int number) {
  if (number == -2) return kCut;
  if (number == -1) return kNone;
  return {.length = length, .size = 1, .bytes = {static_cast<char>(number)}};
}

Escape character(std::size_t length, char32_t code) {
  auto tail = [&](unsigned shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  auto head = [&](unsigned mark, unsigned shift) { return static_cast<char>(mark | code >> shift); };
  if (code < 0x80) return {length, 1, {static_cast<char>(code)}};
  if (code < 0x800) return {length, 2, {head(0xC0, 6), tail(0)}};
  if (code < 0x10000) return {length, 3, {head(0xE0, 12), tail(6), tail(0)}};
  return {length, 4, {head(0xF0, 18), tail(12), tail(6), tail(0)}};
}

// "\uXXXX", two of them where the first is half of a pair.
Escape read_unicode(std::string_view text) {
  constexpr std::size_t kLength = 6;
  int first = hex_number(text, 2, 4);
  if (first == -2) return kCut;
  if (first == -1 || (first >= 0xDC00 && first < 0xE000)) return kNone;
  if (first < 0xD800 || first >= 0xE000) return character(kLength, static_cast<char32_t>(first));
  std::string_view rest = text.substr(kLength);
  if (!rest.substr(0, 2).starts_with(std::string_view("\\u").substr(0, rest.size()))) return kNone;
  int second = hex_number(rest, 2, 4);
  if (second == -2) return kCut;
  if (second < 0xDC00 || second >= 0xE000) return kNone;
  return character(2 * kLength, 0x10000 + (static_cast<char32_t>(first - 0xD800) << 10) +
                                    static_cast<char32_t>(second - 0xDC00));
}

constexpr std::string_view kLetters = "\"\\/'bfnrt";
constexpr std::string_view kMeanings = "\"\\/'\b\f\n\r\t";

Escape read_json(std::string_view text) {
  if (text.size() < 2) return kCut;
  if (text[1] == 'u') return read_unicode(text);
  if (text[1] == 'x') return one_byte(4, hex_number(text, 2, 2));
  std::size_t at = kLetters.find(text[1]);
  return at == std::string_view::npos ? kNone : Escape{2, 1, {kMeanings[at]}};
}

Escape read_escape(std::string_view text, Spelling spelling) {
  return spelling == Spelling::percent ? one_byte(3, hex_number(text, 1, 2)) : read_json(text);
}

// `next` is what stands behind the escape: where that is one itself, it is judged by itself.
bool matters(char byte, char next, const WantedBytes& wanted) {
  if (byte == '%') return wanted.percent || hex_digit(next) >= 0;
  if (byte != '\\') return wanted.bytes[static_cast<unsigned char>(byte)];
  if (wanted.backslash || next == 'u' || next == 'x') return true;
  std::size_t letter = next == '\\' ? std::string_view::npos : kLetters.find(next);
  return letter != std::string_view::npos && wanted.bytes[static_cast<unsigned char>(kMeanings[letter])];
}

// Calls `piece(begin, end, decoded, whole)` for plain runs and for escapes, from left to right; `whole` ones
// are of one piece.
template <typename Piece>
void for_each_piece(std::string_view text, Spelling spelling, Piece&& piece) {
  char mark = spelling == Spelling::percent ? '%' : '\\';
  std::size_t begin = 0;
  for (std::size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at)) {
    Escape escape = read_escape(text.substr(at), spelling);
    if (escape.length == 0 && !escape.cut) {
      ++at;
      continue;
    }
    if (at > begin) piece(begin, at, text.substr(begin, at - begin), false);
    if (escape.cut) return;
    begin = at + escape.length;
    piece(at, begin, std::string_view(escape.bytes, escape.size), true);
    at = begin;
  }
  if (begin < text.size()) piece(begin, text.size(), text.substr(begin), false);
}

}  // namespace

std::optional<std::string> unescaped(std::string_view text, Spelling spelling) {
  if (!text.contains(spelling == Spelling::percent ? '%' : '\\')) return std::nullopt;
  std::string out;
  out.reserve(text.size());
  for_each_piece(text, spelling,
                 [&](std::size_t, std::size_t, std::string_view decoded, bool) { out.append(decoded); });
  if (out.size() == text.size()) return std::nullopt;
  return out;
}

bool undoing_matters(std::string_view text, Spelling spelling, const WantedBytes& wanted) {
  char mark = spelling == Spelling::percent ? '%' : '\\';
  for (std::size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at)) {
    Escape escape = read_escape(text.substr(at), spelling);
    if (escape.cut) return false;  // what follows is no text
    at += std::max<std::size_t>(escape.length, 1);
    char next = at < text.size() ? text[at] : '\0';
    for (std::size_t i = 0; i < escape.size; ++i)
      if (matters(escape.bytes[i], next, wanted)) return true;
  }
  return false;
}

std::size_t cut_escape(std::string_view text, Spelling spelling) {
  std::size_t whole = 0;
  for_each_piece(text, spelling, [&](std::size_t, std::size_t end, std::string_view, bool) { whole = end; });
  return whole;
}

void carry_back(std::string_view text, Spelling spelling, std::span<Find> finds) {
  std::size_t next = 0;
  bool within = false;      // the begin of the next find has been carried back
  std::size_t decoded = 0;  // bytes before the piece
  for_each_piece(text, spelling, [&](std::size_t begin, std::size_t end, std::string_view piece, bool whole) {
    std::size_t past = decoded + piece.size();
    while (next < finds.size()) {
      Find& find = finds[next];
      if (!within && find.begin < past) {
        find.begin = whole ? begin : begin + (find.begin - decoded);
        within = true;
      }
      if (!within || find.end > past) break;
      find.end = whole ? end : begin + (find.end - decoded);
      within = false;
      ++next;
    }
    decoded = past;
  });
}

}  // namespace weir::flow
