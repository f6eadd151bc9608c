#include "cli/live_filter.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>

#include "base/log.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LiveFilterTest : public testing::Test {
 protected:
  void SetUp() override {
    log::set_output(-1);
    std::string name = testing::TempDir() + "weir-live-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    write("");
    std::ofstream(folder_ + "/.weir.toml") << "# nothing\n";
  }
  void TearDown() override {
    filter_.reset();
    server_.reset();
    fs::remove_all(folder_);
    log::set_output(STDERR_FILENO);
  }

  std::string file() const { return folder_ + "/weir.toml"; }
  void write(const std::string& text) const { std::ofstream(file()) << text; }
  config::Sources sources() const {
    return {.file = file(),
            .file_required = true,
            .overrides = {{"listen", {"127.0.0.1:0"}, "--listen"},
                          {"threads", {"1"}, "--threads"},
                          {"ca_dir", {folder_ + "/ca"}, "--ca-dir"},
                          {"data_dir", {folder_ + "/data"}, "--data"},
                          {"capture.enabled", {"false"}, "--no-capture"}},
            .project = {.file = folder_ + "/.weir.toml", .trust = config::ProjectTrust::narrow}};
  }
  /// `meanwhile` comes between reading and following.
  void start(const std::function<void()>& meanwhile = [] {}) {
    auto loaded = config::load(sources());
    ASSERT_TRUE(loaded) << config::to_error(loaded.error()).message();
    auto server = app::Server::start(loaded->settings);
    ASSERT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
    meanwhile();
    filter_.emplace(sources(), *server_, *loaded,
                    [this](const std::string& text, bool) { told_.push_back(text); });
  }
  std::vector<std::string> told_after_a_look() {
    told_.clear();
    filter_->reload_if_changed();
    return told_;
  }

  std::string folder_;
  std::unique_ptr<app::Server> server_;
  std::optional<LiveFilter> filter_;
  std::vector<std::string> told_;
};

constexpr const char* kRead = "the filter was read again and is in force";

TEST_F(LiveFilterTest, AFileThatIsBeingSavedIsLeftAlone) {
  start();
  EXPECT_THAT(told_after_a_look(), IsEmpty());
  write("[filter]\n");
  EXPECT_THAT(told_after_a_look(), IsEmpty());
  write("[filter]\ndefault_action = \"block\"\n");
  EXPECT_THAT(told_after_a_look(), IsEmpty());
  EXPECT_THAT(told_after_a_look(), ElementsAre(kRead));
  EXPECT_THAT(told_after_a_look(), IsEmpty());
}

TEST_F(LiveFilterTest, WhatChangesWhileWeirStartsIsNotMissed) {
  start([this] { write("[filter]\ndefault_action = \"block\"\n"); });
  told_after_a_look();
  EXPECT_THAT(told_after_a_look(), ElementsAre(kRead));
}

TEST_F(LiveFilterTest, AMistakeIsToldOnceAndItsMendIsNoticed) {
  start();
  write("[filter]\nbogus = 1\n");
  told_after_a_look();
  EXPECT_THAT(told_after_a_look(), ElementsAre(HasSubstr("weir.toml:2:1: unknown key filter.bogus"),
                                               "the filter stays as it was"));
  EXPECT_THAT(told_after_a_look(), IsEmpty());
  write("[filter]\n");
  told_after_a_look();
  EXPECT_THAT(told_after_a_look(), ElementsAre(kRead));
}

TEST_F(LiveFilterTest, ASignalReadsAtOnce) {
  start();
  write("[filter]\ndefault_action = \"block\"\n");
  filter_->reload();
  EXPECT_THAT(told_, ElementsAre(kRead));
}

}  // namespace
}  // namespace weir::cli
