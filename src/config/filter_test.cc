#include "config/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "config/load.h"

namespace weir::config {
namespace {

using policy::Action;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class FilterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-filter-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    file_ = folder_ + "/config.toml";
    ::setenv("HOME", folder_.c_str(), 1);
    ::unsetenv("XDG_DATA_HOME");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::expected<Configuration, Problems> loaded(const std::string& text, Sources sources = {}) {
    std::ofstream(file_) << text;
    sources.file = file_;
    sources.file_required = true;
    return load(sources);
  }
  Configuration good(const std::string& text, Sources sources = {}) {
    auto out = loaded(text, std::move(sources));
    if (!out) ADD_FAILURE() << to_error(out.error()).message();
    return out.value_or(Configuration());
  }
  static const policy::RuleSet& of(const Configuration& loaded, Layer layer) {
    return loaded.settings.filter.layers[std::to_underlying(layer)];
  }
  policy::RuleSet user(const std::string& text) { return of(good(text), Layer::user); }
  /// "line:column: text" of each.
  std::vector<std::string> problems(const std::string& text) {
    std::vector<std::string> out;
    auto result = loaded(text);
    if (result) return out;
    for (const Problem& problem : result.error()) out.push_back(problem.str().substr(file_.size() + 1));
    return out;
  }

  std::string folder_, file_;
};

constexpr std::string_view kWhole = R"([filter]
default_action = "ask"
ask_timeout = 5
cache_decisions = false

[[filter.rules]]
pattern = "*.github.com"
action = "allow"

[[filter.rules]]
pattern = "^https://[^/]+/upload"
action = "block"
scope = "url"
type = "regex"
methods = ["post", "PUT"]
reason = "No uploads"

[[filter.domains]]
pattern = "api.example.com"
read = "allow"
write = "ask"
other_paths = "block"
reason = "Only what is needed"
paths = [
  { methods = "get", path = "/v1/**", action = "allow" },
  { path = "/admin/**", action = "ask" },
]
)";

TEST_F(FilterTest, EveryKey) {
  Configuration out = good(std::string(kWhole));
  EXPECT_EQ(out.settings.filter.ask_timeout, std::chrono::seconds(5));
  EXPECT_FALSE(out.settings.filter.cache_decisions);
  const policy::RuleSet& own = of(out, Layer::user);
  EXPECT_EQ(own.default_action, Action::ask);
  ASSERT_THAT(own.rules, SizeIs(2));
  const policy::Rule& plain = own.rules[0];
  EXPECT_EQ(plain.pattern, "*.github.com");
  EXPECT_EQ(plain.action, Action::allow);
  EXPECT_EQ(plain.scope, policy::Scope::host);
  EXPECT_EQ(plain.type, std::nullopt);
  EXPECT_THAT(plain.methods, IsEmpty());
  EXPECT_EQ(plain.layer, Layer::user);
  EXPECT_EQ(plain.source, file_ + ":6");
  const policy::Rule& full = own.rules[1];
  EXPECT_EQ(full.action, Action::block);
  EXPECT_EQ(full.scope, policy::Scope::url);
  EXPECT_EQ(full.type, policy::PatternType::regex);
  EXPECT_THAT(full.methods, ElementsAre("POST", "PUT"));
  EXPECT_EQ(full.reason, "No uploads");
  EXPECT_EQ(full.source, file_ + ":10");
}

TEST_F(FilterTest, Domains) {
  policy::RuleSet own = user(std::string(kWhole));
  ASSERT_THAT(own.domains, SizeIs(1));
  const policy::DomainRule& domain = own.domains[0];
  EXPECT_EQ(domain.pattern, "api.example.com");
  EXPECT_EQ(domain.read, Action::allow);
  EXPECT_EQ(domain.write, Action::ask);
  EXPECT_EQ(domain.other_paths, Action::block);
  EXPECT_EQ(domain.reason, "Only what is needed");
  EXPECT_EQ(domain.source, file_ + ":18");
  ASSERT_THAT(domain.paths, SizeIs(2));
  EXPECT_THAT(domain.paths[0].methods, ElementsAre("GET"));
  EXPECT_EQ(domain.paths[0].path, "/v1/**");
  EXPECT_EQ(domain.paths[1].action, Action::ask);
  EXPECT_THAT(domain.paths[1].methods, IsEmpty());
}

