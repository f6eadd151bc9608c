// `weir filter generate`.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "cli/test_verbs.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "policy/policy.h"

namespace weir::cli {
namespace {

using policy::Action;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class GenerateTest : public VerbTest {
 protected:
  /// Of these lines of a log.
  static Outcome generate(const std::string& log, std::vector<std::string> flags = {}) {
    write("log.jsonl", log);
    std::vector<std::string> words = {"filter", "generate", "--from-logs", "log.jsonl"};
    words.insert(words.end(), flags.begin(), flags.end());
    return run(words);
  }

  /// What Weir reads out of a generated file.
  struct Parsed {
    policy::RuleSet rules;
    std::shared_ptr<const policy::Policy> policy;

    std::vector<std::string> patterns() const {
      std::vector<std::string> out;
      for (const policy::Rule& rule : rules.rules) out.push_back(rule.pattern);
      return out;
    }
    Action verdict(std::string_view method, http::Origin origin, std::string_view target = "/",
                   bool opaque = false) const {
      return policy->decide({origin, method, target, opaque}).action;
    }
    Action verdict(const std::string& host, std::uint16_t port = 443) const {
      return verdict("GET", {http::Scheme::https, {host, port}});
    }
  };
  static Parsed parse(const std::string& toml) {
    write("parsed.toml", toml);
    auto loaded = config::load({.file = "parsed.toml", .file_required = true});
    if (!loaded) {
      ADD_FAILURE() << config::to_error(loaded.error()).message() << "\n" << toml;
      return {};
    }
    auto policy = policy::Policy::compile(loaded->settings.filter.layers);
    EXPECT_TRUE(policy) << policy.error().message();
    return {loaded->settings.filter.layers[std::to_underlying(policy::Layer::user)], *policy};
  }
  static std::vector<std::string> patterns(const std::string& log, std::vector<std::string> flags = {}) {
    return parse(generate(log, std::move(flags)).out).patterns();
  }
};

TEST_F(GenerateTest, WritesARuleForEachHost) {
  Outcome outcome = generate(entry("https://b.example/") + entry("https://a.example/1") +
                             entry("https://a.example/2") + entry("http://c.example:8080/"));
  EXPECT_EQ(outcome.status, kExitOk);
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out, R"(# Written by `weir filter generate`: 3 rules for 4 requests.
# Whatever was recorded may have put hosts of its choice here: read the list before you use it.

[filter]
default_action = "block"

# 2 requests
[[filter.rules]]
pattern = "a.example"
action = "allow"

# 1 request
[[filter.rules]]
pattern = "b.example"
action = "allow"

# 1 request
[[filter.rules]]
pattern = "c.example:8080"
action = "allow"
)");
}

TEST_F(GenerateTest, OneSpellingOfAHostIsOneRule) {
  EXPECT_THAT(
      patterns(entry("https://A.Example/") + entry("https://a.example./") + entry("https://a.example:443/") +
               entry("http://a.example/") + entry("http://a.example:80/") + entry("https://[::1]/") +
               entry("https://[0:0::1]:443/") + entry("https://[::1]:8443/") + entry("https://[0::1]:8443/") +
               entry("https://xn--bcher-kva.example/") +
               entry("https://b\xc3\xbc"
                     "cher.example/")),
      ElementsAre("a.example", "[::1]", "[::1]:8443", "xn--bcher-kva.example"));
}

TEST_F(GenerateTest, AddressesAndPublicSuffixesAreNeverGrouped) {
  std::string log;
  for (const char* place :
       {"127.0.0.1", "10.0.0.1", "10.0.0.1:8080", "[2001:db8::1]", "[2001:db8::2]", "one.co.uk", "two.co.uk",
        "one.github.io", "two.github.io", "localhost", "db.localhost"})
    log += entry(fmt::format("https://{}/", place));
  for (const std::string& pattern : patterns(log, {"--group"})) EXPECT_THAT(pattern, Not(HasSubstr("*")));
}

TEST_F(GenerateTest, WithoutGroupNothingWiderThanWhatWasSeen) {
  EXPECT_THAT(patterns(entry("https://a.b.example.com/") + entry("https://c.b.example.com/")),
              ElementsAre("a.b.example.com", "c.b.example.com"));
}

TEST_F(GenerateTest, GroupsTwoHostsOrMoreOfADomain) {
  Outcome outcome = generate(entry("https://a.b.example.co.uk/") + entry("https://c.example.co.uk/") +
                                 entry("https://c.example.co.uk/") + entry("https://example.co.uk/") +
                                 entry("https://c.example.co.uk:8443/") + entry("https://only.example.com/"),
                             {"--group"});
  EXPECT_THAT(outcome.out,
              HasSubstr("# 3 requests\n"
                        "# Original: c.example.co.uk (2 requests), a.b.example.co.uk (1 request)\n"
                        "[[filter.rules]]\npattern = \"*.example.co.uk\"\n"));
  EXPECT_THAT(parse(outcome.out).patterns(),
              ElementsAre("*.example.co.uk", "c.example.co.uk:8443", "example.co.uk", "only.example.com"));
}

TEST_F(GenerateTest, ALongListOfOriginalsIsCut) {
  std::string log;
  for (int i = 0; i < 25; ++i) log += entry(fmt::format("https://h{:02}.example.com/", i));
  EXPECT_THAT(generate(log, {"--group"}).out, HasSubstr("h19.example.com (1 request) and 5 more\n"));
}

TEST_F(GenerateTest, HostileNamesForgeNothing) {
  Outcome outcome =
      generate(entry("https://good.example/") + entry(R"(https://evil.example\"\naction = \"allow/)") +
                   entry(R"(https://evil.example\n[[filter.rules]]\npattern = \"*\"\n#/)") +
                   entry(R"(https://evil.example #/)") + entry(R"(https://evil\u001b[2J.example/)") +
                   entry(R"(https://*/)") + entry(R"(https://*.example/)") +
                   entry("https://good.example/", R"(GET\", \"DELETE)"),
               {"--methods"});
  EXPECT_THAT(parse(outcome.out).patterns(), ElementsAre("good.example"));
  EXPECT_THAT(outcome.out, AllOf(Not(HasSubstr("evil")), Not(HasSubstr("DELETE"))));
  EXPECT_EQ(outcome.err, "weir: left out requests that name no host or no method: 7\n");
}

TEST_F(GenerateTest, LongLinesAndDamageHideNothing) {
  std::string body(200'000, 'A');
  Outcome outcome = generate(entry("https://long.example/", "POST", "\"req_body\":\"" + body + "\"") +
                             "garbage\n" + entry("https://after.example/") + "{\"ts\":\"2024");
  EXPECT_THAT(parse(outcome.out).patterns(), ElementsAre("after.example", "long.example"));
  EXPECT_EQ(outcome.err,
            "weir: left out of log.jsonl: 1 line that is no entry, 1 line cut off at the end of its file\n");
}

TEST_F(GenerateTest, WhatWasBlockedStaysBlocked) {
  std::string log = entry("https://fine.example/") + entry("https://evil.example/", "GET", kBlocked) +
                    entry("https://half.example/") + entry("https://half.example/x", "POST", kBlocked) +
                    entry("https://port.example/") + entry("https://port.example:8443/", "GET", kBlocked) +
                    entry("https://a.wide.example/") + entry("https://b.wide.example/") +
                    entry("https://evil.wide.example/", "GET", kBlocked);
  Outcome outcome = generate(log, {"--group"});
  Parsed parsed = parse(outcome.out);
  EXPECT_THAT(parsed.patterns(), ElementsAre("a.wide.example", "b.wide.example", "fine.example",
                                             "half.example", "port.example:443"));
  EXPECT_THAT(outcome.out,
              HasSubstr("# 1 request; 1 more blocked\n[[filter.rules]]\npattern = \"half.example\""));
  EXPECT_EQ(parsed.verdict("port.example", 8443), Action::block);
  EXPECT_THAT(outcome.err, HasSubstr("left out, since they were blocked (--include-blocked puts them in): "
                                     "evil.example, evil.wide.example, port.example:8443\n"));
  Parsed all = parse(generate(log, {"--group", "--include-blocked"}).out);
  EXPECT_THAT(all.patterns(), ElementsAre("*.wide.example", "half.example", "evil.example", "fine.example",
                                          "port.example", "port.example:8443"));
}

TEST_F(GenerateTest, EveryRecordedRequestGetsTheVerdictThatWasWanted) {
  struct Request {
    const char* method;
    http::Origin origin;
    bool opaque = false;
  };
  using enum http::Scheme;
  const Request requests[] = {{"GET", {https, {"a.example.com", 443}}},
                              {"POST", {https, {"b.example.com", 443}}},
                              {"GET", {http, {"example.com", 80}}},
                              {"PUT", {https, {"example.com", 8443}}},
                              {"GET", {https, {"::1", 443}}},
                              {"GET", {http, {"2001:db8::1", 8080}}},
                              {"GET", {https, {"10.0.0.1", 443}}},
                              {"CONNECT", {https, {"raw.example", 5432}}, true},
                              {"CONNECT", {https, {"raw.example", 443}}, true},
                              {"PROPFIND", {https, {"dav.example", 443}}},
                              {"GET", {https, {"under_score.example", 443}}}};
  std::string log;
  for (const Request& each : requests)
    log += entry(each.opaque ? "https://" + each.origin.place.str() : each.origin.str() + "/x?y=1",
                 each.method, each.opaque ? kTunnel : "");
  const std::pair<const char*, Action> wanted[] = {
      {"block", Action::allow}, {"ask", Action::allow}, {"allow", Action::block}};
  for (const auto& [fallback, verdict] : wanted) {
    for (std::vector<std::string> flags :
         {std::vector<std::string>{}, {"--group"}, {"--methods"}, {"--group", "--methods"}}) {
      flags.insert(flags.end(), {"--default-action", fallback});
      Parsed parsed = parse(generate(log, flags).out);
      ASSERT_TRUE(parsed.policy);
      for (const Request& each : requests)
        EXPECT_EQ(parsed.verdict(each.method, each.origin, "/x?y=1", each.opaque), verdict)
            << each.origin.str() << " " << fallback;
      EXPECT_EQ(policy::name(parsed.verdict("unseen.example.org")), fallback);
    }
  }
}

TEST_F(GenerateTest, RulesMayBeAboutMethods) {
  Outcome outcome = generate(entry("https://a.example/", "POST") + entry("https://a.example/", "get") +
                                 entry("https://raw.example:22", "CONNECT", kTunnel),
                             {"--methods"});
  EXPECT_THAT(outcome.out,
              HasSubstr("pattern = \"a.example\"\naction = \"allow\"\nmethods = [\"GET\", \"POST\"]\n"));
  EXPECT_THAT(outcome.out, EndsWith("pattern = \"raw.example:22\"\naction = \"allow\"\n"));
  Parsed parsed = parse(outcome.out);
  EXPECT_EQ(parsed.verdict("DELETE", {http::Scheme::https, {"a.example", 443}}), Action::block);
}

TEST_F(GenerateTest, ConnectionsWithoutARequestAreNone) {
  Outcome outcome = generate(
      entry("https://a.example/") +
      entry("https://pinned.example:443", "CONNECT",
            R"("kind":"tunnel","interception":"intercepted","error_code":"client_rejected_certificate")") +
      entry("https://stranger.example/", "GET", R"("error_code":"proxy_auth_required","status":407)"));
  EXPECT_THAT(parse(outcome.out).patterns(), ElementsAre("a.example"));
  EXPECT_EQ(outcome.err, "weir: left out connections that never came to a request: 2\n");
}

TEST_F(GenerateTest, RareHostsCanBeLeftOut) {
  std::string log = entry("https://a.example/") + entry("https://b.example/") + entry("https://b.example/");
  EXPECT_THAT(patterns(log, {"--min-requests", "2"}), ElementsAre("b.example"));
  Outcome none = generate(log, {"--min-requests", "3"});
  EXPECT_EQ(none.status, kExitError);
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.err, "weir: no request was recorded there that a rule could be made of\n");
}

TEST_F(GenerateTest, TheFileIsWrittenWholeAndNotOverAnother) {
  ::umask(077);
  Outcome outcome = generate(entry("https://a.example/"), {"-o", "rules.toml"});
  ::umask(022);
  EXPECT_EQ(outcome.status, kExitOk);
  EXPECT_EQ(outcome.out, "wrote rules.toml: 1 rule\n");
  EXPECT_THAT(parse(slurp("rules.toml")).patterns(), ElementsAre("a.example"));
  struct stat status;
  ASSERT_EQ(::stat("rules.toml", &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644u);
  Outcome again = generate(entry("https://b.example/"), {"-o", "rules.toml"});
  EXPECT_EQ(again.status, kExitError);
  EXPECT_THAT(again.err, HasSubstr("rules.toml exists already; --force replaces it"));
  EXPECT_THAT(slurp("rules.toml"), HasSubstr("a.example"));
  EXPECT_EQ(generate(entry("https://b.example/"), {"-o", "rules.toml", "--force"}).status, kExitOk);
  EXPECT_THAT(slurp("rules.toml"), HasSubstr("b.example"));
}

TEST_F(GenerateTest, ReadsTheProjectsRecordingsAndWarnsOfSeveralSessions) {
  std::string first = record("first.example");
  EXPECT_EQ(run({"filter", "generate"}).err, "");
  record("second.example");
  Outcome both = run({"filter", "generate"});
  EXPECT_THAT(parse(both.out).patterns(), ElementsAre("first.example", "second.example"));
  EXPECT_THAT(both.out, HasSubstr("2 rules for 2 requests of 2 sessions.\n"));
  EXPECT_THAT(both.err,
              AllOf(HasSubstr("these rules come from 2 sessions, and let each do what any of them did; "
                              "--session ID looks at one: "),
                    HasSubstr(first + " (1)")));
  EXPECT_EQ(run({"filter", "generate", "--default-action", "allow"}).err, "")
      << "a block harms no other session";
  Outcome one = run({"filter", "generate", "--session", first});
  EXPECT_THAT(parse(one.out).patterns(), ElementsAre("first.example"));
  EXPECT_EQ(one.err, "");
  EXPECT_THAT(parse(run({"filter", "generate", "--since", "1h"}).out).patterns(), testing::SizeIs(2));
  EXPECT_EQ(run({"filter", "generate", "--until", "1h"}).status, kExitError);
}

TEST_F(GenerateTest, SessionsAndTimesOfALog) {
  std::string log = entry("https://a.example/", "GET", R"("session":"20240115-103005-aaaa")") +
                    entry("https://b.example/", "GET", R"("session":"20240115-103005-bbbb")");
  EXPECT_THAT(patterns(log, {"--session", "20240115-103005-b"}), ElementsAre("b.example"));
  EXPECT_THAT(patterns(log, {"--until", "2024-01-16T00:00:00Z"}), ElementsAre("a.example", "b.example"));
  EXPECT_EQ(generate(log, {"--since", "2024-01-16T00:00:00Z"}).status, kExitError);
}

TEST_F(GenerateTest, WarnsOfSeveralPrograms) {
  std::string log = entry("https://a.example/", "GET", R"("process":"curl\u001b[2J")") +
                    entry("https://b.example/", "GET", R"("process":"node")");
  EXPECT_THAT(generate(log).err,
              HasSubstr("from 2 programs, and let each do what any of them did; --process NAME looks "
                        "at one: curl\\x1b[2J (1), node (1)\n"));
  Outcome one = generate(log, {"--process", "node"});
  EXPECT_THAT(parse(one.out).patterns(), ElementsAre("b.example"));
  EXPECT_EQ(one.err, "");
}

TEST_F(GenerateTest, SaysWhatIsWrong) {
  const std::pair<std::vector<std::string>, const char*> usage[] = {
      {{"--default-action", "deny"}, "accepted are \"allow\", \"block\" or \"ask\""},
      {{"--since", "soon"}, "\"soon\" is not a time"},
      {{"--from-logs", "x", "--all"}, "--all"},
      {{"--from-logs", "x", "--data", "y"}, "--data"},
  };
  for (const auto& [flags, text] : usage) {
    std::vector<std::string> words = {"filter", "generate"};
    words.insert(words.end(), flags.begin(), flags.end());
    Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, kExitUsage) << text;
    EXPECT_THAT(outcome.err, HasSubstr(text));
  }
  EXPECT_THAT(run({"filter", "generate"}).err, HasSubstr("weir run -- curl https://example.com"));
  Outcome missing = run({"filter", "generate", "--from-logs", "no-such-folder"});
  EXPECT_EQ(missing.status, kExitError);
  EXPECT_THAT(missing.err, HasSubstr("no-such-folder"));
}

}  // namespace
}  // namespace weir::cli
