#include "policy/address_guard.h"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

using Client = AddressGuard::Client;
using Outcome = AddressGuard::Outcome;

AddressClass class_of(std::string_view text) {
  auto address = parse_address(text);
  EXPECT_TRUE(address) << text;
  return address ? classify(*address) : AddressClass::global;
}

TEST(AddressGuard, knows_what_an_address_is_for) {
  using enum AddressClass;
  for (auto [text, wanted] : {std::pair("93.184.216.34", global),
                              {"2606:4700::1111", global},
                              {"172.32.0.1", global},
                              {"100.128.0.1", global},
                              {"169.254.169.254", metadata},
                              {"169.254.170.2", metadata},
                              {"100.100.100.200", metadata},
                              {"168.63.129.16", metadata},
                              {"fd00:ec2::254", metadata},
                              {"127.0.0.1", loopback},
                              {"127.255.255.254", loopback},
                              {"0.0.0.0", loopback},
                              {"::1", loopback},
                              {"::", loopback},
                              {"169.254.1.1", link_local},
                              {"fe80::1", link_local},
                              {"10.1.2.3", local},
                              {"172.31.255.255", local},
                              {"192.168.0.1", local},
                              {"100.64.0.1", local},
                              {"fd12:3456::1", local},
                              {"224.0.0.1", reserved},
                              {"255.255.255.255", reserved},
                              {"2001:db8::1", reserved},
                              {"ff02::1", reserved}})
    EXPECT_EQ(class_of(text), wanted) << text << " is " << name(class_of(text));
}

TEST(AddressGuard, an_ipv4_address_inside_an_ipv6_one_is_what_it_leads_to) {
  using enum AddressClass;
  for (auto [text, wanted] : {std::pair("::ffff:169.254.169.254", metadata),
                              {"::ffff:127.0.0.1", loopback},
                              {"::127.0.0.1", loopback},
                              {"2002:a9fe:a9fe::1", metadata},
                              {"2002:7f00:1::", loopback},
                              {"64:ff9b::a9fe:a9fe", metadata},
                              {"64:ff9b::10.0.0.1", local},
                              {"64:ff9b::93.184.216.34", global},
                              {"::ffff:93.184.216.34", global}})
    EXPECT_EQ(class_of(text), wanted) << text << " is " << name(class_of(text));
}

TEST(AddressGuard, who_is_elsewhere_reaches_only_what_everybody_can) {
  AddressGuard guard{HostPatterns()};
  const HostPort place{"a.test", 443};
  for (const char* text : {"10.0.0.1", "127.0.0.1", "fe80::1", "fd00::1"}) {
    EXPECT_EQ(guard.judge(Client::local, place, *parse_address(text)), Outcome::pass_marked) << text;
    EXPECT_EQ(guard.judge(Client::foreign, place, *parse_address(text)), Outcome::refuse) << text;
  }
  EXPECT_EQ(guard.judge(Client::foreign, place, *parse_address("93.184.216.34")), Outcome::pass);
  for (Client client : {Client::local, Client::foreign})
    EXPECT_EQ(guard.judge(client, place, *parse_address("169.254.169.254")), Outcome::refuse);
}

TEST(AddressGuard, what_policy_names_may_be_anywhere) {
  std::vector<std::string> names = {"intranet.test", "169.254.169.254"};
  AddressGuard guard(*HostPatterns::compile(names));
  EXPECT_EQ(guard.judge(Client::foreign, {"intranet.test", 80}, *parse_address("10.0.0.1")), Outcome::pass);
  EXPECT_EQ(guard.judge(Client::foreign, {"other.test", 80}, *parse_address("10.0.0.1")), Outcome::refuse);
  EXPECT_EQ(guard.judge(Client::local, {"169.254.169.254", 80}, *parse_address("169.254.169.254")),
            Outcome::pass);
  EXPECT_EQ(guard.judge(Client::local, {"rebinds.test", 80}, *parse_address("169.254.169.254")),
            Outcome::refuse);
}

}  // namespace
}  // namespace weir::policy
