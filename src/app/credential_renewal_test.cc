#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include "app/credential_keeper.h"
#include "app/credential_keeper_fixture.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// It takes milliseconds; this is what tells it from waiting for a command or an endpoint.
constexpr Duration kPrompt = seconds(5);

using CredentialRenewalTest = CredentialKeeperTest;

TEST_F(CredentialRenewalTest, AtHandIsWhatIsGoodStill) {
  add("always", shell("echo always-good"));
  add("short", shell("echo x >> " + path("runs") + "; echo short-lived", milliseconds(1)));
  ASSERT_EQ(open(), "");
  while (at_hand(1) != "nothing") std::this_thread::yield();
  EXPECT_EQ(at_hand(0), "always-good");
  start();
  EXPECT_EQ(told(fetch(1)), "short-lived");
  EXPECT_EQ(read("runs"), "x\nx\n");
}

TEST_F(CredentialRenewalTest, ManyWhoWaitGetOneSecret) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  write("secret", "first-secret");
  // The first time at once, later when somebody opens the gate.
  add("corp", shell("echo x >> " + path("runs") + "; [ $(wc -l < " + path("runs") +
                        ") = 1 ] || read line < " + path("gate") + "; cat " + path("secret"),
                    milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  write("secret", "second-secret");
  std::vector<std::future<Result<broker::SecretPtr>>> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(fetch(0));
  std::ofstream(path("gate")) << "go\n";
  for (auto& each : waiting) EXPECT_EQ(told(std::move(each)), "second-secret");
  EXPECT_EQ(read("runs"), "x\nx\n");
  EXPECT_TRUE(redacted("second-secret")) << "known before anybody is told";
}

TEST_F(CredentialRenewalTest, AfterAFailureNobodyTriesAgainAtOnce) {
  write("ok", "");
  add("corp",
      shell("echo x >> " + path("runs") + "; test -e " + path("ok") + " && echo a-secret", milliseconds(1)));
  add("other", value("another-secret"));
  ASSERT_EQ(open(), "");
  start();
  fs::remove(path("ok"));
  std::string why = told(fetch(0));
  EXPECT_THAT(
      why, AllOf(HasSubstr("\"corp\": the command sh: it failed with status 1"), Not(HasSubstr("a-secret"))));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(told(fetch(0)), why);
  EXPECT_EQ(read("runs"), "x\nx\n") << "once at the start, once more";
  EXPECT_EQ(told(fetch(1)), "another-secret") << "others are not the worse for it";
}

TEST_F(CredentialRenewalTest, StopsWhileSomebodyWaits) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  add("corp", shell("echo x >> " + path("runs") + "; [ $(wc -l < " + path("runs") +
                        ") = 1 ] || { echo go > " + path("gate") + "; exec sleep 1000; }; echo a-secret",
                    milliseconds(1)));
  add("other", value("another-secret"));
  ASSERT_EQ(open(), "");
  start();
  auto first = fetch(0);
  {
    std::ifstream gate(path("gate"));  // until it runs
    std::string line;
    std::getline(gate, line);
  }
  auto second = fetch(0);
  EXPECT_LT(stopping_time(), kPrompt);
  for (auto* each : {&first, &second}) {
    ASSERT_EQ(each->wait_for(seconds(0)), std::future_status::ready);
    EXPECT_FALSE(each->get());
  }
  auto late = fetch(1).get();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::shutting_down);
  keeper_->stop();
}

