#include "policy/readings.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "policy/canonical.h"
#include "policy/policy.h"

namespace weir::policy {
namespace {

constexpr int kDecodings = 3;

/// The byte of an escape at `at`; nothing when there is none.
std::optional<unsigned> escape_at(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size() || text[at] != '%') return std::nullopt;
  auto high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<unsigned>(high * 16 + low);
}

struct Decoded {
  unsigned code;
  std::size_t length;  ///< of the text that it is decoded from
};

/// An ASCII character in a UTF-8 sequence that is longer than it need be.
std::optional<Decoded> overlong_at(std::string_view text, std::size_t at) {
  auto lead = escape_at(text, at);
  if (!lead) return std::nullopt;
  int more = *lead == 0xC0 || *lead == 0xC1 ? 1
             : *lead == 0xE0                ? 2
             : *lead == 0xF0                ? 3
             : *lead == 0xF8                ? 4
             : *lead == 0xFC                ? 5
                                            : 0;
  unsigned code = *lead & 1;
  for (int i = 1; i <= more; ++i) {
    auto byte = escape_at(text, at + 3 * static_cast<std::size_t>(i));
    if (!byte || *byte < 0x80) return std::nullopt;
    code = code << 6 | (*byte & 0x3F);
  }
  if (more == 0 || code >= 0x80) return std::nullopt;
  return Decoded{code, 3 * static_cast<std::size_t>(more + 1)};
}

/// "%u002e" as IIS reads it; canonical_escapes has made "%25u002e" of it.
std::optional<Decoded> wide_at(std::string_view text, std::size_t at) {
  if (text.substr(at, 3) != "%25" || at + 7 >= text.size() || to_lower(text[at + 3]) != 'u')
    return std::nullopt;
  if (text.substr(at + 4, 2) != "00") return std::nullopt;
  std::string low = '%' + std::string(text.substr(at + 6, 2));
  auto code = escape_at(low, 0);
  return code && *code < 0x80 ? std::optional(Decoded{*code, 8}) : std::nullopt;
}

/// Decoded once more: ASCII bare, except for what would end the path or a line. Escapes canonical again.
std::string decoded(std::string_view text) {
  auto bare = [](unsigned code) { return code > 0x20 && code < 0x7F && code != '?' && code != '#'; };
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    auto found = overlong_at(text, at);
    if (!found) found = wide_at(text, at);
    if (!found)
      if (auto code = escape_at(text, at)) found = Decoded{*code, 3};
    if (found && bare(found->code))
      out += static_cast<char>(found->code);
    else
      out.append(text.substr(at, found ? found->length : 1));
    at += found ? found->length : 1;
  }
  return canonical_escapes(out);
}

/// `change`d segment by segment.
template <typename Change>
std::string by_segment(std::string_view path, const Change& change) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t at = 1; at <= path.size();) {
    std::size_t slash = std::min(path.find('/', at), path.size());
    out.append("/").append(change(path.substr(at, slash - at)));
    at = slash + 1;
  }
  return out;
}

std::string without_parameters(std::string_view path) {
  return by_segment(path, [](std::string_view segment) { return segment.substr(0, segment.find(';')); });
}

/// As Windows has the names of files.
std::string trimmed(std::string_view path) {
  return by_segment(path, [](std::string_view segment) {
    while (segment.ends_with("%20")) segment.remove_suffix(3);
    if (segment == "." || segment == "..") return segment;
    while (segment.ends_with('.') || segment.ends_with("%20"))
      segment.remove_suffix(segment.back() == '.' ? 1 : 3);
    return segment;
  });
}

std::string with_every_slash(std::string_view path) {
  std::string out = with_slashes(path.substr(0, path.find("%00")));
  for (std::size_t at = 0; (at = out.find("%5C", at)) != out.npos; ++at) out.replace(at, 3, "/");
  std::ranges::replace(out, '\\', '/');
  return out;
}

/// RFC 3986 section 5.2.4: a ".." takes the empty segment before it away.
std::string resolve_unmerged(std::string_view path) {
  std::string out;
  for (std::size_t at = 1; at <= path.size();) {
    std::size_t slash = std::min(path.find('/', at), path.size());
    std::string_view segment = path.substr(at, slash - at);
    at = slash + 1;
    if (segment == "..")
      out.resize(out.empty() ? 0 : out.rfind('/'));
    else if (segment != ".")
      out.append("/").append(segment);
    if (at > path.size() && (segment == "." || segment == "..")) out += '/';
  }
  return resolve_segments(out.empty() ? "/" : out);
}

/// "/x" of "//host/x", a reference to another host (RFC 3986 section 4.2); "" when it is none.
std::string behind_host(std::string_view path) {
  std::string slashed = with_every_slash(path);
  if (!slashed.starts_with("//")) return "";
  std::size_t host = slashed.find_first_not_of('/');
  std::size_t rest = host == slashed.npos ? host : slashed.find('/', host);
  return rest == slashed.npos ? "/" : resolve_segments(slashed.substr(rest));
}

class Collector {
 public:
  explicit Collector(std::string query) : query_(std::move(query)) {}

  void add(std::string path) {
    if (path.empty()) return;
    path += query_;
    if (std::ranges::find(found, path) == found.end()) found.push_back(std::move(path));
  }
  /// Of a path with canonical escapes, what further decoding makes of it.
  void add_decoded(std::string path) {
    for (int i = 0; i < kDecodings; ++i) {
      for (const std::string& text : {path, without_parameters(path)}) {
        add(resolve_segments(text));
        add(with_every_slash(text));
        add(resolve_segments(trimmed(with_every_slash(text))));
      }
      std::string next = decoded(path);
      if (next == path) return;
      path = std::move(next);
    }
  }

  std::vector<std::string> found;

 private:
  std::string query_;
};

}  // namespace

std::vector<std::string> readings(std::string_view target) {
  std::size_t end = path_length(target);
  std::string_view path = target.substr(0, end);
  Collector out(canonical_escapes(target.substr(end)));
  if (is_plainly_canonical(path) || !path.starts_with('/')) {
    out.found.push_back(canonical_target(target));
    return std::move(out.found);
  }
  std::string sent = canonical_escapes(path);
  std::string canonical = resolve_segments(sent);
  out.add(canonical);
  out.add(sent);
  out.add(resolve_unmerged(sent));
  out.add(behind_host(sent));
  out.add_decoded(canonical_escapes(path.substr(0, path.find('#'))));
  if (canonical != sent) out.add_decoded(canonical);
  return std::move(out.found);
}

}  // namespace weir::policy
