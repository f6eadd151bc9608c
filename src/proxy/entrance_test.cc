#include "proxy/entrance.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/listener.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;

const std::string kOurs = "10.0.0.1:40000", kOrigin = "192.0.2.1:443", kOther = "192.0.2.2:443";

class Loops : public ::testing::Test {
 protected:
  TimePoint now{seconds(1000)};
  LoopGuard guard;
};

TEST_F(Loops, what_was_made_is_known_when_it_arrives) {
  EXPECT_TRUE(guard.made(kOurs, kOrigin, now));
  EXPECT_FALSE(guard.arrived(kOurs, kOrigin, now));
}

TEST_F(Loops, what_has_arrived_is_known_when_it_turns_out_to_be_made) {
  EXPECT_TRUE(guard.arrived(kOurs, kOrigin, now));
  EXPECT_FALSE(guard.made(kOurs, kOrigin, now));
}

TEST_F(Loops, an_arrival_that_has_ended_leads_nowhere) {
  EXPECT_TRUE(guard.arrived(kOurs, kOrigin, now));
  guard.arrival_ended(kOurs, kOrigin);
  EXPECT_TRUE(guard.made(kOurs, kOrigin, now));
}

TEST_F(Loops, of_two_arrivals_one_may_end) {
  EXPECT_TRUE(guard.arrived(kOurs, kOrigin, now));
  EXPECT_TRUE(guard.arrived(kOurs, kOrigin, now));
  guard.arrival_ended(kOurs, kOrigin);
  EXPECT_FALSE(guard.made(kOurs, kOrigin, now));
}

// Ports are given out anew for each destination: a client of this machine may well have the same.
TEST_F(Loops, the_same_port_towards_another_place_is_somebody_else) {
  EXPECT_TRUE(guard.made(kOurs, kOrigin, now));
  EXPECT_TRUE(guard.arrived(kOurs, kOther, now));
  EXPECT_TRUE(guard.made(kOurs, kOrigin, now));
}

TEST_F(Loops, ends_are_free_again_when_the_connection_has_ended) {
  EXPECT_TRUE(guard.made(kOurs, kOrigin, now));
  guard.made_ended(kOurs, kOrigin);
  EXPECT_TRUE(guard.arrived(kOurs, kOrigin, now));
}

TEST_F(Loops, what_was_made_is_forgotten_after_a_while) {
  EXPECT_TRUE(guard.made(kOurs, kOrigin, now));
  EXPECT_FALSE(guard.arrived(kOurs, kOrigin, now + seconds(9)));
  guard.arrival_ended(kOurs, kOrigin);
  EXPECT_TRUE(guard.arrived(kOurs, kOrigin, now + seconds(11)));
}

TEST_F(Loops, forgetting_one_spares_the_next_with_the_same_ends) {
  EXPECT_TRUE(guard.made(kOurs, kOrigin, now));
  guard.made_ended(kOurs, kOrigin);
  EXPECT_TRUE(guard.made(kOurs, kOrigin, now + seconds(8)));
  EXPECT_FALSE(guard.arrived(kOurs, kOrigin, now + seconds(12)));
}

class Destination : public ::testing::Test {
 protected:
  /// An accepted connection to `entrance.listener`, which is filled in.
  UniqueFd accept(const std::string& address) {
    auto opened = net::listen_transparent(address, 0, false);
    if (!opened) return {};
    listener = std::move(*opened);
    entrance.listener = {address, net::bound_port(listener.get())};
    client = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(entrance.listener.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
    return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  Entrance entrance{.kind = EntranceKind::transparent, .listener = {}, .name_of = {}, .answer_dns = {}};
  UniqueFd listener, client;
};

TEST_F(Destination, a_direct_connection_is_refused_whatever_the_listener_is_bound_to) {
  for (const char* address : {"127.0.0.1", "0.0.0.0", "::"}) {
    UniqueFd accepted = accept(address);
    if (!accepted && address == std::string("::")) GTEST_SKIP() << "no IPv6 here";
    ASSERT_TRUE(accepted) << address;
    auto place = destination(entrance, accepted.get());
    ASSERT_FALSE(place) << address << ": " << place->str();
    EXPECT_EQ(place.error().code(), Code::loop_detected);
    EXPECT_TRUE(place.error().context().contains("redirected connections only")) << place.error().context();
  }
}

TEST_F(Destination, a_socket_bound_to_a_foreign_place_says_where_its_client_wanted_to_go) {
  UniqueFd accepted = accept("127.0.0.1");
  ASSERT_TRUE(accepted);
  HostPort wanted = entrance.listener;
  entrance.listener.port = wanted.port == 1 ? 2 : 1;  // as TPROXY leaves it: the socket's place is another
  auto place = destination(entrance, accepted.get());
  ASSERT_TRUE(place) << place.error().message();
  EXPECT_EQ(*place, wanted);
}

TEST_F(Destination, what_has_no_address_leads_nowhere) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  UniqueFd one(pair[0]), other(pair[1]);
  auto place = destination(entrance, one.get());
  ASSERT_FALSE(place);
  EXPECT_EQ(place.error().code(), Code::internal);
}

TEST(Named, an_address_that_was_made_up_is_the_name_it_was_made_up_for) {
  Entrance entrance;
  EXPECT_EQ(named(entrance, {"198.18.0.1", 443}), (HostPort{"198.18.0.1", 443})) << "where none is made up";
  entrance.name_of = [](const std::string& address) -> Result<std::optional<std::string>> {
    if (address == "198.18.0.1") return "a.test";
    if (address == "198.18.0.2") return fail(Code::bad_target, "nobody was given it");
    return std::nullopt;
  };
  EXPECT_EQ(named(entrance, {"198.18.0.1", 443}), (HostPort{"a.test", 443}));
  EXPECT_EQ(named(entrance, {"192.0.2.1", 80}), (HostPort{"192.0.2.1", 80}));
  auto unknown = named(entrance, {"198.18.0.2", 443});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), Code::bad_target);
}

}  // namespace
}  // namespace weir::proxy
