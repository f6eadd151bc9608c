// The order of RFC 9112 section 6.3, with every "MAY reject" read as "reject": a length that two readers
// could understand in two ways is how requests are smuggled past a proxy.
#include "http/h1/framing.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/ascii.h"

namespace weir::http::h1 {
namespace {

constexpr std::string_view kContentLength = "Content-Length";
constexpr std::string_view kTransferEncoding = "Transfer-Encoding";

using Kind = BodyLength::Kind;

// The field lines that speak of length.
struct Claims {
  std::size_t lengths = 0;
  std::string_view length;  // first value
  std::size_t codings = 0;
  std::string_view coding;  // first value
};

Claims claims_of(const Fields& fields) {
  Claims claims;
  for (Fields::View field : fields) {
    if (iequals(field.name, kContentLength) && claims.lengths++ == 0) claims.length = field.value;
    if (iequals(field.name, kTransferEncoding) && claims.codings++ == 0) claims.coding = field.value;
  }
  return claims;
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  auto value = parse_decimal(text);
  if (value && *value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  return value;
}

// All Content-Length lines and the elements of their lists, if each is the same valid number (RFC 9112
// section 6.3).
std::optional<std::uint64_t> agreed_length(const Fields& fields) {
  std::optional<std::uint64_t> agreed;
  bool valid = true;
  for (Fields::View field : fields) {
    if (!iequals(field.name, kContentLength)) continue;
    for_each_element(field.value, [&](std::string_view element) {
      auto value = parse_length(element);
      valid = valid && value && (!agreed || *agreed == *value);
      agreed = value;
    });
  }
  return valid ? agreed : std::nullopt;
}

// Exactly "chunked", in any case, on one line: nothing else that Weir could undo, or that a peer could read
// differently.
Result<BodyLength> chunked_length(const Claims& claims, Version version, Code code) {
  if (claims.lengths > 0)
    return fail(code, "Content-Length and Transfer-Encoding together (RFC 9112 section 6.1)");
  if (version == Version::http10) return fail(code, "Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)");
  if (claims.codings > 1 || !iequals(claims.coding, "chunked"))
    return fail(code, "a Transfer-Encoding that is not exactly \"chunked\" (RFC 9112 section 6.1)");
  return BodyLength{Kind::chunked};
}

enum class HopByHop : std::uint8_t { no, yes, te, connection };

// The fields of RFC 9110 section 7.6.1; most names are told apart by their length alone.
HopByHop hop_by_hop_kind(std::string_view name) {
  auto when = [&](std::string_view wanted) { return iequals(name, wanted) ? HopByHop::yes : HopByHop::no; };
  switch (name.size()) {
    case 2: return iequals(name, "TE") ? HopByHop::te : HopByHop::no;
    case 7: return when("Upgrade");
    case 10: return iequals(name, "Connection") ? HopByHop::connection : when("Keep-Alive");
    case 16: return when("Proxy-Connection");
    case 17: return when(kTransferEncoding);
    case 18: return when("Proxy-Authenticate");
    case 19: return when("Proxy-Authorization");
    default: return HopByHop::no;
  }
}

// What a Connection field must not take away: a peer would then see another message than Weir judged.
bool is_end_to_end(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "Host",
      kContentLength,
      "Content-Type",
      "Content-Encoding",
      "Content-Range",
      "Content-Location",
      "Authorization",
      "Cookie",
      "Set-Cookie",
      "Cache-Control",
      "Date",
      "Location",
      "Expect",
      "Range",
      "Vary",
      "ETag",
      "Last-Modified",
      "WWW-Authenticate",
      "Forwarded",
      "Via",
      "Origin",
      "X-Forwarded-For",
      "X-Forwarded-Host",
      "X-Forwarded-Proto",
  };
  return std::ranges::any_of(kNames, [&](std::string_view known) { return iequals(known, name); });
}

// The names in Connection that are neither removed anyway nor protected; copies, since they lie in the list
// itself.
void collect_named(std::string_view connection, std::vector<std::string>& out) {
  for_each_element(connection, [&](std::string_view option) {
    if (iequals(option, "close") || hop_by_hop_kind(option) != HopByHop::no || is_end_to_end(option)) return;
    out.emplace_back(option);
  });
}

// One number, as everybody would write it. To some, leading zeros mean another base.
bool is_plain_length(std::string_view value) {
  return value.find(',') == std::string_view::npos && (value.size() == 1 || !value.starts_with('0'));
}

void merge_lengths(Fields& fields) {
  auto agreed = agreed_length(fields);
  if (agreed) fields.set(kContentLength, std::to_string(*agreed));
}

}  // namespace

Result<BodyLength> request_body_length(const RequestHead& head) {
  Claims claims = claims_of(head.fields);
  if (claims.lengths == 0 && claims.codings == 0) return BodyLength{};
  constexpr Code kCode = Code::ambiguous_framing;
  if (claims.codings > 0) {
    if (head.is("CONNECT")) return fail(kCode, "Transfer-Encoding in a CONNECT (RFC 9110 section 9.3.6)");
    return chunked_length(claims, head.version, kCode);
  }
  if (claims.lengths > 1)
    return fail(kCode, std::to_string(claims.lengths) + " Content-Length fields (RFC 9112 section 6.3)");
  auto length = parse_length(claims.length);
  if (!length) return fail(kCode, "Content-Length is not one plain number (RFC 9110 section 8.6)");
  if (!head.is("CONNECT")) return BodyLength{Kind::fixed, *length};
  if (*length > 0) return fail(kCode, "a body in a CONNECT (RFC 9110 section 9.3.6)");
  return BodyLength{};
}

Result<BodyLength> response_body_length(const ResponseHead& head, std::string_view method) {
  bool tunnel = method == "CONNECT" && head.status >= 200 && head.status < 300;
  if (head.informational() || head.status == 204 || tunnel) return BodyLength{};
  Claims claims = claims_of(head.fields);
  constexpr Code kCode = Code::upstream_bad_response;
  if (method == "HEAD" || head.status == 304) {
    // There is no body, but the client would believe the number.
    if (claims.lengths > 0 && !agreed_length(head.fields))
      return fail(kCode, "Content-Length is not one number (RFC 9110 section 8.6)");
    return BodyLength{};
  }
  if (claims.codings > 0) return chunked_length(claims, head.version, kCode);
  if (claims.lengths == 0) return BodyLength{Kind::until_close};
  auto length = agreed_length(head.fields);
  if (!length) return fail(kCode, "Content-Length is not one number (RFC 9112 section 6.3)");
  return BodyLength{Kind::fixed, *length};
}

bool keeps_alive(Version version, const Fields& fields) {
  if (version == Version::h2) return true;
  if (fields.has_token("Connection", "close")) return false;
  return version == Version::http11 || fields.has_token("Connection", "keep-alive");
}

void remove_hop_by_hop(Fields& fields) {
  bool trailers = false;
  std::size_t lengths = 0;
  bool plain = true;
  std::vector<std::string> named;
  fields.remove_if([&](Fields::View field) {
    if (iequals(field.name, kContentLength)) {
      ++lengths;
      plain = plain && is_plain_length(field.value);
    }
    HopByHop kind = hop_by_hop_kind(field.name);
    if (kind == HopByHop::connection) collect_named(field.value, named);
    if (kind == HopByHop::te)
      for_each_element(field.value,
                       [&](std::string_view coding) { trailers = trailers || iequals(coding, "trailers"); });
    return kind != HopByHop::no;
  });
  for (const std::string& name : named) fields.remove(name);
  if (trailers) fields.add("TE", "trailers");
  if (lengths > 1 || !plain) merge_lengths(fields);
}

}  // namespace weir::http::h1