// Each command of them says "go" to its gate the second time it is run, and then hangs.
TEST_F(CredentialRenewalTest, WhatHangsHoldsUpNobodyElse) {
  const std::size_t kHanging = 5;
  for (std::size_t i = 0; i < kHanging; ++i) {
    std::string name = "hangs" + std::to_string(i), gate = path(name), runs = path("runs" + name);
    ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
    add(name, shell("echo x >> " + runs + "; [ $(wc -l < " + runs + ") = 1 ] || { echo go > " + gate +
                        "; read line < " + gate + "; }; echo secret-of-" + name,
                    milliseconds(1)));
  }
  add("quick", shell("echo quick-secret", milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  std::vector<std::future<Result<broker::SecretPtr>>> waiting;
  for (std::size_t i = 0; i < kHanging; ++i) {
    waiting.push_back(fetch(i));
    std::string line;
    std::ifstream gate(path("hangs" + std::to_string(i)));  // until it runs
    ASSERT_TRUE(std::getline(gate, line));
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(told(fetch(kHanging)), "quick-secret");
  for (std::size_t i = 0; i < kHanging; ++i) {
    EXPECT_EQ(waiting[i].wait_for(seconds(0)), std::future_status::timeout);
    std::string name = "hangs" + std::to_string(i);
    std::ofstream(path(name)) << "go\n";
    EXPECT_EQ(told(std::move(waiting[i])), "secret-of-" + name);
  }
}

TEST_F(CredentialRenewalTest, OneSecretIsRenewedOnceAtATime) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  const std::string lock = path("lock");
  add("corp", shell("mkdir " + lock + " || echo two >> " + path("together") + "; echo x >> " + path("runs") +
                        "; [ $(wc -l < " + path("runs") + ") = 1 ] || read line < " + path("gate") +
                        "; rmdir " + lock + "; echo a-secret",
                    milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  auto first = fetch(0);
  auto tried = std::async(std::launch::async, [&] { return obtained(0); });
  auto second = fetch(0);
  std::ofstream(path("gate")) << "go\n";
  EXPECT_EQ(told(std::move(first)), "a-secret");
  std::ofstream(path("gate")) << "go\n";
  EXPECT_EQ(told(std::move(second)), "a-secret");
  EXPECT_EQ(tried.get(), "a-secret");
  EXPECT_EQ(read("together"), "");
}

TEST_F(CredentialRenewalTest, HasNoMoreThreadsThanItNeeds) {
  for (const char* name : {"a", "b", "c"}) add(name, shell("echo a-secret", milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  auto threads = [] {
    int count = 0;
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
      std::string name;
      std::ifstream(task.path() / "comm") >> name;
      count += name == "weir-secrets";
    }
    return count;
  };
  for (int i = 0; i < 20; ++i) EXPECT_EQ(told(fetch(0)), "a-secret");
  for (int round = 0; round < 10; ++round) {
    std::vector<std::future<Result<broker::SecretPtr>>> waiting;
    for (std::size_t i : {0, 1, 2, 0, 1, 2}) waiting.push_back(fetch(i));
    for (auto& each : waiting) EXPECT_EQ(told(std::move(each)), "a-secret");
  }
  EXPECT_GE(threads(), 1);
  EXPECT_LE(threads(), 3);
  keeper_->stop();
  EXPECT_EQ(threads(), 0);
}

TEST_F(CredentialRenewalTest, WhatAHangingCommandHasStartedEndsWithWeir) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  add("corp", shell("echo x >> " + path("runs") + "; [ $(wc -l < " + path("runs") +
                        ") = 1 ] || { sleep 1000 & echo $! > " + path("gate") + "; wait; }; echo a-secret",
                    milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  auto waiting = fetch(0);
  std::string child;
  std::ifstream(path("gate")) >> child;
  ASSERT_TRUE(fs::exists("/proc/" + child));
  keeper_->stop();
  EXPECT_FALSE(fs::exists("/proc/" + child));
  EXPECT_FALSE(waiting.get());
}

TEST_F(CredentialRenewalTest, ARefusalByTheOriginIsNoReasonToHurry) {
  add("command", shell("echo x >> " + path("runs") + "; echo a-secret"));
  add("value", value("another-secret"));
  ASSERT_EQ(open(), "");
  for (std::size_t i : {0, 1}) {
    auto secret = keeper_->at_hand(i);
    keeper_->rejected(i, secret);
    keeper_->rejected(i, nullptr);
    EXPECT_EQ(keeper_->at_hand(i), secret) << "it was had a moment ago, or there is no other";
  }
}

}  // namespace
}  // namespace weir::app
