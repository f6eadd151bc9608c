#include "app/filtering.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace weir::app {
namespace {

using policy::Action;
using policy::HostPattern;
using policy::Layer;

using Layers = std::array<policy::RuleSet, 5>;

// No name can be below it (RFC 6761): it stands for every host that no pattern is about.
const HostPort kAnyHost{"host.invalid", 443};

// One place that the pattern is about, to stand for all.
HostPort one_of(const HostPattern& pattern) {
  std::uint16_t port = pattern.port == HostPattern::kAnyPort ? 443 : pattern.port;
  switch (pattern.kind) {
    case HostPattern::Kind::exact: return {pattern.name, port};
    case HostPattern::Kind::below: return {"host." + pattern.name, port};
    case HostPattern::Kind::every: return {kAnyHost.host, port};
    case HostPattern::Kind::range: break;
  }
  char text[INET6_ADDRSTRLEN];
  const policy::AddressBytes& network = pattern.range.network();
  bool v4 = policy::is_ipv4(network);
  inet_ntop(v4 ? AF_INET : AF_INET6, network.data() + (v4 ? 12 : 0), text, sizeof text);
  return {text, port};
}

std::optional<HostPort> one_of(std::string_view text) {
  auto pattern = HostPattern::parse(text);
  return pattern ? std::optional(one_of(*pattern)) : std::nullopt;
}

// The place that a rule is about, when it can be told from its pattern.
std::optional<HostPort> place_of(const policy::Rule& rule) {
  std::string_view text = rule.pattern;
  if (rule.scope == policy::Scope::host) return one_of(text);
  std::size_t start = text.find("://");
  if (rule.scope != policy::Scope::url || start == std::string_view::npos) return std::nullopt;
  text.remove_prefix(start + 3);
  return one_of(text.substr(0, text.find('/')));
}

class Enforceable {
 public:
  static Result<Enforceable> make(const Sight& sight) {
    Enforceable out;
    auto intercept = policy::HostPatterns::compile(sight.intercept);
    if (!intercept) return pass(intercept);
    auto passthrough = policy::HostPatterns::compile(sight.passthrough);
    if (!passthrough) return pass(passthrough);
    out.intercept_ = std::move(*intercept);
    out.passthrough_ = std::move(*passthrough);
    for (const std::string& pattern : sight.passthrough)
      if (auto place = one_of(pattern)) out.unread_.push_back(std::move(*place));
    if (!out.reads(kAnyHost)) out.unread_.push_back(kAnyHost);
    return out;
  }

  Result<void> check(const Layers& layers) const {
    if (intercept_.empty() && passthrough_.empty()) return {};
    for (std::size_t i = 0; i < layers.size(); ++i) {
      for (const policy::Rule& rule : layers[i].rules)
        if (auto done = check(rule, static_cast<Layer>(i)); !done) return done;
      for (const policy::DomainRule& domain : layers[i].domains)
        if (auto done = check(domain, static_cast<Layer>(i)); !done) return done;
    }
    return {};
  }

 private:
  bool reads(const HostPort& place) const {
    return (intercept_.empty() || intercept_.matches(place)) && !passthrough_.matches(place);
  }

  Result<void> check(const policy::Rule& rule, Layer layer) const {
    if (rule.scope == policy::Scope::host && rule.methods.empty()) return {};
    Layers alone;
    alone[std::to_underlying(layer)].rules.push_back(rule);
    // A rule that lets something pass on whatever host has its effect on those that are read.
    bool any = !place_of(rule) && rule.action == Action::allow;
    return any ? Result<void>() : check(std::move(alone), place_of(rule), rule.pattern, rule.source);
  }

  Result<void> check(const policy::DomainRule& domain, Layer layer) const {
    Layers alone;
    alone[std::to_underlying(layer)].domains.push_back(domain);
    return check(std::move(alone), one_of(domain.pattern), domain.pattern, domain.source);
  }

  // The rule in `alone` must not tell apart the requests to a host that is not read.
  Result<void> check(Layers alone, std::optional<HostPort> own, std::string_view pattern,
                     std::string_view source) const {
    auto policy = policy::Policy::compile(std::move(alone));
    if (!policy) return pass(policy);
    auto unread = unread_;
    if (own && !reads(*own)) unread.insert(unread.begin(), std::move(*own));
    auto found = std::ranges::find_if(unread, [&](const HostPort& place) {
      return (*policy)->needs_requests({http::Scheme::https, place});
    });
    if (found == unread.end()) return {};
    std::string host = found->host == kAnyHost.host ? "hosts that tls.intercept leaves out" : found->host;
    return fail(
        Code::bad_config,
        fmt::format("{}: the rule {} cannot be enforced: it is about single requests, and those to {} "
                    "are not read (tls.passthrough, tls.intercept). Take the host out of there, or "
                    "judge it as a whole",
                    source.empty() ? "filter" : source, pattern, host));
  }

  policy::HostPatterns intercept_;
  policy::HostPatterns passthrough_;
  std::vector<HostPort> unread_;
};

}  // namespace

Result<Filtering> compile_filter(const config::FilterSettings& settings,
                                 const std::vector<std::string>& private_hosts, const Sight& sight) {
  auto policy = policy::Policy::compile(settings.layers);
  if (!policy) return pass(policy);
  auto enforceable = Enforceable::make(sight);
  if (!enforceable) return pass(enforceable);
  if (auto done = enforceable->check(settings.layers); !done) return pass(done);
  auto guard = policy::AddressGuard::compile(private_hosts, settings.layers);
  if (!guard) return fail(Code::bad_config, "upstream.private_hosts: " + guard.error().context());
  return Filtering{std::move(*policy), std::move(*guard)};
}

}  // namespace weir::app
