// Each byte is looked at about three times on its way to a head value: once by the scanner, once to find the
// end of its line, once to split the line (names) or copy it. Only the fields' arena, its index and a long
// host or target allocate.
#include "http/h1/head.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "http/h1/field_line.h"
#include "http/syntax.h"

namespace weir::http::h1 {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
// What a request line may hold besides its target: the method, two spaces and the version.
constexpr std::size_t kRequestLineExtra = 64;

Code malformed_code(Side side) {
  return side == Side::client ? Code::bad_request : Code::upstream_bad_response;
}
Code too_large_code(Side side) {
  return side == Side::client ? Code::head_too_large : Code::upstream_bad_response;
}

Failure fail_head_size(const Limits& limits) {
  return fail(Code::head_too_large, "over " + std::to_string(limits.head_bytes) + " bytes");
}

Failure fail_target_size(const Limits& limits) {
  return fail(Code::uri_too_long, "over " + std::to_string(limits.target_bytes) + " bytes");
}

Failure fail_target(std::string_view why) { return fail(Code::bad_target, std::string(why)); }

std::uint16_t default_port(Scheme scheme) { return scheme == Scheme::https ? 443 : 80; }

// "HTTP/1.0" or "HTTP/1.1"; case counts (RFC 9112 section 2.3).
Result<Version> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return Version::http11;
  if (text == "HTTP/1.0") return Version::http10;
  bool shaped = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' &&
                is_digit(text[7]);
  return shaped ? fail(Code::unsupported_version, std::string(text))
                : fail(Code::bad_request, "the request line ends in no HTTP version (RFC 9112 section 3)");
}

// Whether a start line has "HTTP/" where requests or responses have it; which versions are spoken is the
// parsers' business.
bool holds_version(std::string_view line) {
  return line.starts_with("HTTP/") || (line.size() > 9 && line.substr(line.size() - 9, 6) == " HTTP/");
}

// The line at `at`, without its CRLF; nothing if it does not end in CRLF or holds a control byte.
std::optional<std::string_view> line_at(std::string_view head, std::size_t at) {
  std::size_t end = find_control(head, at);
  if (!head.substr(end).starts_with(kLineEnd)) return std::nullopt;
  return head.substr(at, end - at);
}

// `section` is all that follows the start line, with the closing empty line.
Result<void> parse_fields(std::string_view section, std::size_t limit, Side side, Fields& out) {
  auto lines = static_cast<std::size_t>(std::ranges::count(section, '\n'));
  if (lines > limit + 1)
    return fail(too_large_code(side), "more than " + std::to_string(limit) + " header fields");
  out.reserve(lines + 3, section.size());  // some are added on the way through
  auto refuse = [&](const char* why) {
    return fail(malformed_code(side), "header field " + std::to_string(out.size() + 1) + ": " + why);
  };
  std::size_t at = 0;
  for (;;) {
    auto line = line_at(section, at);
    if (!line) return refuse("a control byte, or a line that does not end in CRLF (RFC 9112 section 2.2)");
    at += line->size() + kLineEnd.size();
    if (line->empty()) break;
    auto field = split_field_line(*line, side);
    if (!field) return refuse(field.error());
    out.add(field->name, field->value);
  }
  if (at != section.size())
    return fail(malformed_code(side), "bytes after the empty line that ends the head");
  return {};
}

// Whether Host follows the target or stands on its own (RFC 9112 section 3.2.2).
enum class Form : std::uint8_t { absolute, other };

bool is_target_byte(char c) { return c > ' ' && c < 0x7F && c != '#'; }

// Method, version and the raw target of a request line (RFC 9112 section 3).
Result<std::string_view> parse_request_line(std::string_view line, const Limits& limits, RequestHead& out) {
  std::size_t method_end = line.find(' ');
  std::size_t target_end = line.rfind(' ');
  if (method_end == target_end)
    return fail(Code::bad_request, "the request line is not \"method target version\" (RFC 9112 section 3)");
  auto version = parse_version(line.substr(target_end + 1));
  if (!version) return pass(version);
  std::string_view method = line.substr(0, method_end);
  if (!is_token(method)) return fail(Code::bad_request, "the method is no token (RFC 9110 section 9.1)");
  std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  if (target.size() > limits.target_bytes) return fail_target_size(limits);
  if (target.empty() || !std::ranges::all_of(target, is_target_byte))
    return fail_target(
        "it is empty, or holds a space, a fragment or a byte outside printable ASCII (RFC 9112 section 3.2)");
  out.method = method;
  out.version = *version;
  return target;
}