TEST_F(FilterTest, NothingSaidIsNothingSet) {
  Configuration out = good("");
  EXPECT_EQ(out.settings.filter.ask_timeout, std::chrono::seconds(30));
  EXPECT_TRUE(out.settings.filter.cache_decisions);
  for (const policy::RuleSet& layer : out.settings.filter.layers) {
    EXPECT_EQ(layer.default_action, std::nullopt);
    EXPECT_THAT(layer.rules, IsEmpty());
    EXPECT_THAT(layer.domains, IsEmpty());
  }
  EXPECT_EQ(user("filter.default_action = \"\"").default_action, std::nullopt);
}

TEST_F(FilterTest, TheSeedsSpellingIsTheSame) {
  policy::RuleSet own = user(R"([proxy.filter]
default_action = "block"
ask_timeout = 30
cache_decisions = true

[[proxy.filter.rules]]
pattern = "*.internal.corp"
action = "block"
scope = "host"
reason = "Internal network blocked"
)");
  EXPECT_EQ(own.default_action, Action::block);
  ASSERT_THAT(own.rules, SizeIs(1));
  EXPECT_EQ(own.rules[0].reason, "Internal network blocked");
  EXPECT_EQ(own.rules[0].source, file_ + ":6");
  EXPECT_THAT(problems("[filter]\nask_timeout = 3\n[proxy.filter]\nask_timeout = 4\n"),
              ElementsAre("3:1: [proxy.filter] is another name for [filter], which is here as well; keep one "
                          "of them"));
  EXPECT_THAT(problems("[proxy]\nport = 3\n"),
              ElementsAre("1:1: unknown key proxy; did you mean upstream.proxy?"));
  EXPECT_THAT(problems("[proxy]\nport = 3\n[proxy.filter]\n"), ElementsAre("2:1: unknown key proxy.port"));
  EXPECT_THAT(problems("[proxy.filter]\n[proxy.filters]\n"), ElementsAre("2:1: unknown key proxy.filters"));
}

TEST_F(FilterTest, AskTimeout) {
  for (const char* text : {"600", "1", "\"30s\"", "\"10m\"", "\"250ms\""})
    EXPECT_THAT(problems(std::string("filter.ask_timeout = ") + text), IsEmpty()) << text;
  for (const char* text : {"0", "601", "-1", "1.5", "true", "\"11m\"", "\"30\"", "[30]"})
    EXPECT_THAT(problems(std::string("filter.ask_timeout = ") + text),
                ElementsAre(testing::HasSubstr("wanted is seconds from 1 to 600, or a duration such as")))
        << text;
}

struct Bad {
  const char* text;
  const char* problem;
};

