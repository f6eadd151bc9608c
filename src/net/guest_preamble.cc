#include "net/guest_preamble.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "base/ascii.h"
#include "base/utf8.h"

namespace weir::net {
namespace {

constexpr std::string_view kMark("\0WEIR_META:", 11);
constexpr std::string_view kVersion = "1";
constexpr std::string_view kKeys[] = {"dns", "to", "pid", "name"};
constexpr std::string_view kDnsStream = "tcp";
constexpr std::string_view kDnsDatagrams = "udp";

using Kind = GuestPreamble::Kind;

Failure bad(std::string_view why) {
  return fail(Code::bad_request, "the preamble of a guest's stream: " + std::string(why));
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// U+0080 to U+009F, which terminals obey as well.
bool is_control(std::string_view character) {
  return character.size() == 2 && character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0;
}

/// Takes the text up to the next `separator`, and that.
std::string_view take(std::string_view& text, char separator) {
  std::size_t end = std::min(text.find(separator), text.size());
  std::string_view out = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return out;
}

Result<void> read_kind(std::string_view value, GuestPreamble& out) {
  if (value != kDnsStream && value != kDnsDatagrams) return bad("dns is neither tcp nor udp");
  out.kind = value == kDnsStream ? Kind::dns_stream : Kind::dns_datagrams;
  return {};
}

Result<void> read_field(std::string_view key, std::string_view value, GuestPreamble& out) {
  if (key == "dns") return read_kind(value, out);
  if (key == "to") {
    auto place = parse_host_port(value);
    if (!place) return bad("to: " + place.error().context());
    out.to = std::move(*place);
  } else if (key == "pid") {
    auto pid = parse_decimal(value);
    if (!pid || *pid == 0 || *pid > std::numeric_limits<std::int32_t>::max())
      return bad("pid is no process number");
    out.pid = static_cast<std::int32_t>(*pid);
  } else {
    out.process = sanitised_process_name(value);
  }
  return {};
}

Result<GuestPreamble> read_line(std::string_view line) {
  if (std::ranges::any_of(line, [](char c) { return is_control(c); })) return bad("control bytes in it");
  if (take(line, ' ') != kVersion)
    return bad("it is of a version that this Weir does not know; use its own weir-guest");
  GuestPreamble out;
  bool seen[std::size(kKeys)] = {};
  while (!line.empty()) {
    std::string_view value = take(line, ' ');
    std::string_view key = take(value, '=');
    if (key.empty()) return bad("a field without a name");
    auto known = std::ranges::find(kKeys, key);
    if (known == std::end(kKeys)) continue;  // what a later relay of this version says besides
    if (std::exchange(seen[known - std::begin(kKeys)], true)) return bad("a field is there twice");
    if (auto read = read_field(key, value, out); !read) return pass(read);
  }
  if (out.to && out.kind != Kind::connection) return bad("DNS with a destination");
  return out;
}

}  // namespace

std::string guest_preamble_bytes(const GuestPreamble& preamble) {
  std::string out(kMark);
  out += kVersion;
  if (preamble.kind == Kind::dns_stream) out.append(" dns=").append(kDnsStream);
  if (preamble.kind == Kind::dns_datagrams) out.append(" dns=").append(kDnsDatagrams);
  if (preamble.to) out.append(" to=").append(preamble.to->str());
  if (preamble.pid > 0) out.append(" pid=").append(std::to_string(preamble.pid));
  if (!preamble.process.empty()) out.append(" name=").append(sanitised_process_name(preamble.process));
  return out += '\n';
}

Result<std::optional<ReadPreamble>> read_guest_preamble(std::string_view bytes) {
  if (begins_with_guest_mark(bytes) == false) return bad("it does not begin as one");
  std::string_view most = bytes.substr(0, GuestPreamble::kMostBytes);
  std::size_t end = most.find('\n');
  if (end == most.npos && most.size() == GuestPreamble::kMostBytes)
    return bad("it is longer than " + std::to_string(GuestPreamble::kMostBytes) + " bytes");
  if (end == most.npos) return std::nullopt;
  auto read = read_line(most.substr(kMark.size(), end - kMark.size()));
  if (!read) return pass(read);
  return ReadPreamble{std::move(*read), end + 1};
}

std::optional<bool> begins_with_guest_mark(std::string_view bytes) {
  if (!bytes.starts_with(kMark.substr(0, bytes.size()))) return false;
  return bytes.size() < kMark.size() ? std::nullopt : std::optional(true);
}

std::string sanitised_process_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    std::size_t length = utf8_length(name);
    std::string_view character = name.substr(0, std::max<std::size_t>(length, 1));
    bool fine =
        length > 0 && !is_control(name[0]) && !is_control(character) && name[0] != ' ' && name[0] != '=';
    if (out.size() + (fine ? character.size() : 1) > GuestPreamble::kMostNameBytes) break;
    out += fine ? character : "_";
    name.remove_prefix(character.size());
  }
  return out;
}

}  // namespace weir::net