// "http://" or "https://" in any case; nothing for anything else.
std::optional<Scheme> leading_scheme(std::string_view target) {
  for (Scheme scheme : {Scheme::http, Scheme::https}) {
    std::string_view word = name(scheme);
    if (iequals(target.substr(0, word.size()), word) && target.substr(word.size()).starts_with("://"))
      return scheme;
  }
  return std::nullopt;
}

Result<Form> take_authority(std::string_view authority, Scheme scheme, std::uint16_t port, Form form,
                            RequestHead& out) {
  if (authority.find('@') != std::string_view::npos)
    return fail_target("user information (RFC 9110 section 4.2.4)");
  auto place = parse_host_port(authority, port);
  if (!place) return fail_target(place.error().context());
  out.origin = {scheme, std::move(*place)};
  return form;
}

Result<Form> take_absolute_target(std::string_view target, Scheme scheme, RequestHead& out) {
  target.remove_prefix(name(scheme).size() + 3);
  std::size_t authority_end = std::min(target.find_first_of("/?"), target.size());
  std::string_view rest = target.substr(authority_end);
  if (rest.empty() && out.is("OPTIONS")) {
    out.target = "*";  // RFC 9112 section 3.2.4
  } else {
    if (!rest.starts_with('/')) out.target = "/";
    out.target.append(rest);
  }
  return take_authority(target.substr(0, authority_end), scheme, default_port(scheme), Form::absolute, out);
}

// Fills origin and target from the raw target (RFC 9112 section 3.2).
Result<Form> take_target(std::string_view target, Door door, RequestHead& out) {
  if (out.is("CONNECT")) {
    if (door.tunnel) return fail_target("CONNECT inside a tunnel");
    return take_authority(target, Scheme::https, 0, Form::other, out);
  }
  if (auto scheme = leading_scheme(target)) return take_absolute_target(target, *scheme, out);
  bool asterisk = target == "*" && out.is("OPTIONS");
  if (!asterisk && !target.starts_with('/'))
    return fail_target("it is neither a path nor an http or https URL (RFC 9112 section 3.2)");
  if (!door.tunnel) return fail_target("a path alone does not say where to go; a proxy wants the whole URL");
  out.origin = *door.tunnel;
  out.target = target;
  return Form::other;
}

// True when `value` is `place` as Weir itself would spell it; the common case, decided without allocation.
bool spells(std::string_view value, const HostPort& place, std::uint16_t default_port) {
  if (place.host.find(':') != std::string::npos || !value.starts_with(place.host)) return false;
  value.remove_prefix(place.host.size());
  if (place.port == default_port) return value.empty();
  char port[8] = {':'};
  char* end = std::to_chars(port + 1, port + sizeof port, place.port).ptr;
  return value == std::string_view(port, end);
}

// RFC 9112 sections 3.2 and 3.2.2.
Result<void> settle_host(Form form, RequestHead& head) {
  std::size_t count = 0;
  std::string_view value;
  for (Fields::View field : head.fields) {
    if (!iequals(field.name, "Host")) continue;
    ++count;
    value = field.value;
  }
  if (count > 1) return fail(Code::bad_host, std::to_string(count) + " Host fields");
  if (count == 0 && head.version == Version::http11)
    return fail(Code::bad_host, "HTTP/1.1 without a Host field");
  std::uint16_t port = default_port(head.origin.scheme);
  bool same = spells(value, head.origin.place, port);
  if (count == 1 && !same) {
    if (auto place = parse_host_port(value, port); !place) return pass(place);
  }
  bool from_origin = form == Form::absolute || count == 0;
  if (from_origin && !same)
    head.fields.set("Host", head.origin.place.authority(head.origin.scheme == Scheme::https));
  return {};
}

