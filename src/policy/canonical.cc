#include "policy/canonical.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "policy/host_pattern.h"
#include "policy/policy.h"

namespace weir::policy {
namespace {

constexpr char kHex[] = "0123456789ABCDEF";

/// Bytes that canonical_escapes may write otherwise.
constexpr std::array<bool, 256> kEscaped = [] {
  std::array<bool, 256> out{};
  for (std::size_t byte = 0; byte < out.size(); ++byte)
    out[byte] = byte <= 0x20 || byte >= 0x7F || byte == '%' || byte == '#';
  return out;
}();

bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void append_escape(std::string& out, unsigned char byte) {
  out += '%';
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

/// Bytes of which is_plainly_canonical knows nothing.
constexpr std::array<bool, 256> kUnplain = [] {
  std::array<bool, 256> out = kEscaped;
  out[';'] = out['\\'] = true;
  return out;
}();

struct Mark {
  std::string_view text;  ///< in canonical escapes
  std::string_view name;
};
constexpr std::string_view kOverlong = "an encoding of ASCII that is too long";
constexpr Mark kMarks[] = {{"\\", "a backslash"},
                           {"%5C", "an encoded backslash"},
                           {"%2F", kEncodedSlash},
                           {"%0", "a control character"},
                           {"%1", "a control character"},
                           {"%7F", "a control character"},
                           {"%C0", kOverlong},
                           {"%C1", kOverlong},
                           {"%E0%8", kOverlong},
                           {"%E0%9", kOverlong},
                           {"%F0%8", kOverlong},
                           {"%F8%8", kOverlong},
                           {"%FC%8", kOverlong}};

/// "%252e", "%25u002e". A percent sign alone hides nothing.
bool has_encoded_escape(std::string_view text) {
  constexpr std::string_view kPercent = "%25";
  for (std::size_t at = text.find(kPercent); at != text.npos; at = text.find(kPercent, at + 1)) {
    std::string_view next = text.substr(at + kPercent.size());
    if (next.starts_with('u') || next.starts_with('U')) return true;
    if (next.size() > 1 && hex_value(next[0]) >= 0 && hex_value(next[1]) >= 0) return true;
  }
  return false;
}

/// ".", "..;x", "..%20", ";x": nothing but dots and spaces before what some cut off.
bool is_dots(std::string_view segment) {
  std::size_t end = segment.size();
  for (std::string_view cut : {";", "%3B", "%3F", "%23"}) end = std::min(end, segment.find(cut));
  for (std::size_t at = 0; at < end; ++at) {
    if (segment[at] == '.') continue;
    if (!segment.substr(at).starts_with("%20")) return false;
    at += 2;
  }
  return !segment.empty();
}

bool has_dots(std::string_view path) {
  for (std::size_t at = 1; at <= path.size();) {
    std::size_t slash = std::min(path.find('/', at), path.size());
    if (is_dots(path.substr(at, slash - at))) return true;
    at = slash + 1;
  }
  return false;
}

}  // namespace

std::string resolve_segments(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  bool directory = true;  // whether the last segment leaves a '/' at the end
  for (std::size_t at = 1; at <= path.size();) {
    std::size_t slash = std::min(path.find('/', at), path.size());
    std::string_view segment = path.substr(at, slash - at);
    at = slash + 1;
    directory = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      out.resize(out.empty() ? 0 : out.rfind('/'));
    } else if (!directory) {
      out.append("/").append(segment);
    }
  }
  if (directory || out.empty()) out += '/';
  return out;
}

std::string with_slashes(std::string_view text) {
  std::string out(text);
  for (std::size_t at = 0; (at = out.find("%2F", at)) != out.npos; ++at) out.replace(at, 3, "/");
  return out;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  char l = to_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

std::string canonical_escapes(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    auto byte = static_cast<unsigned char>(c);
    if (c != '%') {
      if (kEscaped[byte])
        append_escape(out, byte);
      else
        out += c;
      continue;
    }
    int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      append_escape(out, byte);
      continue;
    }
    auto meant = static_cast<unsigned char>(high * 16 + low);
    if (is_unreserved(static_cast<char>(meant)))
      out += static_cast<char>(meant);
    else
      append_escape(out, meant);
    i += 2;
  }
  return out;
}

bool is_plainly_canonical(std::string_view target) {
  if (!target.starts_with('/')) return target.empty();
  for (char c : target)
    if (kUnplain[static_cast<unsigned char>(c)]) return false;
  std::string_view path = target.substr(0, path_length(target));
  for (std::size_t slash = 0; slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    if (slash > 0 && path[slash - 1] == '.') return false;
    if (slash + 1 < path.size() && (path[slash + 1] == '/' || path[slash + 1] == '.')) return false;
  }
  return !path.ends_with('.');
}

std::string_view ambiguity(std::string_view target) {
  if (is_plainly_canonical(target)) return "";
  std::string_view path = target.substr(0, path_length(target));
  if (path.starts_with("//")) return "two slashes at its start";
  if (path.contains('#')) return "a number sign";
  std::string text = canonical_escapes(path);
  for (const Mark& mark : kMarks)
    if (text.contains(mark.text)) return mark.name;
  if (has_encoded_escape(text)) return "an escape that is encoded itself";
  return has_dots(text) ? "a dot segment" : "";
}

std::string canonical_target(std::string_view target) {
  if (is_plainly_canonical(target)) return std::string(target);
  if (!target.starts_with('/')) return canonical_escapes(target);
  std::size_t end = path_length(target);
  std::string out = resolve_segments(canonical_escapes(target.substr(0, end)));
  if (end < target.size()) out += canonical_escapes(target.substr(end));
  return out;
}

std::string canonical_url(const http::Origin& origin, std::string_view target) {
  HostSubject host(origin.place);
  std::string out(http::name(origin.scheme));
  out.append("://");
  out +=
      HostPort{std::string(host.text()), origin.place.port}.authority(origin.scheme == http::Scheme::https);
  return out += canonical_target(target);
}

}  // namespace weir::policy
