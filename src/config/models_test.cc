#include "config/models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "config/load.h"

namespace weir::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ModelFile : public ::testing::Test {
 protected:
  ModelFile() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-config-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ModelFile() override { std::filesystem::remove_all(folder_); }

  auto loaded(const std::string& text, bool project = false) {
    std::ofstream(folder_ / (project ? ".weir.toml" : "config.toml")) << text;
    std::ofstream(folder_ / "config.toml", std::ios::app) << "";
    Sources sources{.file = (folder_ / "config.toml").string(), .file_required = true};
    if (project) sources.project = {.file = (folder_ / ".weir.toml").string(), .trust = ProjectTrust::narrow};
    return load(sources);
  }
  ModelSettings good(const std::string& text) {
    auto out = loaded(text);
    EXPECT_TRUE(out) << out.error().front().text;
    return out ? out->settings.models : ModelSettings();
  }
  std::string bad(const std::string& text, bool project = false) {
    auto out = loaded(text, project);
    EXPECT_FALSE(out) << text;
    return out ? "" : out.error().front().text;
  }
  std::filesystem::path folder_;
};

constexpr const char* kAll = R"([models]
enabled = false
previews = false
redact = false
[[models.hosts]]
pattern = "*.LLM.test"
provider = "OpenAI"
[[models.prices]]
provider = "openai"
model = "Our-*"
input = "0.5"
output = 15
cache_read = "0.05"
[[models.prices]]
model = "other"
input = 0
output = "0.000001"
cache_write = 1
cache_write_1h = "100000"
)";

TEST_F(ModelFile, IsReadWhole) {
  ModelSettings models = good(kAll);
  EXPECT_FALSE(models.enabled || models.previews || models.redact);
  auto hosts = all_hosts(models);
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].pattern, "*.llm.test");
  EXPECT_EQ(hosts[0].provider, "openai");
  auto prices = all_prices(models);
  ASSERT_EQ(prices.size(), 2u);
  EXPECT_EQ(prices[0].model, "our-*");
  EXPECT_EQ(prices[0].input, 500'000);
  EXPECT_EQ(prices[0].output, 15'000'000);
  EXPECT_EQ(prices[0].cache_read, 50'000);
  EXPECT_EQ(prices[0].cache_write, std::nullopt);
  EXPECT_EQ(prices[1].provider, "");
  EXPECT_EQ(prices[1].output, 1);
  EXPECT_EQ(prices[1].cache_write_1h, 100'000'000'000);
}

TEST_F(ModelFile, NothingSaidKeepsAll) {
  ModelSettings models = good("");
  EXPECT_TRUE(models.enabled && models.previews && models.redact);
  EXPECT_TRUE(all_hosts(models).empty() && all_prices(models).empty());
}

TEST_F(ModelFile, WhatIsWrongIsTold) {
  EXPECT_THAT(bad("[[models.hosts]]\npattern = \"x\"\n"), HasSubstr("provider is missing"));
  EXPECT_THAT(bad("[[models.hosts]]\npattern = \"*.a.*\"\nprovider = \"p\"\n"), HasSubstr("at most one *"));
  EXPECT_THAT(bad("[[models.hosts]]\npattern = \"a:1\"\nprovider = \"p\"\n"), HasSubstr("pattern: \"a:1\""));
  EXPECT_THAT(bad("[[models.prices]]\nmodel = \"m\"\ninput = 1\n"), HasSubstr("output is missing"));
  EXPECT_THAT(bad("[[models.prices]]\nmodel = \"m\"\ninput = \"\"\noutput = 1\n"), HasSubstr("input: \"\""));
  EXPECT_THAT(bad("[[models.prices]]\nmodel = \"m\"\ninput = -1\noutput = 1\n"), HasSubstr("input: -1"));
  EXPECT_THAT(bad("[[models.prices]]\nmodel = \"m\"\ninput = 1\noutput = 1\ncached = 1\n"),
              HasSubstr("unknown key cached"));
  EXPECT_THAT(bad("[models]\nprices = [\"m\"]\n"), HasSubstr("[[models.prices]]"));
}

TEST_F(ModelFile, NothingOfItIsForAProject) {
  for (const char* text :
       {"[models]\nenabled = false\n", "[models]\nredact = false\n", "[models]\npreviews = false\n",
        "[[models.hosts]]\npattern = \"x\"\nprovider = \"p\"\n",
        "[[models.prices]]\nmodel = \"m\"\ninput = 0\noutput = 0\n"})
    EXPECT_THAT(bad(text, true), HasSubstr("is not for a project to set")) << text;
}

TEST_F(ModelFile, ComesBackAsItWasWritten) {
  ModelSettings models = good(kAll);
  std::vector<ModelPrice> prices;
  std::vector<ModelHost> hosts;
  Value price_value{.list = true}, host_value{.list = true};
  for (const ModelPrice& each : all_prices(models)) price_value.items.push_back(to_table(each));
  for (const ModelHost& each : all_hosts(models)) host_value.items.push_back(to_table(each));
  ASSERT_TRUE(read_model_prices(price_value, {}, prices).empty());
  ASSERT_TRUE(read_model_hosts(host_value, {}, hosts).empty());
  ASSERT_EQ(prices.size(), 2u);
  EXPECT_EQ(prices[0].input, 500'000);
  EXPECT_EQ(prices[0].cache_read, 50'000);
  EXPECT_EQ(prices[1].output, 1);
  EXPECT_EQ(prices[1].cache_write_1h, 100'000'000'000);
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].pattern, "*.llm.test");
}

}  // namespace
}  // namespace weir::config
