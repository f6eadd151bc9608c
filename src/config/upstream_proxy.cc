#include "config/upstream_proxy.h"

#include <stdlib.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/hash.h"
#include "base/wipe_freed.h"
#include "policy/no_proxy.h"

namespace weir::config {
namespace {

using Kind = wire::UpstreamProxy::Kind;

struct Scheme {
  std::string_view name;
  Kind kind;
  std::uint16_t port;
};
constexpr Scheme kSchemes[] = {{"http", Kind::http, 80},
                               {"https", Kind::https, 443},
                               {"socks5", Kind::socks5, 1080},
                               {"socks5h", Kind::socks5, 1080}};

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = to_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1,
        low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

struct UrlParts {
  std::string_view scheme, user_info, place;
};

UrlParts split(std::string_view url) {
  UrlParts out;
  if (std::size_t mark = url.find("://"); mark != std::string_view::npos) {
    out.scheme = url.substr(0, mark);
    url.remove_prefix(mark + 3);
  }
  if (std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    out.user_info = url.substr(0, at);
    url.remove_prefix(at + 1);
  }
  out.place = url.ends_with('/') ? url.substr(0, url.size() - 1) : url;
  return out;
}

/// The first of `names` that is set to something, with the name it was found under.
struct Found {
  std::string name, value;
};
std::optional<Found> first_of(const EnvironmentLookup& lookup, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (auto value = lookup(name); value && !value->empty()) return Found{name, std::move(*value)};
  return std::nullopt;
}

Result<std::optional<wire::UpstreamProxy>> proxy_in(const EnvironmentLookup& lookup,
                                                    std::initializer_list<const char*> names) {
  auto found = first_of(lookup, names);
  if (!found) return std::nullopt;
  auto proxy = parse_proxy_url(found->value);
  if (proxy) return std::move(*proxy);
  return fail(proxy.error().code(), "environment variable " + found->name + ": " + proxy.error().context() +
                                        "; to go without it, set upstream.proxy = \"direct\"");
}

std::vector<std::string> no_proxy_in(const EnvironmentLookup& lookup) {
  std::vector<std::string> out;
  auto found = first_of(lookup, {"no_proxy", "NO_PROXY"});
  if (!found) return out;
  std::string_view rest = found->value;
  while (!rest.empty()) {
    std::size_t end = std::min(rest.find_first_of(", \t"), rest.size());
    std::string entry(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (entry.empty()) continue;
    if (auto compiled = policy::NoProxy::compile(std::span(&entry, 1)); !compiled) {
      log::warn("{} is left out: {}", found->name, compiled.error().context());
      continue;
    }
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

Result<wire::UpstreamProxy> parse_proxy_url(std::string_view url) {
  WipeFreed wipe;
  UrlParts parts = split(url);
  auto bad = [&](std::string_view why) {
    return fail(Code::bad_config, "upstream proxy " + without_password(url) + ": " + std::string(why));
  };
  std::string scheme = parts.scheme.empty() ? "http" : lower(parts.scheme);
  const Scheme* known = std::ranges::find(kSchemes, scheme, &Scheme::name);
  if (known == std::end(kSchemes))
    return bad("only http://, https://, socks5:// and socks5h:// proxies are understood");
  std::size_t colon = parts.user_info.find(':');
  auto user = percent_decoded(parts.user_info.substr(0, colon));
  auto password = percent_decoded(colon == std::string_view::npos ? "" : parts.user_info.substr(colon + 1));
  if (!user || !password) return bad("user or password has a '%' that is not followed by two hex digits");
  auto place = parse_host_port(parts.place, known->port);
  if (!place) return bad(place.error().context());
  wire::UpstreamProxy out{std::move(*place), SecretText(), known->kind, std::nullopt};
  if (user->empty() && password->empty()) return out;
  if (known->kind == Kind::socks5) {
    if (user->size() > 255 || password->size() > 255)
      return bad("a SOCKS5 user or password has at most 255 bytes (RFC 1929)");
    out.login = wire::SocksLogin{std::move(*user), SecretText(*password)};
    return out;
  }
  if (user->contains(':')) return bad("a user name for Basic credentials cannot hold ':' (RFC 7617)");
  out.authorization = SecretText("Basic " + base64(*user + ":" + *password));
  return out;
}

std::string without_password(std::string_view url) {
  UrlParts parts = split(url);
  std::size_t colon = parts.user_info.find(':');
  if (colon == std::string_view::npos) return std::string(url);
  std::size_t start = static_cast<std::size_t>(parts.user_info.data() - url.data()) + colon + 1;
  std::size_t end = static_cast<std::size_t>(parts.user_info.data() - url.data()) + parts.user_info.size();
  return std::string(url.substr(0, start)).append("***").append(url.substr(end));
}

std::optional<std::string> own_environment(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<UpstreamProxies> upstream_from_environment(const EnvironmentLookup& lookup) {
  auto for_https = proxy_in(lookup, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  if (!for_https) return pass(for_https);
  auto for_http = proxy_in(lookup, {"http_proxy", "all_proxy", "ALL_PROXY"});
  if (!for_http) return pass(for_http);
  UpstreamProxies out{std::move(*for_http), std::move(*for_https), {}};
  if (out.for_http || out.for_https) out.no_proxy = no_proxy_in(lookup);
  return out;
}

Result<UpstreamProxies> upstream_proxies(const UpstreamSettings& settings, const EnvironmentLookup& lookup) {
  if (settings.proxy.reveal() == kDirect) return UpstreamProxies{};
  if (settings.proxy.empty()) {
    auto out = upstream_from_environment(lookup);
    if (out && !settings.no_proxy.empty()) out->no_proxy = settings.no_proxy;
    return out;
  }
  auto proxy = parse_proxy_url(settings.proxy.reveal());
  if (!proxy) return pass(proxy);
  return UpstreamProxies{*proxy, *proxy, settings.no_proxy};
}

}  // namespace weir::config
