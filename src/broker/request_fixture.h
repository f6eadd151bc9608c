// For tests of requests with secrets: eight credentials, and what leaves of a request with them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/hash.h"
#include "base/secret_bytes.h"
#include "broker/request.h"

namespace weir::broker {

using What = Guarded::What;
using Field = std::pair<std::string, std::string>;
using FieldList = std::vector<Field>;

enum Number : std::size_t { kToken, kKey, kAny, kInactive, kInjected, kPassword, kAws, kSecond };
inline constexpr std::size_t kCount = 8;

inline const std::string kPlaceholders[kCount] = {
    "ghp_weirToken000000000000", "weirKey00000000000000", "weirAny00000000000000", "weirInactive000000000",
    "weirInjected000000000",     "weirPassword000000000", "AKIAWEIRPLACEHOLDER2",  "weirSecond00000000000"};
inline const std::string kSecrets[kCount] = {"real-token-value",    "real&key=/+ %\"v", "real-any-value",
                                             "real-inactive-value", "real-injected",    "real:pass word\"1",
                                             "real/AWS+secret-key", "real-second-value"};

inline Binding bound(std::size_t number, std::vector<std::string> hosts) {
  static const char* const kNames[] = {"token",    "key",      "any", "inactive",
                                       "injected", "password", "aws", "second"};
  Binding out;
  out.name = kNames[number];
  out.placeholder = kPlaceholders[number];
  out.hosts = *policy::HostPatterns::compile(hosts);
  out.host_texts = std::move(hosts);
  return out;
}

inline Bindings bindings() {
  Bindings out;
  for (std::size_t i = 0; i < kCount; ++i) out.push_back(bound(i, {"api.test"}));
  out[kToken].path = "/v1";
  out[kToken].fields = {"Authorization", "X-Api-Key"};
  out[kKey].parameters = {"key", "k"};
  out[kAny] = bound(kAny, {"any.test", "*.any.test:8443"});
  out[kInactive].active = false;
  out[kInjected] = bound(kInjected, {"inject.test"});
  out[kInjected].fields = {"Authorization", "X-Token"};
  out[kInjected].injected = "Bearer {secret}";
  out[kPassword] = bound(kPassword, {"basic.test"});
  out[kPassword].fields = {"Authorization"};
  out[kPassword].injected = "Basic {user:secret}";
  out[kPassword].user = "me";
  out[kAws] = bound(kAws, {"*.aws.test"});
  out[kAws].use = Use::aws_signature;
  out[kAws].placeholder_secret = "weirAwsSecret00000000000000000000000000x";
  out[kSecond].fields = {"Authorization", "X-Second"};
  return out;
}

inline std::string encoded(std::string_view text) {
  std::string out;
  for (char c : text)
    if (is_alpha(c) || is_digit(c) || std::string_view("-._~").contains(c)) {
      out += c;
    } else {
      std::string digits = hex({&c, 1});
      for (char& digit : digits) digit = digit >= 'a' ? static_cast<char>(digit - 32) : digit;
      out.append("%").append(digits);
    }
  return out;
}

class RequestTest : public testing::Test {
 protected:
  RequestTest() { fill_guard(); }

  void fill_guard() {
    guard_ = Guard();
    for (std::size_t i = 0; i < bindings_.size(); ++i) {
      guard_.add({i, What::placeholder}, bindings_[i].placeholder);
      if (!bindings_[i].placeholder_secret.empty())
        guard_.add({i, What::placeholder}, bindings_[i].placeholder_secret);
      guard_.add({i, What::secret}, kSecrets[i]);
    }
    guard_.compile();
  }

  static http::RequestHead request(const std::string& url, const FieldList& fields) {
    http::RequestHead out;
    out.method = "GET";
    std::string_view rest = url;
    bool plain = rest.starts_with("http://");
    rest.remove_prefix(plain ? 7 : 8);
    std::size_t slash = rest.find('/');
    auto place = parse_host_port(rest.substr(0, slash), plain ? 80 : 443);
    EXPECT_TRUE(place) << url;
    out.origin = {plain ? http::Scheme::http : http::Scheme::https, *place};
    out.target = rest.substr(slash);
    out.fields.add("Host", place->authority(!plain));
    for (const auto& [name, value] : fields) out.fields.add(name, value);
    return out;
  }

  static std::string written(const http::RequestHead& head) {
    std::string out = head.method + " " + head.target;
    for (std::size_t i = 0; i < head.fields.size(); ++i)
      out.append("\n")
          .append(head.fields[i].name)
          .append(head.fields.secret(i) ? "! " : ": ")
          .append(head.fields[i].value);
    return out;
  }

  http::RequestHead with_all(const http::RequestHead& head, const Plan& plan) const {
    return with_secrets(head, bindings_, plan, [](std::size_t i) { return std::string_view(kSecrets[i]); });
  }

  /// What leaves of a request, or why nothing does.
  std::string sent(const http::RequestHead& head) const {
    auto plan = judge(bindings_, guard_, head, head.origin);
    if (!plan) {
      for (const std::string& secret : kSecrets)
        EXPECT_THAT(plan.error().message(), testing::Not(testing::HasSubstr(secret)));
      return std::string(info(plan.error().code()).name) + ": " + plan.error().context();
    }
    http::RequestHead out = with_all(head, *plan);
    std::string text = written(out);
    if (!plan->aws) {
      for (const std::string& placeholder : kPlaceholders)
        EXPECT_THAT(text, testing::AllOf(testing::Not(testing::HasSubstr(placeholder)),
                                         testing::Not(testing::HasSubstr(lower(placeholder)))))
            << "it is not left anywhere";
    }
    if (out.secret_target) zero(out.target);
    return text;
  }
  std::string sent(const std::string& url, const FieldList& fields) const {
    return sent(request(url, fields));
  }
  /// Of the one field besides Host.
  std::string value(const std::string& url, const Field& field) const {
    std::string text = sent(url, {field});
    std::size_t at = text.rfind('\n');
    return at == text.npos ? text : text.substr(at + 1);
  }
  std::string target(const std::string& url) const {
    std::string text = sent(url, {});
    return text.substr(4, text.find('\n') - 4);
  }

  Bindings bindings_ = bindings();
  Guard guard_;
};

}  // namespace weir::broker
