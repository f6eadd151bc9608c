#include "sandbox/exposure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace weir::sandbox {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST(Exposure, OfEveryUser) {
  auto folders = service_folders({}, 1000);
  for (const char* place : {"/run/user/1000", "/tmp/tmux-1000", "/tmp/.X11-unix", "/run/dbus", "/run/systemd",
                            "/run/docker.sock", "/run/podman", "/run/containerd"})
    EXPECT_THAT(folders, Contains(place));
}

struct Named {
  const char* variable;
  const char* place;
};

class OfVariables : public testing::TestWithParam<Named> {};

TEST_P(OfVariables, AreFound) {
  std::vector<std::string> environment = {"OTHER=/nowhere", GetParam().variable};
  auto folders = service_folders(environment, 7);
  EXPECT_THAT(folders, Contains(GetParam().place));
  EXPECT_THAT(folders, Not(Contains("/nowhere")));
}

INSTANTIATE_TEST_SUITE_P(
    Exposure, OfVariables,
    testing::Values(Named{"XDG_RUNTIME_DIR=/x/run", "/x/run"}, Named{"SSH_AUTH_SOCK=/x/agent", "/x/agent"},
                    Named{"GPG_AGENT_INFO=/x/gpg:12:1", "/x/gpg"},
                    Named{"DBUS_SESSION_BUS_ADDRESS=unix:path=/x/bus,guid=00", "/x/bus"},
                    Named{"DBUS_SESSION_BUS_ADDRESS=unix:guid=00,path=/x/bus;tcp:host=h", "/x/bus"},
                    Named{"DOCKER_HOST=unix:///x/docker.sock", "/x/docker.sock"},
                    Named{"CONTAINER_HOST=unix:///x/podman.sock", "/x/podman.sock"},
                    Named{"TMUX=/x/tmux-7/default,123,0", "/x/tmux-7/default"},
                    Named{"TMUX_TMPDIR=/x", "/x/tmux-7"}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

TEST(Exposure, VariablesThatNameNoPlaceAreNothing) {
  auto plain = service_folders({}, 7);
  std::vector<std::string> environment = {"XDG_RUNTIME_DIR=", "SSH_AUTH_SOCK=relative",
                                          "DOCKER_HOST=tcp://h:1/p",
                                          "DBUS_SESSION_BUS_ADDRESS=unix:abstract=x", "TMUX="};
  EXPECT_EQ(service_folders(environment, 7), plain);
}

TEST(Exposure, SocketsOfTheMachine) {
  EXPECT_THAT(bound_sockets("Num       RefCount Protocol Flags    Type St Inode Path\n"
                            "0000000000000000: 00000002 00000000 00010000 0001 01 12 /run/a.sock\n"
                            "0000000000000000: 00000002 00000000 00010000 0001 01 13 /run/with  spaces\n"
                            "0000000000000000: 00000003 00000000 00000000 0001 03 14\n"
                            "0000000000000000: 00000002 00000000 00010000 0001 01 15 @abstract\n"
                            "0000000000000000: 00000002 00000000 00010000 0001 01 16 relative\n"
                            "0000000000000000: 00000002 00000000 00010000 0001 01 17 /last"),
              ElementsAre("/run/a.sock", "/run/with  spaces", "/last"));
  EXPECT_THAT(bound_sockets("header\n"
                            "0: 2 0 10000 1 1 12 /run/postgresql/.s.PGSQL.5432\n"
                            "0: 2 0 10000 1 1 13 /var/run/a/b/c\n"
                            "0: 2 0 10000 1 1 14 /srv/run/a/b"),
              ElementsAre("/run/postgresql", "/var/run/a", "/srv/run/a/b"));
  EXPECT_THAT(bound_sockets(""), ElementsAre());
  EXPECT_THAT(bound_sockets("\n\n  \n"), ElementsAre());
}

class Outermost : public testing::Test {
 protected:
  Outermost() {
    std::string pattern = (fs::temp_directory_path() / "weir-exposure-XXXXXX").string();
    root_ = fs::canonical(::mkdtemp(pattern.data()));
  }
  ~Outermost() override { fs::remove_all(root_); }
  std::string at(const char* path) const { return (root_ / path).string(); }
  fs::path root_;
};

TEST_F(Outermost, EachPlaceOnceAndResolved) {
  fs::create_directories(root_ / "a/b/c");
  fs::create_directories(root_ / "a-b");
  fs::create_directory_symlink(root_ / "a", root_ / "link");
  EXPECT_THAT(outermost({at("a/b/c"), at("a-b"), at("link"), at("a/b"), at("missing"), at("a")}),
              ElementsAre(at("a"), at("a-b")));
  EXPECT_THAT(outermost({at("link/b")}), ElementsAre(at("a/b")));
}

// Everything would be gone.
TEST_F(Outermost, NeverTheRoot) { EXPECT_THAT(outermost({"/", at("missing")}), ElementsAre()); }

}  // namespace
}  // namespace weir::sandbox
