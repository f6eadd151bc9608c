#include "sandbox/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::sandbox {
namespace {

using testing::ElementsAre;

using testing::Pair;

Plan through_the_file(const Plan& plan) {
  auto file = pack(plan);
  EXPECT_TRUE(file) << file.error().context();
  if (!file) return {};
  auto read = unpack_plan(file->get());
  EXPECT_TRUE(read) << read.error().context();
  return read.value_or(Plan());
}

TEST(Plan, ArrivesAsItWasSent) {
  Plan plan{.listeners = 8,
            .pasta = std::nullopt,
            .host_ports = {1, 65535},
            .hidden = {"/run/user/1000", "/a b\n\"c\""},
            .kept = {"/kept"},
            .read_only = {"/proc/sys"},
            .replaced = {{"/from", "/to"}, {"/a", "/b"}},
            .files = FileAccess::project,
            .project = "/home/a/project"};
  Plan read = through_the_file(plan);
  EXPECT_EQ(read.listeners, 8u);
  EXPECT_FALSE(read.pasta);
  EXPECT_THAT(read.host_ports, ElementsAre(1, 65535));
  EXPECT_THAT(read.hidden, ElementsAre("/run/user/1000", "/a b\n\"c\""));
  EXPECT_THAT(read.kept, ElementsAre("/kept"));
  EXPECT_THAT(read.read_only, ElementsAre("/proc/sys"));
  EXPECT_THAT(read.replaced, ElementsAre(Pair("/from", "/to"), Pair("/a", "/b")));
  EXPECT_EQ(read.files, FileAccess::project);
  EXPECT_EQ(read.project, "/home/a/project");
}

TEST(Plan, ArrivesWithNothingInIt) {
  Plan read = through_the_file({});
  EXPECT_EQ(read.listeners, 1u);
  EXPECT_EQ(read.files, FileAccess::open);
  EXPECT_THAT(read.hidden, ElementsAre());
  EXPECT_EQ(read.project, "");
}

TEST(Plan, ArrivesWithPasta) {
  Plan plan;
  plan.pasta = {.command = {"pasta", "-t", "none"}, .port = 40000, .closed = 40001, .token = "0123"};
  Plan read = through_the_file(plan);
  ASSERT_TRUE(read.pasta);
  EXPECT_THAT(read.pasta->command, ElementsAre("pasta", "-t", "none"));
  EXPECT_EQ(read.pasta->port, 40000);
  EXPECT_EQ(read.pasta->closed, 40001);
  EXPECT_EQ(read.pasta->token, "0123");
}

TEST(Plan, ManyPathsFit) {
  Plan plan;
  for (int i = 0; i < 5000; ++i) plan.hidden.push_back("/run/" + std::string(200, 'x') + std::to_string(i));
  EXPECT_EQ(through_the_file(plan).hidden, plan.hidden);
}

TEST(Plan, RefusesPathsThatWouldMeanSomethingElse) {
  using namespace std::string_literals;
  for (const std::string& path : {""s, "relative"s, "/a\0b"s})
    for (auto part : {&Plan::hidden, &Plan::kept, &Plan::read_only}) {
      Plan plan;
      plan.*part = {path};
      auto file = pack(plan);
      ASSERT_FALSE(file) << path;
      EXPECT_EQ(file.error().code(), Code::bad_config);
    }
  Plan plan;
  plan.replaced = {{"/a", "b"}};
  EXPECT_FALSE(pack(plan));
  plan = {.listeners = 1, .pasta = std::nullopt, .files = FileAccess::project, .project = "here"};
  EXPECT_FALSE(pack(plan));
}

TEST(Plan, ATornFileIsRefused) {
  auto file = pack(Plan{.hidden = {"/a", "/b"}});
  ASSERT_TRUE(file);
  for (off_t size : {0, 3, 20}) {
    auto torn = pack(Plan{.hidden = {"/a", "/b"}});
    ASSERT_TRUE(torn);
    if (::ftruncate(torn->get(), size) != 0) GTEST_SKIP() << "memory files cannot be cut here";
    EXPECT_FALSE(unpack_plan(torn->get())) << size;
  }
}

}  // namespace
}  // namespace weir::sandbox
