#include "proxy/relay_head.h"

#include <span>

#include "base/ascii.h"
#include "base/secret_bytes.h"

namespace weir::proxy {
namespace {

constexpr char kBlank = 'x';

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

// What follows the scheme, if that is the one that is wanted.
std::string_view after_scheme(std::string_view value, std::string_view scheme) {
  if (value.size() <= scheme.size() || !iequals(value.substr(0, scheme.size()), scheme)) return {};
  if (value[scheme.size()] != ' ') return {};
  return trimmed(value.substr(scheme.size()));
}

void blank(std::span<char> text) {
  for (char& c : text)
    if (c != '\r') c = kBlank;
}

// Calls `see` with each value of the field, then overwrites it. What a line begins with space continues the
// one before (obs-fold), and is refused later.
template <typename See>
void take_field(std::span<char> head, std::string_view name, const See& see) {
  bool ours = false;
  while (!head.empty()) {
    std::string_view rest(head.data(), head.size());
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    bool folded = line.starts_with(' ') || line.starts_with('\t');
    std::size_t value = 0;
    if (!folded) {
      std::size_t colon = line.find(':');
      ours = colon != std::string_view::npos && iequals(trimmed(line.substr(0, colon)), name);
      value = ours ? colon + 1 : 0;
    }
    if (ours) {
      std::string_view shown = trimmed(line.substr(value));
      see(shown);
      blank(head.subspan(static_cast<std::size_t>(shown.data() - head.data()), shown.size()));
    }
    head = head.subspan(std::min(end + 1, head.size()));
  }
}

}  // namespace

ShownToken take_bearer(std::string& text, std::size_t size) {
  ShownToken out;
  int fields = 0;
  take_field(std::span(text).first(size), "authorization", [&](std::string_view value) {
    std::string_view token = after_scheme(value, "bearer");
    if (++fields == 1 && !token.empty()) out.digest = sha256(token);
  });
  if (fields > 1) out.digest.reset();
  return out;
}

ShownToken take_basic(std::string& text, std::size_t size) {
  ShownToken out;
  int fields = 0;
  take_field(std::span(text).first(size), "proxy-authorization", [&](std::string_view value) {
    if (++fields > 1) return;
    auto shown = from_base64(after_scheme(value, "basic"));
    if (!shown) return;
    std::size_t colon = shown->find(':');
    if (colon != std::string::npos && colon + 1 < shown->size()) {
      out.session = shown->substr(0, colon);
      out.digest = sha256(std::string_view(*shown).substr(colon + 1));
    }
    zero(*shown);
  });
  if (fields > 1) out = {};
  return out;
}

void add_host(std::string& text, std::size_t size) {
  std::string_view head = std::string_view(text).substr(0, size);
  std::size_t line = head.find("\r\n");
  std::size_t begin = head.find(' '),
              end = begin == std::string_view::npos ? begin : head.find(' ', begin + 1);
  if (line == std::string_view::npos || end == std::string_view::npos || end > line) return;
  for (std::size_t at = line; at != std::string_view::npos && at < size; at = head.find("\r\n", at + 2))
    if (iequals(head.substr(at + 2, 5), "host:")) return;
  std::string field = "\r\nHost: " + std::string(head.substr(begin + 1, end - begin - 1));
  text.insert(line, field);
}

TokenHead::~TokenHead() { zero(text); }

}  // namespace weir::proxy
