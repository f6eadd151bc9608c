// For tests of CredentialKeeper: one, with a folder for the files of its sources.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "app/credential_keeper.h"

namespace weir::app {

class CredentialKeeperTest : public ::testing::Test {
 protected:
  CredentialKeeperTest() {
    std::string name = ::testing::TempDir() + "weir-keeper-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~CredentialKeeperTest() override {
    keeper_.reset();
    for (const char* name : {"WEIR_TEST_TOKEN", "WEIR_TEST_OTHER"}) ::unsetenv(name);
    std::filesystem::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  std::string read(const std::string& name) const {
    std::ifstream in(path(name));
    return (std::ostringstream() << in.rdbuf()).str();
  }

  static config::SecretSource value(std::string_view text) {
    return {.kind = config::SecretSource::Kind::value, .value = SecretText(text)};
  }
  static config::SecretSource env(std::string name) {
    return {.kind = config::SecretSource::Kind::env, .text = std::move(name)};
  }
  config::SecretSource file(const std::string& name) const {
    return {.kind = config::SecretSource::Kind::file, .text = path(name)};
  }
  static config::SecretSource shell(const std::string& script, std::chrono::milliseconds ttl = {}) {
    return {.kind = config::SecretSource::Kind::command, .command = {"sh", "-c", script}, .ttl = ttl};
  }
  void add(std::string name, config::SecretSource source) {
    add({.name = name, .hosts = {name + ".test"}, .source = std::move(source)});
  }
  void add(config::Credential credential) {
    credential.place = "config.toml:7";
    settings_.credentials.layers[2].push_back(std::move(credential));
  }

  /// Why it cannot be opened; "" when it was.
  std::string open(const CredentialChoice& choice = {.all = true}) {
    auto spawner = sandbox::Spawner::start();
    EXPECT_TRUE(spawner);
    auto resolved = resolve_credentials(settings_, choice, "a key");
    if (!resolved) return resolved.error().context();
    auto opened = CredentialKeeper::open(std::move(*resolved), std::move(*spawner));
    if (!opened) {
      EXPECT_EQ(opened.error().code(), Code::bad_config);
      return opened.error().context();
    }
    keeper_ = std::move(*opened);
    return "";
  }
  void start() {
    auto tls = tls::ClientContext::make({});
    ASSERT_TRUE(tls) << tls.error().message();
    tls_ = std::make_unique<tls::ClientContext>(std::move(*tls));
    keeper_->start(*tls_, {});
  }

  std::string at_hand(std::size_t binding) {
    auto secret = keeper_->at_hand(binding);
    return secret ? std::string(secret->text.reveal()) : "nothing";
  }
  std::string obtained(std::size_t binding) {
    auto secret = keeper_->obtain(binding);
    return secret ? std::string((*secret)->text.reveal()) : secret.error().context();
  }
  std::future<Result<broker::SecretPtr>> fetch(std::size_t binding) {
    std::promise<Result<broker::SecretPtr>> made;
    auto out = made.get_future();
    keeper_->fetch(binding, [made = std::move(made)](Result<broker::SecretPtr> secret) mutable {
      made.set_value(std::move(secret));
    });
    return out;
  }
  Duration stopping_time() const {
    TimePoint before = steady_now();
    keeper_->stop();
    return steady_now() - before;
  }
  static std::string told(std::future<Result<broker::SecretPtr>> future) {
    if (future.wait_for(std::chrono::seconds(60)) != std::future_status::ready) return "nobody answers";
    auto secret = future.get();
    return secret ? std::string((*secret)->text.reveal()) : secret.error().message();
  }
  std::optional<broker::Guarded> guarded(std::string_view text) const {
    return keeper_->guard()->find(text, {});
  }
  /// What the record shows of a text.
  bool redacted(std::string_view text) const { return !keeper_->live()->finder()->find_values(text).empty(); }
  std::string placeholder(std::size_t binding) const { return keeper_->bindings()[binding].placeholder; }

  std::filesystem::path folder_;
  config::Settings settings_;
  std::unique_ptr<tls::ClientContext> tls_;
  std::unique_ptr<CredentialKeeper> keeper_;
};

}  // namespace weir::app
