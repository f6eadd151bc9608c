#include "config/upstream_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/hash.h"

namespace weir::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

EnvironmentLookup environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

UpstreamProxies from(std::map<std::string, std::string> variables) {
  auto out = upstream_from_environment(environment(std::move(variables)));
  EXPECT_TRUE(out) << out.error().message();
  return out.value_or(UpstreamProxies());
}

std::string host(const std::optional<wire::UpstreamProxy>& proxy) {
  return proxy ? proxy->place.host : "direct";
}

using Kind = wire::UpstreamProxy::Kind;

TEST(ProxyUrl, Accepted) {
  struct Row {
    const char* url;
    Kind kind;
    HostPort place;
  };
  for (const Row& row : {Row{"http://proxy.corp:3128", Kind::http, {"proxy.corp", 3128}},
                         Row{"HTTP://Proxy.Corp:3128/", Kind::http, {"proxy.corp", 3128}},
                         Row{"proxy.corp:3128", Kind::http, {"proxy.corp", 3128}},
                         Row{"http://proxy.corp", Kind::http, {"proxy.corp", 80}},
                         Row{"http://[::1]:3128", Kind::http, {"::1", 3128}},
                         Row{"http://u:p@proxy:1", Kind::http, {"proxy", 1}},
                         Row{"https://proxy.corp", Kind::https, {"proxy.corp", 443}},
                         Row{"https://u:p@proxy.corp:8443", Kind::https, {"proxy.corp", 8443}},
                         Row{"socks5://proxy", Kind::socks5, {"proxy", 1080}},
                         Row{"SOCKS5h://u:p@proxy:9050/", Kind::socks5, {"proxy", 9050}}}) {
    auto proxy = parse_proxy_url(row.url);
    ASSERT_TRUE(proxy) << row.url << ": " << proxy.error().message();
    EXPECT_EQ(proxy->place, row.place) << row.url;
    EXPECT_EQ(proxy->kind, row.kind) << row.url;
  }
}

TEST(ProxyUrl, BasicCredentials) {
  struct Row {
    const char *user_info, *credentials;
  };
  for (const Row& row :
       {Row{"Aladdin:open%20sesame@", "Aladdin:open sesame"}, Row{"u@", "u:"}, Row{":p@", ":p"},
        Row{"d%5Cu:p%40%3A%2f@", "d\\u:p@:/"}, Row{"u:a@b:c@", "u:a@b:c"}}) {
    for (std::string scheme : {"http://", "https://"}) {
      auto proxy = parse_proxy_url(scheme + row.user_info + "p:1");
      ASSERT_TRUE(proxy) << row.user_info;
      EXPECT_EQ(proxy->authorization, "Basic " + base64(row.credentials));
      EXPECT_FALSE(proxy->login.has_value());
    }
  }
  EXPECT_EQ(parse_proxy_url("http://p:1")->authorization, "");
  EXPECT_FALSE(parse_proxy_url("http://a%3Ab:c@proxy:1")) << "RFC 7617: no colon in a user name";
}

TEST(ProxyUrl, SocksLogin) {
  auto proxy = parse_proxy_url("socks5://a%3Ab:p%40@proxy");
  ASSERT_TRUE(proxy && proxy->login);
  EXPECT_EQ(proxy->login->user, "a:b");
  EXPECT_EQ(proxy->login->password, "p@");
  EXPECT_EQ(proxy->authorization, "");
  EXPECT_FALSE(parse_proxy_url("socks5://proxy")->login.has_value());
  EXPECT_TRUE(parse_proxy_url("socks5://" + std::string(255, 'u') + "@proxy"));
  EXPECT_FALSE(parse_proxy_url("socks5://" + std::string(256, 'u') + "@proxy"));
  EXPECT_FALSE(parse_proxy_url("socks5://u:" + std::string(256, 'p') + "@proxy"));
}

TEST(ProxyUrl, RefusedWithoutShowingThePassword) {
  for (std::string rest : {"proxy:0", "proxy:99999", "", "proxy:1/path", "a b:1", "%zz@proxy:1"}) {
    auto proxy = parse_proxy_url("http://user:secret@" + rest);
    ASSERT_FALSE(proxy) << rest;
    EXPECT_EQ(proxy.error().code(), Code::bad_config);
    EXPECT_THAT(proxy.error().context(), Not(HasSubstr("secret")));
  }
}

TEST(ProxyUrl, OtherSchemesAreRefused) {
  for (const char* url : {"socks://proxy:1080", "socks4://proxy:1080", "socks4a://u:p@proxy:1080",
                          "ftp://proxy", "socks6://proxy"}) {
    auto proxy = parse_proxy_url(url);
    ASSERT_FALSE(proxy) << url;
    EXPECT_THAT(proxy.error().context(), HasSubstr("only http://, https://, socks5:// and socks5h://"));
  }
}

