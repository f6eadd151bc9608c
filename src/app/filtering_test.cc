#include "app/filtering.h"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

using policy::Action;
using policy::Rule;
using policy::Scope;

struct Row {
  const char* what;
  Sight sight;
  std::vector<Rule> rules;
  std::vector<policy::DomainRule> domains;
  const char* complaint;  // a part of it; null = it is taken
};

const Row kRows[] = {
    {"every request is read", {}, {{.pattern = "/admin/**", .scope = Scope::path}}, {}, nullptr},
    {"rules about hosts need no requests",
     {.passthrough = {"bank.test"}},
     {{.pattern = "bank.test"}, {.pattern = "*.test", .action = Action::allow}},
     {},
     nullptr},
    {"a method of a host passed through",
     {.passthrough = {"bank.test"}},
     {{.pattern = "bank.test", .methods = {"POST"}}},
     {},
     "bank.test"},
    {"a method of another host",
     {.passthrough = {"bank.test"}},
     {{.pattern = "shop.test", .methods = {"POST"}}},
     {},
     nullptr},
    {"a wildcard over a host passed through",
     {.passthrough = {"a.bank.test"}},
     {{.pattern = "*.bank.test", .methods = {"POST"}}},
     {},
     "a.bank.test"},
    {"a host below a wildcard passed through",
     {.passthrough = {"*.bank.test"}},
     {{.pattern = "https://a.bank.test/x/**", .scope = Scope::url}},
     {},
     "a.bank.test"},
    {"a path on whatever host, blocked",
     {.passthrough = {"bank.test"}},
     {{.pattern = "/admin/**", .scope = Scope::path}},
     {},
     "/admin/**"},
    {"a path on whatever host, allowed: it says nothing about this one",
     {.passthrough = {"bank.test"}},
     {{.pattern = "/health", .action = Action::allow, .scope = Scope::path}},
     {},
     nullptr},
    {"a path of a host passed through, allowed",
     {.passthrough = {"bank.test"}},
     {{.pattern = "https://bank.test/health", .action = Action::allow, .scope = Scope::url}},
     {},
     "bank.test"},
    {"only some hosts are read, and this is not one",
     {.intercept = {"*.read.test"}},
     {{.pattern = "other.test", .methods = {"POST"}}},
     {},
     "other.test"},
    {"only some hosts are read, and this is one",
     {.intercept = {"*.read.test"}},
     {{.pattern = "a.read.test", .methods = {"POST"}}},
     {},
     nullptr},
    {"only some hosts are read, and the rule is for all",
     {.intercept = {"*.read.test"}},
     {{.pattern = "/admin/**", .action = Action::ask, .scope = Scope::path}},
     {},
     "tls.intercept leaves out"},
    {"reading and writing told apart",
     {.passthrough = {"bank.test"}},
     {},
     {{.pattern = "bank.test", .read = Action::allow, .write = Action::block}},
     "bank.test"},
    {"reading and writing alike",
     {.passthrough = {"bank.test"}},
     {},
     {{.pattern = "bank.test", .read = Action::block, .write = Action::block}},
     nullptr},
    {"an address passed through",
     {.passthrough = {"10.0.0.0/8"}},
     {{.pattern = "10.1.2.3", .methods = {"DELETE"}}},
     {},
     "10.1.2.3"},
};

TEST(Filtering, a_rule_that_cannot_be_held_to_is_refused) {
  for (const Row& row : kRows) {
    config::FilterSettings settings;
    auto& layer = settings.layers[std::to_underlying(policy::Layer::user)];
    layer.rules = row.rules;
    layer.domains = row.domains;
    for (Rule& rule : layer.rules) rule.source = "config.toml:7";
    auto out = compile_filter(settings, {}, row.sight);
    EXPECT_EQ(out.has_value(), row.complaint == nullptr) << row.what;
    if (out || row.complaint == nullptr) continue;
    EXPECT_EQ(out.error().code(), Code::bad_config) << row.what;
    EXPECT_TRUE(out.error().context().contains(row.complaint)) << row.what << ": " << out.error().context();
  }
}

TEST(Filtering, the_complaint_says_where_the_rule_is_and_what_to_do) {
  config::FilterSettings settings;
  settings.layers[2].rules = {{.pattern = "bank.test", .methods = {"POST"}, .source = "config.toml:7"}};
  auto out = compile_filter(settings, {}, {.passthrough = {"bank.test"}});
  ASSERT_FALSE(out);
  EXPECT_EQ(
      out.error().context(),
      "config.toml:7: the rule bank.test cannot be enforced: it is about single requests, and those to "
      "bank.test are not read (tls.passthrough, tls.intercept). Take the host out of there, or judge it as a "
      "whole");
}

}  // namespace
}  // namespace weir::app