// "HTTP/1.1 200 OK" (RFC 9112 section 4).
Result<void> parse_status_line(std::string_view line, ResponseHead& out) {
  auto refuse = [](const char* why) { return fail(Code::upstream_bad_response, why); };
  auto version = parse_version(line.substr(0, line.find(' ')));
  if (!version) return refuse("the status line begins with no version that is HTTP/1.0 or HTTP/1.1");
  std::string_view rest = line.substr(line.find(' ') + 1);
  auto status = parse_decimal(rest.substr(0, 3));
  if (!status || *status < 100)
    return refuse("the status is not three digits from 100 up (RFC 9112 section 4)");
  if (rest.size() > 3 && rest[3] != ' ') return refuse("bytes after the status (RFC 9112 section 4)");
  out.version = *version;
  out.status = static_cast<std::uint16_t>(*status);
  if (rest.size() > 4) out.reason = rest.substr(4);
  return {};
}

}  // namespace

Result<std::optional<std::size_t>> HeadScanner::scan(std::string_view buffer) {
  // Limits are checked before bytes, and bytes beyond the limits are never looked at: so the outcome is the
  // same however the input was cut.
  std::string_view seen = buffer.substr(0, limits_.head_bytes);
  auto more = [&]() -> Result<std::optional<std::size_t>> {
    if (seen.size() == limits_.head_bytes) return fail_head_size(limits_);
    return std::nullopt;
  };
  for (;;) {
    scanned_ = find_control(seen, scanned_);
    std::string_view line = seen.substr(line_start_, scanned_ - line_start_);
    if (!started_ && line.size() > limits_.target_bytes + kRequestLineExtra) return fail_target_size(limits_);
    if (scanned_ == seen.size()) return more();
    if (seen[scanned_] != '\r')
      return fail(Code::bad_request, "a bare LF or a control byte in the head (RFC 9112 section 2.2)");
    if (scanned_ + 1 == seen.size()) return more();
    if (seen[scanned_ + 1] != '\n')
      return fail(Code::bad_request, "a bare CR in the head (RFC 9112 section 2.2)");
    bool first = line_start_ == 0;
    line_start_ = scanned_ = scanned_ + kLineEnd.size();
    if (started_ && line.empty()) return line_start_;
    if (started_ || (first && line.empty())) continue;
    if (!holds_version(line))
      return fail(Code::bad_request, "a first line without HTTP version (RFC 9112 section 3)");
    started_ = true;
  }
}

Result<RequestHead> parse_request_head(std::string_view head, const Limits& limits, Door door) {
  if (head.size() > limits.head_bytes) return fail_head_size(limits);
  if (head.starts_with(kLineEnd)) head.remove_prefix(kLineEnd.size());  // RFC 9112 section 2.2
  auto line = line_at(head, 0);
  if (!line) return fail(Code::bad_request, "a control byte in the request line, or it does not end in CRLF");
  RequestHead out;
  auto target = parse_request_line(*line, limits, out);
  if (!target) return pass(target);
  auto fields =
      parse_fields(head.substr(line->size() + kLineEnd.size()), limits.fields, Side::client, out.fields);
  if (!fields) return pass(fields);
  auto form = take_target(*target, door, out);
  if (!form) return pass(form);
  if (auto settled = settle_host(*form, out); !settled) return pass(settled);
  return out;
}

Result<ResponseHead> parse_response_head(std::string_view head, const Limits& limits) {
  if (head.size() > limits.head_bytes)
    return fail(Code::upstream_bad_response,
                "the head is over " + std::to_string(limits.head_bytes) + " bytes");
  auto line = line_at(head, 0);
  if (!line)
    return fail(Code::upstream_bad_response, "a control byte in the status line, or it does not end in CRLF");
  ResponseHead out;
  if (auto parsed = parse_status_line(*line, out); !parsed) return pass(parsed);
  auto fields =
      parse_fields(head.substr(line->size() + kLineEnd.size()), limits.fields, Side::upstream, out.fields);
  if (!fields) return pass(fields);
  return out;
}

}  // namespace weir::http::h1
