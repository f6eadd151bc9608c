#include "proxy/reach.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using wire::Caller;

Reach reach_with(std::vector<std::string> private_hosts = {}) {
  auto guard = policy::AddressGuard::compile(private_hosts, {});
  EXPECT_TRUE(guard);
  return Reach(*guard);
}

Result<std::string_view> judged(const Reach& reach, Caller caller, const HostPort& place,
                                const std::string& address) {
  auto known = net::literal_address(address);
  EXPECT_TRUE(known) << address;
  return reach.judge(caller, place, &*known);
}

TEST(Reach, knows_who_is_on_this_machine) {
  for (const char* peer : {"127.0.0.1:4711", "127.8.8.8:1", "[::1]:4711", "[::ffff:127.0.0.1]:4711"})
    EXPECT_EQ(caller_at(peer), Caller::local) << peer;
  for (const char* peer : {"10.0.0.1:4711", "[fe80::1]:4711", "93.184.216.34:1", "[::ffff:10.0.0.1]:4711", "",
                           "127.0.0.1.example:1", "nonsense"})
    EXPECT_EQ(caller_at(peer), Caller::foreign) << peer;
}

TEST(Reach, refuses_with_what_the_client_can_use_and_marks_what_it_lets_pass) {
  Reach reach = reach_with();
  auto refused = judged(reach, Caller::foreign, {"db.test", 80}, "10.0.0.5");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::address_refused);
  EXPECT_EQ(
      refused.error().context(),
      "db.test:80 is at 10.0.0.5, a private address, which is not for clients of a gateway, a sandbox or "
      "another machine");
  refused = judged(reach, Caller::local, {"169.254.169.254", 80}, "169.254.169.254");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().context(),
            "169.254.169.254:80 is a cloud metadata address, where clouds hand out credentials");
  EXPECT_EQ(judged(reach, Caller::local, {"db.test", 80}, "10.0.0.5"), "to_private");
  EXPECT_EQ(judged(reach, Caller::local, {"db.test", 80}, "::1"), "to_loopback");
  EXPECT_EQ(judged(reach, Caller::local, {"db.test", 80}, "fe80::1"), "to_link_local");
  EXPECT_EQ(judged(reach, Caller::foreign, {"a.test", 80}, "93.184.216.34"), "");
}

TEST(Reach, what_the_settings_name_is_not_judged_and_what_they_list_is_not_marked) {
  EXPECT_EQ(judged(reach_with(), Caller::settings, {"inside.test", 80}, "169.254.169.254"), "");
  EXPECT_EQ(judged(reach_with({"10.0.0.0/8"}), Caller::foreign, {"inside.test", 80}, "10.0.0.5"), "");
}

TEST(Reach, judges_by_the_place_where_a_proxy_will_look_for_the_address) {
  Reach reach = reach_with();
  EXPECT_FALSE(reach.judge(Caller::foreign, {"localhost", 80}, nullptr));
  EXPECT_EQ(reach.judge(Caller::local, {"localhost", 80}, nullptr), "to_loopback");
  EXPECT_EQ(reach.judge(Caller::foreign, {"a.test", 80}, nullptr), "");
}

TEST(Reach, goes_by_the_guard_that_was_given_last) {
  Reach reach = reach_with();
  EXPECT_FALSE(judged(reach, Caller::foreign, {"db.test", 80}, "10.0.0.5"));
  reach.replace(*policy::AddressGuard::compile(std::vector<std::string>{"db.test"}, {}));
  EXPECT_TRUE(judged(reach, Caller::foreign, {"db.test", 80}, "10.0.0.5"));
}

}  // namespace
}  // namespace weir::proxy
