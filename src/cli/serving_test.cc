#include "cli/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace weir::cli {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

config::Sources sources(const std::string& words) {
  CLI::App app;
  ServingFlags flags;
  flags.add_to(app, true);
  app.parse(words);
  return flags.sources();
}

TEST(ServingFlags, DomainsKeepTheOrderOfBothFlags) {
  auto rules =
      sources("--block-domain b.test --allow-domain=*.a.test --block-domain c.test --allow-domain d.test")
          .rules;
  std::vector<std::string> texts;
  for (const policy::Rule& rule : rules)
    texts.push_back(rule.source + " " + rule.pattern + " " + std::string(policy::name(rule.action)) + " " +
                    std::string(policy::name(rule.scope)));
  EXPECT_THAT(texts, ElementsAre("--block-domain b.test block host", "--allow-domain *.a.test allow host",
                                 "--block-domain c.test block host", "--allow-domain d.test allow host"));
}

TEST(ServingFlags, ADomainFlagTakesOneWord) {
  EXPECT_THROW(sources("--allow-domain a.test npm"), CLI::ParseError);
  EXPECT_THROW(sources("--allow-domain"), CLI::ParseError);
}

TEST(ServingFlags, JsonLinesMayNameTheirFolderAndTakeNoOtherWord) {
  auto keys = [](const std::string& words) {
    std::vector<std::string> keys;
    for (const config::Override& each : sources(words).overrides)
      keys.push_back(each.key + "=" + each.values.at(0) + " by " + each.flag);
    return keys;
  };
  EXPECT_THAT(keys(""), ElementsAre());
  EXPECT_THAT(keys("--jsonl"), ElementsAre("capture.jsonl=true by --jsonl"));
  EXPECT_THAT(keys("--jsonl=logs/here"),
              ElementsAre("capture.jsonl=true by --jsonl", "capture.jsonl_dir=logs/here by --jsonl"));
  EXPECT_THAT(keys("--jsonl=false"), ElementsAre("capture.jsonl=false by --jsonl"));
  EXPECT_THROW(sources("--jsonl npm"), CLI::ParseError)
      << "of `weir run --jsonl npm` the command stays whole";
}

TEST(ServingFlags, TheFiltersDefaultIsAnOverride) {
  auto overrides = sources("--filter-default ask").overrides;
  ASSERT_THAT(overrides, SizeIs(1));
  EXPECT_EQ(overrides[0].key, "filter.default_action");
  EXPECT_THAT(overrides[0].values, ElementsAre("ask"));
  EXPECT_EQ(overrides[0].flag, "--filter-default");
}

}  // namespace
}  // namespace weir::cli
