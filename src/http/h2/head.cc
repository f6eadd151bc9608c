#include "http/h2/head.h"

#include <algorithm>

#include "base/ascii.h"
#include "http/syntax.h"

namespace weir::http::h2 {
namespace {

bool is_target_byte(char c) { return c > ' ' && c < 0x7F && c != '#'; }

Failure bad_target(const char* why) { return fail(Code::bad_target, why); }

Result<HostPort> place_of(std::string_view authority, Scheme scheme, bool port_required) {
  if (authority.contains('@')) return bad_target("user information in :authority (RFC 9113 section 8.3.1)");
  std::uint16_t port = port_required ? 0 : scheme == Scheme::https ? 443 : 80;
  return parse_host_port(authority, port);
}

// RFC 9113 section 8.3.1: Host stands in for a missing :authority, and must not differ from a present one.
Result<void> settle_authority(HeaderBlock& block, Scheme scheme) {
  std::size_t hosts = block.fields.count("host");
  if (hosts > 1) return fail(Code::bad_host, std::to_string(hosts) + " Host fields");
  auto host = block.fields.get("host");
  if (block.authority.empty()) {
    if (!host) return fail(Code::bad_host, "neither :authority nor Host");
    block.authority = *host;
    return {};
  }
  if (!host || *host == block.authority) return {};
  auto wanted = place_of(block.authority, scheme, false);
  auto other = parse_host_port(*host, scheme == Scheme::https ? 443 : 80);
  if (!wanted || !other || *wanted != *other)
    return fail(Code::bad_host, "Host differs from :authority (RFC 9113 section 8.3.1)");
  return {};
}

Result<void> take_place(const HeaderBlock& block, Door door, RequestHead& out) {
  Scheme scheme = block.scheme == "https" ? Scheme::https : Scheme::http;
  if (door.tunnel) scheme = door.tunnel->scheme;
  auto place = place_of(block.authority, scheme, out.is("CONNECT"));
  if (!place) return pass(place);
  if (door.any_host) {
    out.origin = *door.tunnel;
    return {};
  }
  if (door.tunnel && *place != door.tunnel->place)
    return fail(Code::misdirected_request,
                block.authority + " on a connection to " + door.tunnel->place.str());
  out.origin = {scheme, std::move(*place)};
  return {};
}

Result<void> take_path(const HeaderBlock& block, std::size_t limit, RequestHead& out) {
  if (block.path.size() > limit) return fail(Code::uri_too_long, "over " + std::to_string(limit) + " bytes");
  bool asterisk = block.path == "*" && out.is("OPTIONS");
  if (!asterisk && !block.path.starts_with('/')) return bad_target(":path is no path");
  if (!std::ranges::all_of(block.path, is_target_byte))
    return bad_target("a space, a fragment or a byte outside printable ASCII in :path");
  out.target = block.path;
  return {};
}

// What an extended CONNECT asks for becomes an Upgrade field, and it has no body but the new protocol's
// bytes: a length would make an origin of HTTP/1.1 wait for some, and take the next request for them.
Result<void> take_protocol(const HeaderBlock& block, RequestHead& out) {
  if (!is_token(block.protocol) || iequals(block.protocol, "h2c"))
    return fail(Code::bad_request, ":protocol is no protocol to change to (RFC 8441 section 4)");
  if (block.fields.has("content-length"))
    return fail(Code::ambiguous_framing, "Content-Length in an extended CONNECT");
  out.method = "GET";
  out.upgrade = block.protocol;
  return {};
}

// RFC 8441 section 5: the proofs of the handshake are of no use where there is a :protocol.
bool proves_handshake(std::string_view name) {
  return iequals(name, "sec-websocket-key") || iequals(name, "sec-websocket-accept");
}

// Host first, as HTTP/1 clients send it; the crumbs of a cookie in the place of the first.
void take_fields(const HeaderBlock& block, RequestHead& out) {
  out.fields.reserve(block.fields.size() + 3, block.bytes + 8);
  out.fields.add("Host", block.authority);
  bool crumbs = block.fields.count("cookie") > 1;
  std::string cookie;
  if (crumbs) {
    for (Fields::View field : block.fields) {
      if (!iequals(field.name, "cookie")) continue;
      if (!cookie.empty()) cookie += "; ";
      cookie += field.value;
    }
  }
  for (Fields::View field : block.fields) {
    if (iequals(field.name, "host")) continue;
    if (!out.upgrade.empty() && proves_handshake(field.name)) continue;
    if (crumbs && iequals(field.name, "cookie")) {
      if (!cookie.empty()) out.fields.add("cookie", cookie);
      cookie.clear();
      continue;
    }
    out.fields.add(field.name, field.value);
  }
}

// Fields that describe an HTTP/1 connection, or that are pseudo-fields here.
bool stays_behind(std::string_view name) {
  switch (name.size()) {
    case 4: return iequals(name, "host");
    case 7: return iequals(name, "upgrade");
    case 10: return iequals(name, "connection") || iequals(name, "keep-alive");
    case 14: return iequals(name, "http2-settings");
    case 16: return iequals(name, "proxy-connection");
    case 17: return iequals(name, "transfer-encoding");
    default: return false;
  }
}

void copy_fields(const Fields& from, HeaderBlock& to, bool changes_protocol) {
  to.fields.reserve(from.size(), from.memory());
  for (std::size_t i = 0; i < from.size(); ++i) {
    Fields::View field = from[i];
    if (stays_behind(field.name)) continue;
    if (changes_protocol && proves_handshake(field.name)) continue;
    if (from.secret(i))
      to.fields.add_secret(field.name, field.value);
    else
      to.fields.add(field.name, field.value);
  }
}

}  // namespace

Result<RequestHead> request_head(HeaderBlock block, Door door, std::size_t target_bytes) {
  if (block.too_large) return fail(Code::head_too_large, std::to_string(block.bytes) + " bytes");
  if (!is_token(block.method))
    return fail(Code::bad_request, "the method is no token (RFC 9110 section 9.1)");
  RequestHead out;
  out.version = Version::h2;
  out.method = block.method;
  if (!block.protocol.empty()) {
    if (auto taken = take_protocol(block, out); !taken) return pass(taken);
  }
  bool connect = out.is("CONNECT");
  if (connect && door.tunnel) return bad_target("CONNECT inside a tunnel");
  if (!connect && !door.tunnel && block.scheme != "http" && block.scheme != "https")
    return bad_target(":scheme is neither http nor https");
  Scheme scheme = connect || block.scheme == "https" ? Scheme::https : Scheme::http;
  if (auto settled = settle_authority(block, scheme); !settled) return pass(settled);
  if (auto taken = take_place(block, door, out); !taken) return pass(taken);
  if (connect) {
    out.origin.scheme = Scheme::https;
  } else if (auto taken = take_path(block, target_bytes, out); !taken) {
    return pass(taken);
  }
  take_fields(block, out);
  return out;
}

Result<ResponseHead> response_head(HeaderBlock block) {
  auto refuse = [](const char* why) { return fail(Code::upstream_bad_response, why); };
  if (block.too_large) return refuse("the head is larger than limits.head_bytes");
  if (block.status < 100) return refuse(":status is not three digits from 100 up");
  if (block.status == 101) return refuse("101 in HTTP/2 (RFC 9113 section 8.6)");
  ResponseHead out;
  out.version = Version::h2;
  out.status = block.status;
  out.fields = std::move(block.fields);
  return out;
}

HeaderBlock block_of(const RequestHead& head) {
  HeaderBlock out;
  bool extended = !head.upgrade.empty();
  bool connect = head.is("CONNECT");
  out.method = extended ? "CONNECT" : head.method;
  out.protocol = head.upgrade;
  auto host = head.fields.get("host");
  out.authority =
      host ? std::string(*host) : head.origin.place.authority(head.origin.scheme == Scheme::https);
  if (connect) {
    out.authority = head.origin.place.str();
  } else {
    out.scheme = name(head.origin.scheme);
    out.path = head.target;
    out.secret_path = head.secret_target;
  }
  copy_fields(head.fields, out, extended);
  return out;
}

HeaderBlock block_of(const ResponseHead& head) {
  HeaderBlock out;
  bool changes_protocol = head.status == 101;
  out.status = changes_protocol ? 200 : head.status;
  copy_fields(head.fields, out, changes_protocol);
  return out;
}

}  // namespace weir::http::h2
