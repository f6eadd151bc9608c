// Routes and rules in a network namespace of the test's own: what is written is what the kernel has, and what
// nft(8) says of it.
#include "sandbox/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

#include "sandbox/loopback.h"
#include "sandbox/pasta.h"

namespace weir::sandbox {
namespace {

constexpr int kNoNamespace = 77;

/// Runs `work` in a process of its own, in a new network namespace; it says what is wrong on standard error
/// and returns false.
void in_a_namespace(const std::function<bool()>& work) {
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int flags = ::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET;
    if (::unshare(flags) != 0) ::_exit(kNoNamespace);
    ::_exit(work() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoNamespace)
    GTEST_SKIP() << "no network namespace can be made here";
  EXPECT_EQ(status, 0);
}

bool expect(bool holds, const char* what) {
  if (!holds) std::fprintf(stderr, "not so: %s\n", what);
  return holds;
}

bool is_done(const Result<>& result, const char* what) {
  if (!result) std::fprintf(stderr, "%s: %s\n", what, result.error().context().c_str());
  return result.has_value();
}

std::string said_by(const char* command) {
  std::string out;
  FILE* pipe = ::popen(command, "r");
  char bytes[4096];
  while (std::size_t size = pipe != nullptr ? std::fread(bytes, 1, sizeof bytes, pipe) : 0)
    out.append(bytes, size);
  return pipe != nullptr && ::pclose(pipe) == 0 ? out : "";
}

bool has_nft() { return !said_by("nft --version 2>/dev/null").empty(); }

TEST(Loopback, EveryAddressIsLocal) {
  in_a_namespace([] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    return expect(!verify_everything_is_local(*route), "a new namespace is found wanting") &&
           is_done(verify_is_new(*route), "it is new") && is_done(bring_up_loopback(*route), "lo") &&
           expect(!verify_is_new(*route), "it is so no more") &&
           expect(!verify_everything_is_local(*route), "an interface without routes is found wanting") &&
           is_done(make_everything_local(*route), "making") &&
           is_done(verify_everything_is_local(*route), "verifying") &&
           expect(!make_everything_local(*route), "it is made once");
  });
}

TEST(Loopback, AnotherInterfaceIsFound) {
  in_a_namespace([] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    if (!is_done(make_everything_local(*route), "making")) return false;
    if (std::system("ip link add type dummy 2>/dev/null && ip link set dummy0 up") != 0) return true;
    return expect(!verify_everything_is_local(*route), "dummy0 is found");
  });
}

class Rules : public testing::TestWithParam<std::function<nft::Table(std::uint16_t)>> {};

TEST_P(Rules, AreReadBackAsTheyWereWritten) {
  in_a_namespace([] {
    auto netfilter = NetlinkSocket::open(NETLINK_NETFILTER);
    nft::Table table = GetParam()(1234), other = GetParam()(1235), cut = GetParam()(1234),
               more = GetParam()(1234);
    cut.chains.back().rules.pop_back();
    more.chains.back().rules.push_back(nft::accept());
    return expect(!nft::verify(*netfilter, table), "nothing is there yet") &&
           is_done(nft::install(*netfilter, table), "installing") &&
           is_done(nft::verify(*netfilter, table), "verifying") &&
           expect(!nft::verify(*netfilter, other), "another port is another rule") &&
           expect(!nft::verify(*netfilter, cut), "one rule more is found") &&
           expect(!nft::verify(*netfilter, more), "one rule less is found") &&
           expect(!nft::install(*netfilter, table), "a table that is there is not written into") &&
           is_done(nft::remove(*netfilter, table.name), "removing") &&
           expect(!nft::verify(*netfilter, table), "a table that is gone is missed");
  });
}

INSTANTIATE_TEST_SUITE_P(Of, Rules, testing::Values(sandbox_rules, pasta_rules),
                         [](const auto& info) { return info.index == 0 ? "redirection" : "pasta"; });

/// What nft says of the table, white space made one.
bool nft_says(const nft::Table& table, std::initializer_list<const char*> lines) {
  auto netfilter = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!is_done(nft::install(*netfilter, table), "installing")) return false;
  std::string text = said_by("nft -nn list ruleset");
  bool all = true;
  for (const char* line : lines) all &= expect(text.find(line) != text.npos, line);
  if (!all) std::fprintf(stderr, "%s", text.c_str());
  return all;
}

TEST(Nft, SaysTheSameOfRedirection) {
  if (!has_nft()) GTEST_SKIP() << "not installed: nft";
  in_a_namespace([] {
    return nft_says(sandbox_rules(1234),
                    {"table inet weir {", "type nat hook output priority -100; policy accept;",
                     "udp dport 53 redirect to :53\n", "ip daddr 127.0.0.0/8 accept\n",
                     "ip6 daddr ::1 accept\n", "tcp dport 53 redirect to :53\n", "redirect to :1234\n",
                     "type filter hook output priority 0; policy drop;", "ct state 0x2,0x4 accept\n",
                     "udp dport 53 accept\n"});
  });
}

TEST(Nft, SaysTheSameOfPasta) {
  if (!has_nft()) GTEST_SKIP() << "not installed: nft";
  in_a_namespace([] {
    return nft_says(pasta_rules(1234),
                    {"type filter hook output priority 0; policy drop;", "ct state 0x2,0x4 accept\n",
                     "ip daddr 127.0.0.0/8 accept\n", "ip daddr 10.0.2.15 accept\n",
                     "ip daddr 10.0.2.2 tcp dport 1234 accept\n", "reject with tcp reset\n"});
  });
}

}  // namespace
}  // namespace weir::sandbox
