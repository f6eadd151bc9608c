#include "net/original_destination.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "net/listener.h"

namespace weir::net {
namespace {

// A connection that no rule has touched.
struct Direct {
  UniqueFd listener, client, accepted;

  Direct(const std::string& listen, int family) {
    auto opened = listen_transparent(listen, 0, false);
    if (!opened) return;
    listener = std::move(*opened);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(bound_port(listener.get()));
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = v4.sin_port;
    v6.sin6_addr = in6addr_loopback;
    client = UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    bool ipv4 = family == AF_INET;
    const void* to = ipv4 ? static_cast<const void*>(&v4) : &v6;
    socklen_t size = ipv4 ? sizeof v4 : sizeof v6;
    if (::connect(client.get(), static_cast<const sockaddr*>(to), size) != 0) return;
    accepted = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
};

struct Case {
  const char* listen;
  int family;
  const char* host;
};

class DirectConnection : public ::testing::TestWithParam<Case> {};

TEST_P(DirectConnection, has_no_original_destination_but_an_address_of_its_own) {
  Direct direct(GetParam().listen, GetParam().family);
  if (!direct.accepted && GetParam().family == AF_INET6) GTEST_SKIP() << "no IPv6 here";
  ASSERT_TRUE(direct.accepted);
  EXPECT_EQ(original_destination(direct.accepted.get()), std::nullopt);
  EXPECT_EQ(local_place(direct.accepted.get()),
            (HostPort{GetParam().host, bound_port(direct.listener.get())}));
}

INSTANTIATE_TEST_SUITE_P(Families, DirectConnection,
                         ::testing::Values(Case{"127.0.0.1", AF_INET, "127.0.0.1"},
                                           Case{"::1", AF_INET6, "::1"},
                                           Case{"::", AF_INET, "127.0.0.1"},  // not ::ffff:127.0.0.1
                                           Case{"::", AF_INET6, "::1"}));

TEST(OriginalDestination, what_is_no_internet_connection_has_none) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  UniqueFd one(pair[0]), other(pair[1]);
  EXPECT_EQ(original_destination(one.get()), std::nullopt);
  EXPECT_EQ(local_place(one.get()), std::nullopt);
  EXPECT_EQ(original_destination(-1), std::nullopt);
  EXPECT_EQ(local_place(-1), std::nullopt);
}

}  // namespace
}  // namespace weir::net