TEST_F(FilterTest, MistakesHaveTheirPlaceAndSayWhatIsWanted) {
  constexpr Bad kBad[] = {
      {"[filter]\ndefault_actoin = \"ask\"",
       "2:1: unknown key filter.default_actoin; did you mean filter.default_action?"},
      {"[filter]\ndefault_action = \"deny\"",
       "2:18: filter.default_action: \"deny\" is not accepted; wanted is \"allow\", \"block\" or \"ask\" "
       "(\"\" "
       "for none)"},
      {"[filter]\ncache_decisions = \"yes\"",
       "2:19: filter.cache_decisions: \"yes\" is not accepted; wanted is true or false, without quotes"},
      {"[filter.rules]\npattern = \"a\"", "1:1: filter.rules is a list of tables: write [[filter.rules]]"},
      {"[filter]\nrules = [3]",
       "2:10: filter.rules: 3 is not accepted; wanted is a table: [[filter.rules]] with a pattern and an "
       "action"},
      {"[[filter.rules]]\naction = \"ask\"",
       "1:1: filter.rules: pattern is missing; wanted is a pattern in quotes, such as \"*.example.com\""},
      {"[[filter.rules]]\npattern = \"a\"",
       "1:1: filter.rules: action is missing; wanted is \"allow\", \"block\" or \"ask\""},
      {"[[filter.rules]]\npatern = \"a\"\npattern = \"a\"\naction = \"ask\"",
       "2:1: filter.rules: unknown key patern; did you mean pattern?"},
      {"[[filter.rules]]\nxyzzy = 1\npattern = \"a\"\naction = \"ask\"",
       "2:1: filter.rules: unknown key xyzzy"},
      {"[[filter.rules]]\npattern = \"\"\naction = \"ask\"",
       "2:11: filter.rules: pattern: \"\" is not accepted; wanted is a pattern in quotes, such as "
       "\"*.example.com\""},
      {"[[filter.rules]]\npattern = [\"a\"]\naction = \"ask\"",
       "2:1: filter.rules: pattern: a list is not accepted; wanted is a pattern in quotes, such as "
       "\"*.example.com\""},
      {"[[filter.rules]]\npattern = \"a\"\naction = \"Allow\"",
       "3:10: filter.rules: action: \"Allow\" is not accepted; wanted is \"allow\", \"block\" or \"ask\""},
      {"[[filter.rules]]\npattern = \"a\"\naction = \"ask\"\nscope = \"hosts\"",
       "4:9: filter.rules: scope: \"hosts\" is not accepted; wanted is \"host\", \"path\" or \"url\""},
      {"[[filter.rules]]\npattern = \"a\"\naction = \"ask\"\ntype = 3",
       "4:8: filter.rules: type: 3 is not accepted; wanted is \"exact\", \"glob\" or \"regex\""},
      {"[[filter.rules]]\npattern = \"a\"\naction = \"ask\"\nmethods = [\"GET\", \"P T\"]",
       "4:19: filter.rules: methods: \"P T\" is not accepted; wanted is a method in quotes, such as \"GET\""},
      {"[[filter.rules]]\npattern = \"a\"\naction = \"ask\"\nreason = true",
       "4:10: filter.rules: reason: true is not accepted; wanted is a text in quotes"},
      {"[[filter.domains]]\npattern = \"a..b\"\nread = \"allow\"",
       "2:11: filter.domains: pattern: \"a..b\" is not accepted; wanted is a host pattern: "
       "\"api.example.com\", \"*.example.com\", \"example.com:8443\", \"10.0.0.0/8\" or \"*\""},
      {"[[filter.domains]]\npattern = \"a\"\nraed = \"allow\"\nread = \"allow\"",
       "3:1: filter.domains: unknown key raed; did you mean read?"},
      {"[[filter.domains]]\npattern = \"a\"\nwrite = \"never\"\nread = \"allow\"",
       "3:9: filter.domains: write: \"never\" is not accepted; wanted is \"allow\", \"block\" or \"ask\""},
      {"[[filter.domains]]\npattern = \"a\"",
       "1:1: filter.domains: says nothing; give it read or write, or both"},
      {"[filter]\ndomains = [\"a\"]",
       "2:12: filter.domains: \"a\" is not accepted; wanted is a table: [[filter.domains]] with a pattern, "
       "and "
       "read or write"},
      {"[[filter.domains]]\npattern = \"a\"\nread = \"ask\"\npaths = [{ path = \"v1\", action = \"ask\" }]",
       "4:19: filter.domains: paths: path: \"v1\" is not accepted; wanted is a path in quotes that starts "
       "with "
       "/ or *, such as \"/v1/**\""},
      {"[[filter.domains]]\npattern = \"a\"\nread = \"ask\"\npaths = [{ path = \"/\" }]",
       "4:10: filter.domains: paths: action is missing; wanted is \"allow\", \"block\" or \"ask\""},
      {"[[filter.domains]]\npattern = \"a\"\nread = \"ask\"\npaths = [{ path = \"/\", action = \"ask\", "
       "method = \"GET\" }]",
       "4:40: filter.domains: paths: unknown key method; did you mean methods?"},
      {"[[filter.domains]]\npattern = \"a\"\nread = \"ask\"\npaths = [\"/\"]",
       "4:10: filter.domains: paths: \"/\" is not accepted; wanted is a table: { methods = [\"GET\"], path = "
       "\"/v1/**\", action = \"allow\" }"},
  };
  for (const Bad& bad : kBad) EXPECT_THAT(problems(bad.text), ElementsAre(bad.problem)) << bad.text;
}

