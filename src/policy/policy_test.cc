#include "policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::policy {
namespace {

using testing::HasSubstr;

std::shared_ptr<const Policy> compiled(RuleSet user, RuleSet corp = {}) {
  std::array<RuleSet, 5> layers;
  layers[static_cast<std::size_t>(Layer::corp)] = std::move(corp);
  layers[static_cast<std::size_t>(Layer::user)] = std::move(user);
  auto policy = Policy::compile(std::move(layers));
  EXPECT_TRUE(policy) << policy.error().message();
  return policy.value_or(nullptr);
}

http::Origin https(std::string_view place) {
  auto parsed = parse_host_port(place, 443);
  EXPECT_TRUE(parsed) << place;
  return {http::Scheme::https, parsed.value_or(HostPort())};
}

bool blocks(const Policy& policy, std::string_view place, std::string_view target = "/",
            std::string_view method = "GET") {
  http::Origin origin = https(place);
  return policy.decide({origin, method, target}).action == Action::block;
}

std::string refusal(RuleSet user) {
  std::array<RuleSet, 5> layers;
  layers[2] = std::move(user);
  auto policy = Policy::compile(std::move(layers));
  EXPECT_FALSE(policy);
  if (policy) return "";
  EXPECT_EQ(policy.error().code(), Code::bad_config);
  return policy.error().context();
}

struct Bypass {
  Scope scope;
  const char* pattern;
  std::optional<PatternType> type;
  const char* place;
  const char* target;
  bool blocked;
};

class BypassTable : public testing::TestWithParam<Bypass> {};

TEST_P(BypassTable, Row) {
  const Bypass& row = GetParam();
  auto policy = compiled({.rules = {{.pattern = row.pattern, .scope = row.scope, .type = row.type}}});
  ASSERT_TRUE(policy);
  EXPECT_EQ(blocks(*policy, row.place, row.target), row.blocked)
      << row.pattern << " against " << row.place << row.target;
}

constexpr auto kAuto = std::nullopt;
constexpr auto kExact = PatternType::exact;
constexpr auto kGlob = PatternType::glob;
constexpr auto kRegex = PatternType::regex;

INSTANTIATE_TEST_SUITE_P(
    Host, BypassTable,
    testing::Values(Bypass{Scope::host, "evil.com", kAuto, "EVIL.com", "/", true},
                    Bypass{Scope::host, "Evil.COM.", kAuto, "evil.com", "/", true},
                    Bypass{Scope::host, "evil.com", kAuto, "evil.com.", "/", true},
                    Bypass{Scope::host, "evil.com", kAuto, "evil.com:8443", "/", true},
                    Bypass{Scope::host, "evil.com:8443", kAuto, "evil.com:8443", "/", true},
                    Bypass{Scope::host, "evil.com:8443", kAuto, "evil.com", "/", false},
                    Bypass{Scope::host, "*:8443", kAuto, "evil.com:8443", "/", true},
                    Bypass{Scope::host, "evil.com", kExact, "a.evil.com", "/", false},
                    // depth and apex
                    Bypass{Scope::host, "*.github.com", kAuto, "a.b.c.github.com", "/", true},
                    Bypass{Scope::host, "*.github.com", kAuto, "github.com", "/", false},
                    Bypass{Scope::host, "*.github.com", kAuto, "notgithub.com", "/", false},
                    Bypass{Scope::host, "**.github.com", kAuto, "a.b.github.com", "/", true},
                    Bypass{Scope::host, "**", kAuto, "a.b", "/", true},
                    Bypass{Scope::host, "*", kAuto, "10.0.0.1", "/", true},
                    Bypass{Scope::host, "*hub.com", kAuto, "a.github.com", "/", true},
                    // other globs
                    Bypass{Scope::host, "api-*.evil.com", kAuto, "api-1.evil.com", "/", true},
                    Bypass{Scope::host, "api-*.evil.com", kAuto, "API-1.x.Evil.com", "/", true},
                    Bypass{Scope::host, "api-*.evil.com", kAuto, "www.evil.com", "/", false},
                    Bypass{Scope::host, "api-*.evil.com:1", kAuto, "api-1.evil.com:1", "/", true},
                    Bypass{Scope::host, "api-*.evil.com:1", kAuto, "api-1.evil.com:2", "/", false},
                    Bypass{Scope::host, "{a,b}.evil.com", kGlob, "b.evil.com", "/", true},
                    Bypass{Scope::host, "[ab].evil.com", kGlob, "c.evil.com", "/", false},
                    Bypass{Scope::host, "10.0.0.*", kAuto, "10.0.0.9", "/", true},
                    Bypass{Scope::host, "10.0.0.*", kAuto, "[::ffff:10.0.0.9]", "/", true},
                    Bypass{Scope::host, "1?.0.0.1", kAuto, "10.0.0.1", "/", true},
                    Bypass{Scope::host, "x*.Evil.com.", kAuto, "xy.evil.com", "/", true},
                    // regular expressions
                    Bypass{Scope::host, "(^|\\.)Evil\\.com$", kAuto, "a.EVIL.com", "/", true},
                    Bypass{Scope::host, "(^|\\.)evil\\.com$", kAuto, "evil.com.net", "/", false},
                    Bypass{Scope::host, "evil", kRegex, "my-evil-site.net", "/", true},
                    // addresses, however they are written
                    Bypass{Scope::host, "[::1]", kAuto, "[::1]:99", "/", true},
                    Bypass{Scope::host, "[::1]", kAuto, "a1.com", "/", false},
                    Bypass{Scope::host, "[::1]:443", kGlob, "[0:0::1]", "/", true},
                    Bypass{Scope::host, "2130706433", kAuto, "127.0.0.1", "/", true},
                    Bypass{Scope::host, "0x7f.1", kExact, "[::ffff:7f00:1]", "/", true},
                    Bypass{Scope::host, "10.0.0.0/8", kAuto, "10.1.2.3", "/", true},
                    Bypass{Scope::host, "10.0.0.0/8", kAuto, "11.1.2.3", "/", false},
                    Bypass{Scope::host, "*.bücher.de", kAuto, "a.xn--bcher-kva.de", "/", true}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

INSTANTIATE_TEST_SUITE_P(
    Path, BypassTable,
    testing::Values(Bypass{Scope::path, "/admin", kAuto, "a.x", "/admin", true},
                    Bypass{Scope::path, "/admin", kAuto, "a.x", "/admin?x=1", true},
                    Bypass{Scope::path, "/admin", kExact, "a.x", "/%61dmin", true},
                    Bypass{Scope::path, "/admin/**", kAuto, "a.x", "//admin//x", true},
                    Bypass{Scope::path, "/admin/**", kAuto, "a.x", "/public/../admin/x", true},
                    Bypass{Scope::path, "/admin/**", kAuto, "a.x", "/public/%2e%2e/admin/x", true},
                    Bypass{Scope::path, "/admin/**", kAuto, "a.x", "/./admin", true},
                    Bypass{Scope::path, "/admin/**", kAuto, "a.x", "/administrator", false},
                    Bypass{Scope::path, "/admin/*", kAuto, "a.x", "/admin/a/b", false},
                    Bypass{Scope::path, "/a%2fb/*", kAuto, "a.x", "/a%2Fb/c", true},
                    Bypass{Scope::path, "/ü*", kAuto, "a.x", "/%c3%bcx", true},
                    Bypass{Scope::path, "/%7Euser", kExact, "a.x", "/~user", true},
                    Bypass{Scope::path, "*", kAuto, "a.x", "/a/b", true},
                    Bypass{Scope::path, "/search*q=bad*", kAuto, "a.x", "/search?q=bad&x", true},
                    Bypass{Scope::path, "^/admin$", kAuto, "a.x", "/admin?x", true},
                    Bypass{Scope::path, "[?&]key=", kAuto, "a.x", "/?a&key=1", true},
                    Bypass{Scope::path, "/Admin", kAuto, "a.x", "/admin", false}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

INSTANTIATE_TEST_SUITE_P(
    Url, BypassTable,
    testing::Values(Bypass{Scope::url, "https://evil.com/**", kAuto, "evil.com:443", "/a/b", true},
                    Bypass{Scope::url, "https://evil.com:443/**", kAuto, "evil.com", "/a/b?c", true},
                    Bypass{Scope::url, "HTTPS://Evil.COM./a", kExact, "evil.com", "/a", true},
                    Bypass{Scope::url, "http://evil.com/**", kAuto, "evil.com", "/", false},
                    Bypass{Scope::url, "*://evil.com/**", kAuto, "evil.com", "/", true},
                    Bypass{Scope::url, "https://evil.com/**", kAuto, "evil.com:8443", "/", false},
                    Bypass{Scope::url, "https://evil.com:8443/**", kAuto, "evil.com:8443", "/", true},
                    Bypass{Scope::url, "https://evil.com:*/**", kAuto, "evil.com:8443", "/", true},
                    Bypass{Scope::url, "https://h.x/*", kAuto, "h.x", "/a", true},
                    Bypass{Scope::url, "https://h.x/*", kAuto, "h.x", "/a/b", false},
                    Bypass{Scope::url, "https://*.evil.com/v1/**", kAuto, "a.b.evil.com", "/v1", true},
                    Bypass{Scope::url, "https://*.evil.com/v1/**", kAuto, "evil.com", "/v1", false},
                    Bypass{Scope::url, "https://*.evil.com/**", kAuto, "x.net", "/.evil.com/", false},
                    Bypass{Scope::url, "https://**/secret", kAuto, "a.b", "/secret?x", true},
                    Bypass{Scope::url, "https://**/secret", kAuto, "a.b", "/x/secret", false},
                    Bypass{Scope::url, "{http,https}://evil.com/**", kGlob, "evil.com", "/", true},
                    Bypass{Scope::url, "https://[::1]/**", kGlob, "[0::1]", "/a", true},
                    Bypass{Scope::url, "https://[::1]:8443/a", kExact, "[::1]:8443", "/a", true},
                    Bypass{Scope::url, "https://127.1/**", kAuto, "[::ffff:127.0.0.1]", "/a", true},
                    Bypass{Scope::url, "https://*.bücher.de/**", kAuto, "a.xn--bcher-kva.de", "/a", true},
                    Bypass{Scope::url, "*", kAuto, "a.x", "/b", true},
                    Bypass{Scope::url, "^https://evil\\.com/", kAuto, "evil.com:443", "/x", true},
                    Bypass{Scope::url, "https://evil.com/a%2e%2e/**", kAuto, "evil.com", "/a../x", true}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

TEST(Policy, NothingSaidIsOff) {
  auto policy = compiled({});
  http::Origin origin = https("a.x");
  EXPECT_TRUE(policy->off());
  EXPECT_TRUE(policy->always_allows(origin));
  EXPECT_FALSE(policy->needs_requests(origin));
  Verdict verdict = policy->decide({origin, "GET", "/"});
  EXPECT_EQ(verdict.action, Action::allow);
  EXPECT_EQ(verdict.basis, Basis::off);
  EXPECT_EQ(verdict.explanation(), "filtering disabled");
}

TEST(Policy, ExplanationsAreTheOriginals) {
  auto policy = compiled({.default_action = Action::block,
                          .rules = {{.pattern = "*.a.x", .source = "config.toml:3"},
                                    {.pattern = "b.x", .action = Action::allow, .reason = "our mirror"}}});
  auto explained = [&](std::string_view place) {
    http::Origin origin = https(place);
    return policy->decide({origin, "GET", "/"}).explanation();
  };
  EXPECT_EQ(explained("q.a.x"), "matched rule: *.a.x");
  EXPECT_EQ(explained("b.x"), "our mirror");
  EXPECT_EQ(explained("c.x"), "no rule matched, using default action: block");
}

TEST(Policy, VerdictNamesItsRule) {
  auto policy = compiled({.rules = {{.pattern = "b.x"}}},
                         {.rules = {{.pattern = "a.x", .reason = "no", .source = "corp.toml:9"}}});
  http::Origin origin = https("a.x");
  Verdict verdict = policy->decide({origin, "GET", "/"});
  EXPECT_EQ(verdict.basis, Basis::rule);
  EXPECT_EQ(verdict.layer, Layer::corp);
  EXPECT_EQ(verdict.pattern, "a.x");
  EXPECT_EQ(verdict.reason, "no");
  EXPECT_EQ(verdict.source, "corp.toml:9");
}

TEST(Policy, MethodsOfRules) {
  auto policy = compiled(
      {.rules = {{.pattern = "a.x", .methods = {"POST", "DELETE"}}, {.pattern = "b.x", .methods = {"*"}}}});
  EXPECT_TRUE(blocks(*policy, "a.x", "/", "POST"));
  EXPECT_TRUE(blocks(*policy, "a.x", "/", "delete"));  // some servers take it for DELETE
  EXPECT_FALSE(blocks(*policy, "a.x", "/", "GET"));
  EXPECT_TRUE(blocks(*policy, "b.x", "/", "BREW"));
}

TEST(Policy, DomainsTellReadingFromWriting) {
  auto policy = compiled({.default_action = Action::block,
                          .domains = {{.pattern = "*.x", .read = Action::allow, .write = Action::ask},
                                      {.pattern = "a.x", .write = Action::allow},
                                      {.pattern = "a.x:8443", .write = Action::block}}});
  http::Origin origin = https("a.x"), other_port = https("a.x:8443");
  for (const char* method : {"GET", "HEAD", "OPTIONS"})
    EXPECT_EQ(policy->decide({origin, method, "/"}).pattern, "*.x") << method;
  for (const char* method : {"POST", "get", "PROPFIND", ""}) {
    EXPECT_EQ(policy->decide({origin, method, "/"}).pattern, "a.x") << method;
    EXPECT_EQ(policy->decide({other_port, method, "/"}).action, Action::block) << method;
  }
}

TEST(Policy, NarrowerRangeIsMoreSpecific) {
  auto policy = compiled({.domains = {{.pattern = "10.0.0.0/8", .read = Action::block},
                                      {.pattern = "10.1.0.0/16", .read = Action::allow},
                                      {.pattern = "10.1.1.1", .read = Action::block}}});
  EXPECT_TRUE(blocks(*policy, "10.2.0.1"));
  EXPECT_FALSE(blocks(*policy, "10.1.0.1"));
  EXPECT_TRUE(blocks(*policy, "[::ffff:10.1.1.1]"));
}

TEST(Policy, PathRulesNarrowADomain) {
  DomainRule entry{.pattern = "api.x",
                   .read = Action::allow,
                   .write = Action::allow,
                   .paths = {{{"POST"}, "/v1/admin/**", Action::ask}, {{}, "/v1/**", Action::allow}},
                   .other_paths = Action::block};
  auto policy = compiled({.domains = {entry}});
  http::Origin origin = https("api.x");
  Verdict asked = policy->decide({origin, "POST", "/v1/%61dmin/keys?all"});
  EXPECT_EQ(asked.action, Action::ask);
  EXPECT_EQ(asked.basis, Basis::path_rule);
  EXPECT_EQ(asked.explanation(), "matched rule: api.x POST /v1/admin/**");
  EXPECT_EQ(policy->decide({origin, "GET", "/v1/admin"}).basis, Basis::domain);
  EXPECT_EQ(policy->decide({origin, "GET", "/v2"}).explanation(), "matched rule: api.x other paths");
  EXPECT_TRUE(blocks(*policy, "api.x", "/v1/../v2"));
}

TEST(Policy, CorpRefusalsAreLiftedByNothing) {
  auto policy =
      compiled({.rules = {{.pattern = "*", .action = Action::allow}},
                .domains = {{.pattern = "a.b.x", .write = Action::allow}}},
               {.rules = {{.pattern = "a.x"}}, .domains = {{.pattern = "*.b.x", .write = Action::block}}});
  EXPECT_TRUE(blocks(*policy, "a.x"));
  EXPECT_TRUE(blocks(*policy, "a.b.x", "/", "POST"));
  EXPECT_FALSE(blocks(*policy, "a.b.x"));
}

TEST(Policy, OpaqueQuestionsGetTheSeverestAnswer) {
  auto policy = compiled({.rules = {{.pattern = "a.x", .action = Action::ask, .methods = {"POST"}},
                                    {.pattern = "https://b.x/admin/**", .scope = Scope::url},
                                    {.pattern = "c.x", .action = Action::allow, .methods = {"GET"}},
                                    {.pattern = "d.x", .action = Action::ask, .methods = {"GET"}},
                                    {.pattern = "d.x"},
                                    {.pattern = "e.x", .action = Action::allow}},
                          .domains = {{.pattern = "f.x", .read = Action::allow}}});
  struct {
    const char* place;
    Action action;
    bool needs_requests;
    bool always_allows;
  } rows[] = {{"a.x", Action::ask, true, false},   {"b.x", Action::block, true, false},
              {"c.x", Action::allow, true, true},  {"d.x", Action::block, true, false},
              {"e.x", Action::allow, false, true}, {"f.x", Action::allow, false, true},
              {"g.x", Action::allow, false, true}};
  for (const auto& row : rows) {
    http::Origin origin = https(row.place);
    EXPECT_EQ(policy->decide({origin, "CONNECT", "", true}).action, row.action) << row.place;
    EXPECT_EQ(policy->needs_requests(origin), row.needs_requests) << row.place;
    EXPECT_EQ(policy->always_allows(origin), row.always_allows) << row.place;
  }
}

TEST(Policy, PathRulesConcernEveryHostThatNoEarlierRuleSettles) {
  auto policy = compiled({.rules = {{.pattern = "a.x", .action = Action::allow},
                                    {.pattern = "/admin/**", .scope = Scope::path}}});
  EXPECT_FALSE(policy->needs_requests(https("a.x")));
  EXPECT_TRUE(policy->always_allows(https("a.x")));
  EXPECT_TRUE(policy->needs_requests(https("b.x")));
  EXPECT_FALSE(policy->always_allows(https("b.x")));
}

// Many patterns at once go another way than few; the first in file order must still win.
TEST(Policy, ManyPatternsKeepFileOrder) {
  RuleSet user;
  for (int i = 0; i < 400; ++i) {
    std::string n = std::to_string(i);
    user.rules.push_back({.pattern = "r" + n + "[a-z]*$", .action = Action::ask, .reason = "regex " + n});
    user.rules.push_back({.pattern = "/p" + n + "/**", .scope = Scope::path, .reason = "path " + n});
    user.rules.push_back(
        {.pattern = "https://one.x/u" + n + "/*", .scope = Scope::url, .reason = "url " + n});
    user.rules.push_back({.pattern = "g" + n + "-*.crowd.x", .reason = "glob " + n});
  }
  auto policy = compiled(std::move(user));
  auto reason = [&](std::string_view place, std::string_view target) {
    http::Origin origin = https(place);
    return std::string(policy->decide({origin, "GET", target}).reason);
  };
  EXPECT_EQ(reason("r77x.r5y.r300abc", "/"), "regex 300");
  EXPECT_EQ(reason("a.r77", "/p3/x"), "path 3");
  EXPECT_EQ(reason("a.r77", "/p99?x"), "regex 77");
  EXPECT_EQ(reason("one.x", "/u250/x?y=/z"), "url 250");
  EXPECT_EQ(reason("two.x", "/u250/x"), "");
  EXPECT_EQ(reason("g399-eu.crowd.x", "/p399"), "path 399");
  EXPECT_EQ(reason("g399-eu.crowd.x", "/"), "glob 399");
  EXPECT_FALSE(policy->needs_requests(https("g0-x.crowd.x")) && policy->always_allows(https("g0-x.crowd.x")));
}

TEST(Policy, ExplainListsEveryRuleInOrder) {
  auto policy =
      compiled({.default_action = Action::ask,
                .rules = {{.pattern = "*.x", .action = Action::allow, .source = "u:1"},
                          {.pattern = "/a", .scope = Scope::path, .methods = {"PUT"}, .source = "u:2"}},
                .domains = {{.pattern = "a.x", .read = Action::allow, .source = "u:3"}}},
               {.rules = {{.pattern = "b.x", .source = "c:1"}}});
  http::Origin origin = https("a.x");
  std::vector<Considered> considered;
  EXPECT_EQ(policy->explain({origin, "PUT", "/a"}, considered).pattern, "*.x");
  ASSERT_EQ(considered.size(), 5u);
  EXPECT_EQ(considered[0].what, "rule b.x (block, host glob)");
  EXPECT_FALSE(considered[0].matched);
  EXPECT_EQ(considered[0].layer, Layer::corp);
  EXPECT_EQ(considered[1].source, "u:1");
  EXPECT_TRUE(considered[1].matched && considered[1].decided);
  EXPECT_EQ(considered[2].what, "rule /a (block, path glob, PUT)");
  EXPECT_TRUE(considered[2].matched && !considered[2].decided);
  EXPECT_EQ(considered[3].what, "domain a.x (read allow)");
  EXPECT_EQ(considered[4].what, "default action ask");
  EXPECT_FALSE(considered[4].matched || considered[4].decided);
}

TEST(Policy, RefusalsNameSourcePatternAndCure) {
  auto rule = [](std::string pattern, Scope scope = Scope::host, std::optional<PatternType> type = {}) {
    return refusal(
        {.rules = {{.pattern = pattern, .scope = scope, .type = type, .source = "config.toml:7"}}});
  };
  EXPECT_THAT(rule("a..b"),
              testing::AllOf(HasSubstr("config.toml:7"), HasSubstr("\"a..b\""), HasSubstr("label")));
  EXPECT_THAT(rule("(a"), HasSubstr("regular expression"));
  EXPECT_THAT(rule(""), HasSubstr("write *"));
  EXPECT_THAT(rule("*.a.x", Scope::host, kExact), HasSubstr("type = \"glob\""));
  EXPECT_THAT(rule("https://a.x/*"), HasSubstr("scope = \"url\""));
  EXPECT_THAT(rule("a.x/*"), HasSubstr("scope = \"url\""));
  EXPECT_THAT(rule("bü?her.de"), HasSubstr("xn--"));
  EXPECT_THAT(rule("bü+her", Scope::host), HasSubstr("xn--"));
  EXPECT_THAT(rule("a.x/v1/**", Scope::url), HasSubstr("\"https://a.x/v1/**\""));
  EXPECT_THAT(rule("https://a.x", Scope::url), HasSubstr("\"https://a.x/**\""));
  EXPECT_THAT(rule("https://me@a.x/", Scope::url), HasSubstr("'@'"));
  EXPECT_THAT(rule("*.json", Scope::path), HasSubstr("\"/**/*.json\""));
  EXPECT_THAT(rule("/a/../*", Scope::path), HasSubstr("plain path"));
  EXPECT_THAT(rule("/ü+", Scope::path), HasSubstr("%C3%BC"));
  EXPECT_THAT(rule("{a", Scope::host, kGlob), HasSubstr("'}'"));
  EXPECT_THAT(refusal({.rules = {{.pattern = "a.x", .methods = {"G T"}}}}), HasSubstr("no method"));
}

TEST(Policy, DomainsThatCouldDoNothingAreRefused) {
  auto domain = [](DomainRule entry) {
    entry.source = "config.toml:9";
    return refusal({.domains = {std::move(entry)}});
  };
  auto allow = Action::allow;
  EXPECT_THAT(domain({.pattern = "a.x"}),
              testing::AllOf(HasSubstr("config.toml:9"), HasSubstr("write read or write")));
  EXPECT_THAT(domain({.pattern = "a*.x", .read = allow}), HasSubstr("whole first label"));
  EXPECT_THAT(domain({.pattern = "a.x", .read = allow, .paths = {{{"POST"}, "/a"}}}),
              HasSubstr("only narrow"));
  EXPECT_THAT(domain({.pattern = "a.x", .read = allow, .write = Action::block, .paths = {{{"POST"}, "/a"}}}),
              HasSubstr("other_paths"));
  EXPECT_THAT(domain({.pattern = "a.x", .read = allow, .paths = {{{}, "/a", Action::block}}}),
              HasSubstr("no write"));
  EXPECT_THAT(domain({.pattern = "a.x", .write = allow, .paths = {{{}, "/a", Action::block}}}),
              HasSubstr("no read"));
  EXPECT_THAT(domain({.pattern = "a.x", .read = allow, .paths = {{{}, "a"}}}), HasSubstr("begins with '/'"));
}

}  // namespace
}  // namespace weir::policy
