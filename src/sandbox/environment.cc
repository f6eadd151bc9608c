#include "sandbox/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/ascii.h"

namespace weir::sandbox {
namespace {

struct Variable {
  std::string name, value;
};
using Variables = std::vector<Variable>;

constexpr std::string_view kLoopback = "localhost,127.0.0.1,::1";
// As java.net.URL spells hosts: alternatives with '|', IPv6 in brackets.
constexpr std::string_view kJavaLoopback = "localhost|127.0.0.1|[::1]";

// Clients disagree on the case they read, so both are set.
constexpr const char* kProxyVariables[] = {
    "HTTP_PROXY", "HTTPS_PROXY",     "ALL_PROXY",        "http_proxy",       "https_proxy",
    "all_proxy",  "YARN_HTTP_PROXY", "YARN_HTTPS_PROXY", "npm_config_proxy", "npm_config_https_proxy"};
// These replace the client's own roots: they get the system's roots and our CA.
constexpr const char* kReplacingVariables[] = {"SSL_CERT_FILE",
                                               "CURL_CA_BUNDLE",
                                               "REQUESTS_CA_BUNDLE",
                                               "PIP_CERT",
                                               "GIT_SSL_CAINFO",
                                               "CARGO_HTTP_CAINFO",
                                               "AWS_CA_BUNDLE",
                                               "NIX_SSL_CERT_FILE",
                                               "npm_config_cafile",
                                               "BUNDLE_SSL_CA_CERT",
                                               "HTTPLIB2_CA_CERTS",
                                               "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
                                               "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"};
// These add to the client's own roots: they get our CA alone.
constexpr const char* kAddingVariables[] = {"NODE_EXTRA_CA_CERTS", "DENO_CERT"};

// npm folds the case of npm_config_* and takes '-' for '_', so NPM_CONFIG_PROXY of the user competes with our
// npm_config_proxy; its noproxy beats NO_PROXY.
constexpr std::string_view kNpmKeys[] = {"npm_config_proxy", "npm_config_https_proxy", "npm_config_cafile",
                                         "npm_config_noproxy"};

// What a program cannot do without, and what tells nothing about anything else.
constexpr std::string_view kBasics[] = {"PATH",      "HOME", "USER",     "LOGNAME", "SHELL",  "TERM",
                                        "COLORTERM", "LANG", "LANGUAGE", "TZ",      "TMPDIR", "PWD"};

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

bool competes_with_npm_key(std::string_view name) {
  std::string folded = lower(name);
  std::ranges::replace(folded, '-', '_');
  return std::ranges::find(kNpmKeys, folded) != std::end(kNpmKeys);
}

/// One option of JAVA_TOOL_OPTIONS. The JVM splits at white space and removes quotes of either kind, without
/// escapes, so parts that hold one kind of quote go into the other kind.
std::string java_option(std::string_view option) {
  if (option.find_first_of(" \t\"'") == std::string_view::npos) return std::string(option);
  std::string out;
  char quote = 0;
  for (char c : option) {
    char wanted = c == '"' ? '\'' : c == '\'' ? '"' : quote != 0 ? quote : '"';
    if (wanted != quote) {
      if (quote != 0) out += quote;
      out += quote = wanted;
    }
    out += c;
  }
  return out + quote;
}

std::string java_tool_options(std::string_view users_own, const Injection& injection) {
  std::string out(users_own);
  auto append = [&](std::string_view name, std::string_view value) {
    std::string option = "-D";
    if (!out.empty()) out += ' ';
    out += java_option(option.append(name).append("=").append(value));
  };
  if (injection.proxy.port != 0) {
    for (std::string scheme : {"http", "https"}) {
      append(scheme + ".proxyHost", injection.proxy.host);
      append(scheme + ".proxyPort", std::to_string(injection.proxy.port));
    }
    append("http.nonProxyHosts", injection.include_loopback ? "" : kJavaLoopback);  // holds for https as well
  }
  if (injection.java_trust_store.empty()) return out;
  append("javax.net.ssl.trustStore", injection.java_trust_store);
  append("javax.net.ssl.trustStoreType", "JKS");
  append("javax.net.ssl.trustStorePassword", injection.java_trust_password);
  return out;
}

std::string_view value_in(std::span<const std::string> base, std::string_view name) {
  for (std::string_view entry : base)
    if (name_of(entry) == name && entry.size() > name.size()) return entry.substr(name.size() + 1);
  return {};
}

void add_proxy(Variables& out, const Injection& injection) {
  std::string proxy = "http://" + injection.proxy.str();
  std::string no_proxy(injection.include_loopback ? "" : kLoopback);
  for (const char* name : kProxyVariables) out.push_back({name, proxy});
  for (const char* name : {"NO_PROXY", "no_proxy"}) out.push_back({name, no_proxy});
  out.push_back({"NODE_USE_ENV_PROXY", "1"});
}

bool is_about_proxies(std::string_view name) {
  return std::ranges::find(kProxyVariables, name) != std::end(kProxyVariables) || name == "NO_PROXY" ||
         name == "no_proxy";
}

/// These change what the resolver library makes of a name before it asks.
bool bends_names(std::string_view name) { return name == "LOCALDOMAIN" || name == "RES_OPTIONS"; }

bool is_basic(std::string_view name) {
  return std::ranges::find(kBasics, name) != std::end(kBasics) || name.starts_with("LC_");
}

Variables variables_of(const Injection& injection, std::span<const std::string> base) {
  Variables out;
  if (injection.proxy.port != 0) add_proxy(out, injection);
  for (const char* name : kReplacingVariables) out.push_back({name, injection.bundle_file});
  for (const char* name : kAddingVariables) out.push_back({name, injection.ca_file});
  std::string java = java_tool_options(value_in(base, "JAVA_TOOL_OPTIONS"), injection);
  if (!java.empty()) out.push_back({"JAVA_TOOL_OPTIONS", std::move(java)});
  out.push_back({"WEIR", "1"});
  out.push_back({"WEIR_SESSION", injection.session_id});
  return out;
}

}  // namespace

std::vector<std::string> child_environment(std::span<const std::string> base, const Injection& injection) {
  Variables ours = variables_of(injection, base);
  auto is_ours = [&](std::string_view name) {
    return std::ranges::any_of(ours, [&](const Variable& v) { return v.name == name; });
  };
  std::vector<std::string> out;
  for (const std::string& entry : base)
    if (std::string_view name = name_of(entry); !is_ours(name) && !is_about_proxies(name) &&
                                                !competes_with_npm_key(name) &&
                                                !(injection.proxy.port == 0 && bends_names(name)))
      out.push_back(entry);
  for (Variable& variable : ours) out.push_back(std::move(variable.name) + '=' + variable.value);
  return out;
}

Result<std::vector<std::string>> chosen_environment(std::span<const std::string> base,
                                                    const EnvironmentChoice& choice) {
  std::vector<std::string> out;
  auto is_set = [&](std::string_view name) {
    return std::ranges::any_of(choice.set, [&](const std::string& one) { return name_of(one) == name; });
  };
  for (const std::string& entry : base) {
    std::string_view name = name_of(entry);
    bool passed = std::ranges::find(choice.pass, name) != choice.pass.end();
    if ((!choice.clear || passed || is_basic(name)) && !is_set(name)) out.push_back(entry);
  }
  for (const std::string& entry : choice.set) {
    if (name_of(entry).empty() || name_of(entry).size() == entry.size())
      return fail(Code::bad_config, "--env " + entry + ": NAME=VALUE is wanted");
    out.push_back(entry);
  }
  return out;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) out.emplace_back(*entry);
  return out;
}

void forget_variables(std::span<const std::string> names) {
  for (const std::string& name : names) {
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
      std::string_view text = *entry;
      if (text.size() > name.size() && text.starts_with(name) && text[name.size()] == '=')
        ::explicit_bzero(*entry + name.size() + 1, text.size() - name.size() - 1);
    }
    ::unsetenv(name.c_str());
  }
}

}  // namespace weir::sandbox
