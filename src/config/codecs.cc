#include "config/codecs.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "config/doors.h"
#include "config/upstream_proxy.h"
#include "net/guest_preamble.h"
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

bool VsockSocketPath::parse(const Scalar& scalar, const Place& place, VsockSocket& out) {
  Scalar path = scalar;
  std::uint64_t port = net::kGuestPort;
  std::size_t colon = path.text.rfind(':');
  if (auto number = colon == std::string::npos ? std::nullopt : parse_decimal(path.text.substr(colon + 1))) {
    port = *number;
    path.text.resize(colon);
  }
  VsockSocket read;
  if (port == 0 || port >= UINT32_MAX || !Path::parse(path, place, read.path)) return false;
  read.port = static_cast<std::uint32_t>(port);
  out = std::move(read);
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

namespace {

/// HOST=CERT[,KEY] as the members that the file would have.
std::vector<Member> certificate_argument(std::string_view text) {
  std::size_t equals = text.find('=');  // no host pattern has one
  if (equals == std::string_view::npos) return {};
  std::string_view files = text.substr(equals + 1);
  std::size_t comma = files.find(',');
  std::vector<Member> out = {{"host", Value::string(std::string(text.substr(0, equals)))},
                             {"cert", Value::string(std::string(files.substr(0, comma)))}};
  if (comma != std::string_view::npos)
    out.push_back({"key", Value::string(std::string(files.substr(comma + 1)))});
  return out;
}

}  // namespace

bool ClientCertificateFiles::parse(const Scalar& scalar, const Place& place, ClientCertificate& out) {
  ClientCertificate parsed;
  for (const auto& [name, value] :
       scalar.type == Scalar::Type::argument ? certificate_argument(scalar.text) : scalar.members) {
    if (value.list) return false;
    const Scalar& member = value.items.front();
    bool good = name == "host"   ? HostPattern::parse(member, place, parsed.host)
                : name == "cert" ? Path::parse(member, place, parsed.cert)
                : name == "key"  ? Path::parse(member, place, parsed.key)
                                 : false;
    if (!good) return false;
  }
  if (parsed.host.empty() || parsed.cert.empty()) return false;
  out = std::move(parsed);
  return true;
}

Value ClientCertificateFiles::show(const ClientCertificate& certificate) {
  Scalar out{Scalar::Type::table, ""};
  out.members = {{"host", Value::string(certificate.host)}, {"cert", Value::string(certificate.cert)}};
  if (!certificate.key.empty()) out.members.push_back({"key", Value::string(certificate.key)});
  return {{std::move(out)}};
}

bool Switch::parse(const Scalar& scalar, const Place&, bool& out) {
  bool typed = scalar.type == Scalar::Type::boolean || scalar.type == Scalar::Type::argument;
  if (!typed || (scalar.text != "true" && scalar.text != "false")) return false;
  out = scalar.text == "true";
  return true;
}

bool NoProxyEntry::parse(const Scalar& scalar, const Place&, std::string& out) {
  if (!is_text(scalar) || scalar.text.empty() || !policy::NoProxy::compile(std::span(&scalar.text, 1)))
    return false;
  out = scalar.text;
  return true;
}

bool UpstreamProxy::parse(const Scalar& scalar, const Place&, SecretText& out) {
  if (!is_text(scalar)) return false;
  if (!scalar.text.empty() && scalar.text != kDirect && !parse_proxy_url(scalar.text)) return false;
  out = scalar.text;
  return true;
}

std::string UpstreamProxy::masked(std::string_view url) { return without_password(url); }

bool ProxyUser::parse(const Scalar& scalar, const Place&, SecretText& out) {
  if (!is_text(scalar) || !parse_proxy_user(scalar.text)) return false;
  out = scalar.text;
  return true;
}

std::string ProxyUser::masked(std::string_view user) { return without_user_password(user); }

bool PathPrefix::parse(const Scalar& scalar, const Place&, std::string& out) {
  const std::string& text = scalar.text;
  bool good = std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '?' && c != '#'; });
  bool path = text.empty() || (text.starts_with('/') && !text.ends_with('/'));
  if (!is_text(scalar) || !good || !path) return false;
  out = text;
  return true;
}

bool ReverseUrl::parse(const Scalar& scalar, const Place&, std::string& out) {
  if (!is_text(scalar) || (!scalar.text.empty() && !parse_reverse(scalar.text))) return false;
  out = scalar.text;
  return true;
}

}  // namespace weir::config
