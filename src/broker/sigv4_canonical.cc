#include "broker/sigv4_canonical.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include "base/ascii.h"

namespace weir::broker {
namespace {

constexpr bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  char low = to_lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// The byte that "%XY" at the front of `text` means.
std::optional<char> percent_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  int high = hex_digit(text[1]), low = hex_digit(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

void add_byte(SecretText& out, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (is_unreserved(c)) {
    out.add(c);
    return;
  }
  auto byte = static_cast<unsigned char>(c);
  const char encoded[] = {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  out.add(std::string_view(encoded, 3));
}

// One spelling for all that mean the same; `kept` is a byte that stays as it is where it is not encoded.
void add_settled(SecretText& out, std::string_view text, char kept) {
  while (!text.empty()) {
    auto byte = percent_byte(text);
    if (!byte && text.front() == kept)
      out.add(kept);
    else
      add_byte(out, byte ? *byte : text.front());
    text.remove_prefix(byte ? 3 : 1);
  }
}

void add_settled_parameter(SecretText& out, std::string_view text) {
  for (std::size_t plus; (plus = text.find('+')) != std::string_view::npos; text.remove_prefix(plus + 1)) {
    add_settled(out, text.substr(0, plus), '\0');
    out.add("%20");
  }
  add_settled(out, text, '\0');
}

// RFC 3986 section 5.2.4, and without empty segments.
std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    std::size_t end = std::min(path.find('/'), path.size());
    std::string_view segment = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (segment == ".." && !segments.empty()) segments.pop_back();
    if (!segment.empty() && segment != "." && segment != "..") segments.push_back(segment);
  }
  return segments;
}

void add_squeezed(SecretText& out, std::string_view value) {
  value = trim_ows(value);
  while (!value.empty()) {
    std::size_t end = std::min(value.find_first_of(" \t"), value.size());
    out.add(value.substr(0, end));
    value = trim_ows(value.substr(end));
    if (!value.empty()) out.add(' ');
  }
}

}  // namespace

SecretText::SecretText(std::size_t capacity) {
  // Never in the few bytes that a string has of its own, which moving it would leave behind.
  text_.reserve(std::max<std::size_t>(capacity, 64));
}

SecretText& SecretText::add(std::string_view text) {
  if (text_.size() + text.size() > text_.capacity()) {
    std::string grown;
    grown.reserve(std::max(text_.size() + text.size(), 2 * text_.capacity()));
    grown.append(text_);
    zero(text_);
    text_ = std::move(grown);
  }
  text_.append(text);
  return *this;
}

void add_encoded(SecretText& out, std::string_view text) {
  for (char c : text) add_byte(out, c);
}

std::string decode_parameter(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto byte = percent_byte(text);
    out += byte ? *byte : text.front() == '+' ? ' ' : text.front();
    text.remove_prefix(byte ? 3 : 1);
  }
  return out;
}

bool Parameter::is(std::string_view wanted) const {
  return name == wanted || (name.contains('%') && decode_parameter(name) == wanted);
}

Target split_target(std::string_view target) {
  std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {target, {}};
  return {target.substr(0, mark), target.substr(mark + 1)};
}

void add_canonical_path(SecretText& out, std::string_view path, bool s3) {
  if (s3 && !path.empty()) {
    add_settled(out, path, '/');
    return;
  }
  std::vector<std::string_view> segments = segments_of(path);
  for (std::string_view segment : segments) {
    out.add('/');
    add_encoded(out, segment);
  }
  if (segments.empty() || path.ends_with('/')) out.add('/');
}

void add_canonical_query(SecretText& out, std::string_view query, std::string_view left_out) {
  struct Span {
    std::size_t name, value, end;  // places in `settled`
  };
  SecretText settled(3 * query.size());
  std::vector<Span> spans;
  for_each_parameter(query, [&](const Parameter& parameter) {
    if (!left_out.empty() && parameter.is(left_out)) return;
    Span span{.name = settled.view().size(), .value = 0, .end = 0};
    add_settled_parameter(settled, parameter.name);
    span.value = settled.view().size();
    add_settled_parameter(settled, parameter.value);
    span.end = settled.view().size();
    spans.push_back(span);
  });
  auto text = [&](std::size_t begin, std::size_t end) { return settled.view().substr(begin, end - begin); };
  std::ranges::sort(spans, [&](const Span& a, const Span& b) {
    return std::tuple(text(a.name, a.value), text(a.value, a.end)) <
           std::tuple(text(b.name, b.value), text(b.value, b.end));
  });
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (i > 0) out.add('&');
    out.add(text(spans[i].name, spans[i].value)).add('=').add(text(spans[i].value, spans[i].end));
  }
}

void add_canonical_fields(SecretText& out, const http::RequestHead& head,
                          std::span<const std::string> names) {
  for (const std::string& name : names) {
    out.add(name);
    char before = ':';
    for (http::Fields::View field : head.fields) {
      if (!iequals(field.name, name)) continue;
      out.add(before);
      before = ',';
      add_squeezed(out, field.value);
    }
    if (before == ':') out.add(before);
    if (before == ':' && name == "host")
      out.add(head.origin.place.authority(head.origin.scheme == http::Scheme::https));
    out.add('\n');
  }
}

}  // namespace weir::broker
