#include "config/codecs.h"

#include <filesystem>
#include <optional>

#include "config/upstream_proxy.h"
#include "policy/host_patterns.h"
#include "policy/no_proxy.h"

namespace weir::config {
namespace {

/// What a file writes in quotes and a command line plain.
bool is_text(const Scalar& scalar) {
  return scalar.type == Scalar::Type::string || scalar.type == Scalar::Type::argument;
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  auto number = parse_decimal(digits);
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

}  // namespace

bool Time::parse(const Scalar& scalar, const Place&, std::chrono::milliseconds& out) {
  auto duration = scalar.type == Scalar::Type::other ? std::nullopt : parse_duration(scalar.text);
  if (!duration) return false;
  out = *duration;
  return true;
}

bool Path::parse(const Scalar& scalar, const Place& place, std::string& out) {
  if (!is_text(scalar) || scalar.text.empty()) return false;
  std::filesystem::path path = scalar.text;
  if (scalar.text.starts_with("~/")) {
    if (place.home.empty()) return false;
    path = place.home + scalar.text.substr(1);
  }
  out = (place.folder / path).lexically_normal();  // an absolute path replaces the folder
  return true;
}

bool OptionalPath::parse(const Scalar& scalar, const Place& place, std::string& out) {
  if (!is_text(scalar) || !scalar.text.empty()) return Path::parse(scalar, place, out);
  out.clear();
  return true;
}

bool Listen::parse(const Scalar& scalar, const Place&, HostPort& out) {
  if (scalar.type == Scalar::Type::other) return false;
  std::size_t colon = scalar.text.rfind(':');
  bool bare = colon == std::string::npos;
  auto port =
      parse_port(bare ? std::string_view(scalar.text) : std::string_view(scalar.text).substr(colon + 1));
  std::string host = bare ? "127.0.0.1" : scalar.text.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  bool ipv6 = host.find(':') != std::string::npos;
  if (ipv6 && !(host.starts_with('[') && host.ends_with(']'))) return false;  // "::1" may be "::" and port 1
  auto canonical = canonical_host(host);
  if (!port || !canonical || !is_ip_literal(*canonical)) return false;
  out = {std::move(*canonical), *port};
  return true;
}

bool HostPattern::parse(const Scalar& scalar, const Place&, std::string& out) {
  if (!is_text(scalar) || !policy::HostPatterns::compile(std::span(&scalar.text, 1))) return false;
  out = scalar.text;
  return true;
}

bool NoProxyEntry::parse(const Scalar& scalar, const Place&, std::string& out) {
  if (!is_text(scalar) || scalar.text.empty() || !policy::NoProxy::compile(std::span(&scalar.text, 1)))
    return false;
  out = scalar.text;
  return true;
}

bool UpstreamProxy::parse(const Scalar& scalar, const Place&, std::string& out) {
  if (!is_text(scalar)) return false;
  if (!scalar.text.empty() && scalar.text != kDirect && !parse_proxy_url(scalar.text)) return false;
  out = scalar.text;
  return true;
}

Value UpstreamProxy::show(const std::string& url) { return Value::string(without_password(url)); }

}  // namespace weir::config
