// What tests of whole verbs share: a home and a working directory of their own, the verb itself, and
// recordings.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/main.h"
#include "config/paths.h"
#include "store/session_store.h"

namespace weir::cli {

struct Outcome {
  int status = 0;
  std::string out, err;
};

class VerbTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-verb-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = std::filesystem::canonical(name);
    before_ = std::filesystem::current_path();
    std::filesystem::create_directories(home_ + "/code");
    std::filesystem::current_path(home_ + "/code");
    const char* home = ::getenv("HOME");
    old_home_ = home != nullptr ? home : "";
    ::setenv("HOME", home_.c_str(), 1);
    for (const char* unset : {"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "WEIR_CORP_CONFIG"})
      ::unsetenv(unset);
  }
  void TearDown() override {
    ::unsetenv("WEIR_CORP_CONFIG");
    ::setenv("HOME", old_home_.c_str(), 1);
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(home_);
  }

  static Outcome run(std::vector<std::string> words) {
    words.insert(words.begin(), "weir");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Outcome outcome;
    outcome.status = weir::cli::main(static_cast<int>(words.size()), argv.data());
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    return outcome;
  }

  /// Relative to the working directory.
  static void write(const std::string& path, const std::string& text) {
    if (auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
      std::filesystem::create_directories(folder);
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string slurp(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  /// A line of a log as other tools write it; `more` are further members.
  static std::string entry(std::string_view url, std::string_view method = "GET",
                           std::string_view more = "") {
    return fmt::format("{{\"ts\":\"2024-01-15T10:30:05Z\",\"method\":\"{}\",\"url\":\"{}\"{}{}}}\n", method,
                       url, more.empty() ? "" : ",", more);
  }
  static constexpr const char* kBlocked = R"("filter_action":"block","status":403)";
  static constexpr const char* kTunnel = R"("kind":"tunnel","interception":"passthrough")";

  /// One GET in a session of the working directory's project; the id of the session.
  std::string record(const std::string& host, const std::string& target = "/",
                     WallNanos started = wall_now()) {
    auto project = config::project_data_dir(home_ + "/code");
    EXPECT_TRUE(project) << project.error().message();
    auto store = store::SessionStore::open({.data_dir = *project, .retention_days = 0, .retention_bytes = 0});
    EXPECT_TRUE(store) << store.error().message();
    auto flow = std::make_unique<flow::Flow>();
    flow->id = 1;
    flow->started = started;
    flow->duration_us = 1000;
    flow->request.method = "GET";
    flow->request.origin = {http::Scheme::https, {host, 443}};
    flow->request.target = target;
    (*store)->closed(std::move(flow));
    (*store)->close();
    return (*store)->session_id();
  }

  std::string home_;

 private:
  std::filesystem::path before_;
  std::string old_home_;
};

}  // namespace weir::cli
