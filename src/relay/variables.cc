#include "relay/variables.h"

#include <algorithm>

namespace weir::relay {
namespace {

// CIDR is understood by few; who does not reaches private networks through the relay, which denies them.
constexpr std::string_view kDirect =
    "localhost,127.0.0.1,::1,169.254.0.0/16,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,"
    "anthropic.com,.anthropic.com,*.anthropic.com,github.com,api.github.com,*.github.com,*.githubusercontent."
    "com";

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

}  // namespace

std::string relay_no_proxy(std::span<const std::string> direct) {
  std::string out(kDirect);
  for (const std::string& host : direct) out.append(",").append(host);
  return out;
}

std::vector<Variable> relay_variables(const HostPort& listen, const std::string& bundle,
                                      const std::string& no_proxy) {
  std::string proxy = "http://" + listen.str();
  return {{"HTTPS_PROXY", proxy},         {"https_proxy", proxy},    {"NO_PROXY", no_proxy},
          {"no_proxy", no_proxy},         {"SSL_CERT_FILE", bundle}, {"NODE_EXTRA_CA_CERTS", bundle},
          {"REQUESTS_CA_BUNDLE", bundle}, {"CURL_CA_BUNDLE", bundle}};
}

std::vector<std::string> with_variables(std::span<const std::string> base,
                                        std::span<const Variable> variables) {
  std::vector<std::string> out;
  for (const std::string& entry : base)
    if (std::ranges::none_of(variables, [&](const Variable& one) { return one.first == name_of(entry); }))
      out.push_back(entry);
  for (const auto& [name, value] : variables) out.push_back(name + "=" + value);
  return out;
}

}  // namespace weir::relay