TEST(UpstreamFromEnvironment, NothingSetIsDirect) {
  UpstreamProxies out = from({{"HTTPS_PROXY", ""}, {"NO_PROXY", "a.com"}});
  EXPECT_EQ(host(out.for_http), "direct");
  EXPECT_EQ(host(out.for_https), "direct");
}

TEST(UpstreamFromEnvironment, LowerCaseWins) {
  EXPECT_EQ(host(from({{"https_proxy", "http://low:1"}, {"HTTPS_PROXY", "http://up:1"}}).for_https), "low");
  EXPECT_EQ(host(from({{"https_proxy", ""}, {"HTTPS_PROXY", "http://up:1"}}).for_https), "up");
  EXPECT_EQ(host(from({{"all_proxy", "http://low:1"}, {"ALL_PROXY", "http://up:1"}}).for_https), "low");
  EXPECT_THAT(from({{"all_proxy", "p:1"}, {"no_proxy", "low"}, {"NO_PROXY", "up"}}).no_proxy,
              ElementsAre("low"));
}

TEST(UpstreamFromEnvironment, HttpProxyIsReadInLowerCaseOnly) {
  EXPECT_EQ(host(from({{"HTTP_PROXY", "http://up:1"}}).for_http), "direct");
  EXPECT_EQ(host(from({{"http_proxy", "http://low:1"}}).for_http), "low");
  EXPECT_EQ(host(from({{"http_proxy", "http://low:1"}}).for_https), "direct");
}

TEST(UpstreamFromEnvironment, AllProxyFillsTheGaps) {
  UpstreamProxies out = from({{"ALL_PROXY", "http://all:1"}, {"HTTPS_PROXY", "http://secure:1"}});
  EXPECT_EQ(host(out.for_http), "all");
  EXPECT_EQ(host(out.for_https), "secure");
}

TEST(UpstreamFromEnvironment, AllProxyMayBeSocks) {
  UpstreamProxies out = from({{"ALL_PROXY", "socks5h://me:pw@all"}});
  for (const auto& proxy : {out.for_http, out.for_https}) {
    ASSERT_TRUE(proxy && proxy->login);
    EXPECT_EQ(proxy->kind, Kind::socks5);
    EXPECT_EQ(proxy->place, (HostPort{"all", 1080}));
    EXPECT_EQ(proxy->login->password, "pw");
  }
}

TEST(UpstreamFromEnvironment, NoProxyIsSplitAndWhatIsNotUnderstoodLeftOut) {
  EXPECT_THAT(
      from({{"all_proxy", "p:1"}, {"NO_PROXY", "localhost, .corp 10.0.0.0/8,,10.*.0.1,*.x.com"}}).no_proxy,
      ElementsAre("localhost", ".corp", "10.0.0.0/8", "*.x.com"));
}

TEST(UpstreamFromEnvironment, ErrorNamesTheVariable) {
  auto out = upstream_from_environment(environment({{"ALL_PROXY", "socks4://u:secret@p:1"}}));
  ASSERT_FALSE(out);
  EXPECT_THAT(out.error().context(), HasSubstr("ALL_PROXY"));
  EXPECT_THAT(out.error().context(), HasSubstr("upstream.proxy = \"direct\""));
  EXPECT_THAT(out.error().context(), Not(HasSubstr("secret")));
}

UpstreamSettings set(std::string proxy, std::vector<std::string> no_proxy = {}) {
  UpstreamSettings out;
  out.proxy = std::move(proxy);
  out.no_proxy = std::move(no_proxy);
  return out;
}

TEST(UpstreamProxies, SettingsBeatTheEnvironment) {
  auto surrounding = environment({{"all_proxy", "http://env:1"}, {"no_proxy", "env.com"}});
  auto out = upstream_proxies(set("http://set:1", {"set.com"}), surrounding);
  ASSERT_TRUE(out);
  EXPECT_EQ(host(out->for_http), "set");
  EXPECT_EQ(host(out->for_https), "set");
  EXPECT_THAT(out->no_proxy, ElementsAre("set.com"));
  EXPECT_THAT(upstream_proxies(set("http://set:1"), surrounding)->no_proxy, IsEmpty());
  EXPECT_EQ(host(upstream_proxies(set("direct"), surrounding)->for_https), "direct");
  EXPECT_EQ(host(upstream_proxies(set(""), surrounding)->for_https), "env");
  EXPECT_THAT(upstream_proxies(set("", {"set.com"}), surrounding)->no_proxy, ElementsAre("set.com"));
}

}  // namespace
}  // namespace weir::config