TEST_F(FilterTest, EveryMistakeOfATableIsTold) {
  EXPECT_THAT(problems("[[filter.rules]]\npattern = 3\naction = 4\n[[filter.rules]]\nbogus = 1\n"),
              SizeIs(5));
}

TEST_F(FilterTest, WhatIsShownCanBeWrittenAgain) {
  Configuration out = good(std::string(kWhole));
  std::string again = "[filter]\n";
  for (const char* key : {"filter.rules", "filter.domains"}) {
    const Field* field = find_field(key);
    again.append(field->name()).append(" = ").append(field->show(out.settings).toml()).append("\n");
  }
  Configuration second = good(again);
  for (const char* key : {"filter.rules", "filter.domains"})
    EXPECT_EQ(find_field(key)->show(second.settings).toml(), find_field(key)->show(out.settings).toml());
  EXPECT_EQ(find_field("filter.rules")
                ->show(good("[[filter.rules]]\npattern = \"a\"\naction = \"ask\"").settings)
                .json(),
            R"([{"pattern":"a","action":"ask"}])");
}

TEST_F(FilterTest, RulesOfTheCommandLineAreALayerOfTheirOwn) {
  Sources sources{.rules = {{.pattern = "b.test", .action = Action::block, .source = "--block-domain"},
                            {.pattern = "a.test", .action = Action::allow, .source = "--allow-domain"}}};
  Configuration out = good("[[filter.rules]]\npattern = \"a\"\naction = \"ask\"", sources);
  EXPECT_THAT(of(out, Layer::user).rules, SizeIs(1));
  const policy::RuleSet& own = of(out, Layer::command_line);
  ASSERT_THAT(own.rules, SizeIs(2));
  EXPECT_EQ(own.rules[0].pattern, "b.test");
  EXPECT_EQ(own.rules[0].layer, Layer::command_line);
  EXPECT_EQ(own.rules[1].source, "--allow-domain");
}

TEST_F(FilterTest, RulesReadLaterGoInFrontOfTheirLayers) {
  Configuration first = good("[[filter.rules]]\npattern = \"a\"\naction = \"ask\"");
  const Field* field = find_field("filter.rules");
  Scalar table = to_table(policy::Rule{.pattern = "b", .action = Action::block});
  Value value{{table}, true};
  Place corp{folder_, folder_, Layer::corp, "corp.toml"}, user{folder_, folder_, Layer::user, "user.toml"};
  EXPECT_THAT(field->assign(first.settings, value, corp), IsEmpty());
  EXPECT_THAT(field->assign(first.settings, value, user), IsEmpty());
  EXPECT_THAT(of(first, Layer::corp).rules, SizeIs(1));
  ASSERT_THAT(of(first, Layer::user).rules, SizeIs(2));
  EXPECT_EQ(of(first, Layer::user).rules[0].pattern, "b");
}

TEST_F(FilterTest, DomainsOfTheCommandLineImplyADefault) {
  const policy::Rule allow{.pattern = "a.test", .action = Action::allow, .source = "--allow-domain"};
  const policy::Rule block{.pattern = "b.test", .action = Action::block, .source = "--block-domain"};
  auto implied = [&](std::vector<policy::Rule> rules) {
    return of(good("", {.rules = std::move(rules)}), Layer::command_line).default_action;
  };
  EXPECT_EQ(implied({allow}), Action::block);
  EXPECT_EQ(implied({block}), Action::allow);
  EXPECT_EQ(implied({block, allow}), Action::block);
  EXPECT_EQ(implied({}), std::nullopt);
  Configuration said = good("filter.default_action = \"ask\"", {.rules = {allow}});
  EXPECT_EQ(of(said, Layer::command_line).default_action, std::nullopt);
  EXPECT_EQ(effective_default(said.settings.filter), Action::ask);
  Configuration flag =
      good("", {.overrides = {{"filter.default_action", {"allow"}, "--filter-default"}}, .rules = {allow}});
  EXPECT_EQ(of(flag, Layer::command_line).default_action, Action::allow);
  EXPECT_EQ(good("", {.rules = {block}}).origin("filter.default_action").str(), "--block-domain");
}

}  // namespace
}  // namespace weir::config
