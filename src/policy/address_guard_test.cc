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

TEST(AddressGuard, knows_names_that_need_no_looking_up) {
  using enum AddressClass;
  for (auto [host, wanted] : {std::pair("localhost", loopback),
                              {"app.localhost", loopback},
                              {"metadata.google.internal", metadata},
                              {"169.254.169.254", metadata},
                              {"[fd00:ec2::254]", metadata},
                              {"10.0.0.1", local},
                              {"notlocalhost", global},
                              {"localhost.example.com", global},
                              {"example.com", global}})
    EXPECT_EQ(classify_host(host), wanted) << host;
}

std::shared_ptr<const AddressGuard> guard_of(std::vector<std::string> private_hosts,
                                             std::vector<RuleSet> layers = {}) {
  auto guard = AddressGuard::compile(private_hosts, layers);
  EXPECT_TRUE(guard) << guard.error().message();
  return guard ? *guard : nullptr;
}

RuleSet allowing(std::vector<std::string> hosts) {
  RuleSet out;
  for (std::string& host : hosts) out.rules.push_back({.pattern = std::move(host), .action = Action::allow});
  return out;
}

Outcome judged(const AddressGuard& guard, Client client, const HostPort& place, std::string_view address) {
  return guard.judge(client, place, *parse_address(address));
}

TEST(AddressGuard, who_is_elsewhere_reaches_only_what_everybody_can) {
  auto guard = guard_of({});
  const HostPort place{"a.test", 443};
  for (const char* text : {"10.0.0.1", "127.0.0.1", "fe80::1", "fd00::1"}) {
    EXPECT_EQ(judged(*guard, Client::local, place, text), Outcome::pass_marked) << text;
    EXPECT_EQ(judged(*guard, Client::foreign, place, text), Outcome::refuse) << text;
  }
  EXPECT_EQ(judged(*guard, Client::foreign, place, "93.184.216.34"), Outcome::pass);
  for (Client client : {Client::local, Client::foreign})
    EXPECT_EQ(judged(*guard, client, place, "169.254.169.254"), Outcome::refuse);
}

TEST(AddressGuard, private_hosts_may_be_inside) {
  auto guard = guard_of({"*.corp.test", "10.0.0.0/8", "db.test:5432"});
  auto outcome = [&](const HostPort& place, std::string_view address) {
    return judged(*guard, Client::foreign, place, address);
  };
  EXPECT_EQ(outcome({"git.corp.test", 443}, "192.168.7.7"), Outcome::pass);
  EXPECT_EQ(outcome({"corp.test", 443}, "192.168.7.7"), Outcome::refuse);
  EXPECT_EQ(outcome({"any.test", 443}, "10.200.0.1"), Outcome::pass) << "a name in a range that is named";
  EXPECT_EQ(outcome({"any.test", 443}, "::ffff:10.200.0.1"), Outcome::pass);
  EXPECT_EQ(outcome({"any.test", 443}, "172.16.0.1"), Outcome::refuse);
  EXPECT_EQ(outcome({"db.test", 5432}, "127.0.0.1"), Outcome::pass);
  EXPECT_EQ(outcome({"db.test", 22}, "127.0.0.1"), Outcome::refuse);
}

// A name that is allowed belongs to whoever answers for it: today a public address, tomorrow 127.0.0.1.
TEST(AddressGuard, a_name_that_is_allowed_does_not_open_what_is_inside) {
  auto guard =
      guard_of({}, {allowing({"rebinds.test", "*.rebinds.test", "*", "10.0.0.5", "192.168.0.0/16"})});
  auto outcome = [&](const HostPort& place, std::string_view address) {
    return judged(*guard, Client::foreign, place, address);
  };
  EXPECT_EQ(outcome({"rebinds.test", 80}, "127.0.0.1"), Outcome::refuse);
  EXPECT_EQ(outcome({"www.rebinds.test", 80}, "10.0.0.5"), Outcome::refuse);
  EXPECT_EQ(outcome({"10.0.0.5", 80}, "10.0.0.5"), Outcome::pass) << "the address itself is named";
  EXPECT_EQ(outcome({"192.168.3.4", 80}, "192.168.3.4"), Outcome::pass);
  EXPECT_EQ(outcome({"10.0.0.6", 80}, "10.0.0.6"), Outcome::refuse);
  EXPECT_EQ(outcome({"localhost", 80}, "127.0.0.1"), Outcome::refuse) << "'*' names nothing";
  auto named = guard_of({}, {allowing({"localhost"})});
  EXPECT_EQ(judged(*named, Client::foreign, {"localhost", 80}, "127.0.0.1"), Outcome::pass);
}

TEST(AddressGuard, metadata_is_reached_only_where_it_is_named_in_full) {
  const HostPort place{"169.254.169.254", 80};
  for (auto client : {Client::local, Client::foreign}) {
    auto outcome = [&](const AddressGuard& guard, const HostPort& at) {
      return judged(guard, client, at, "169.254.169.254");
    };
    for (const char* pattern : {"*", "169.254.0.0/16", "169.254.169.0/24", "*.test"}) {
      EXPECT_EQ(outcome(*guard_of({pattern}), place), Outcome::refuse) << pattern;
      EXPECT_EQ(outcome(*guard_of({}, {allowing({pattern})}), place), Outcome::refuse) << pattern;
    }
    auto named = guard_of({}, {allowing({"169.254.169.254"})});
    EXPECT_EQ(outcome(*named, place), Outcome::pass);
    EXPECT_EQ(outcome(*named, {"rebinds.test", 80}), Outcome::refuse);
    EXPECT_EQ(outcome(*guard_of({"169.254.169.254"}), place), Outcome::pass);
    EXPECT_EQ(
        outcome(*guard_of({}, {allowing({"metadata.google.internal"})}), {"metadata.google.internal", 80}),
        Outcome::pass);
    EXPECT_EQ(outcome(*guard_of({}, {allowing({"other.test"})}), {"other.test", 80}), Outcome::refuse);
  }
}

TEST(AddressGuard, what_only_blocks_names_nothing) {
  RuleSet rules;
  rules.rules.push_back({.pattern = "10.0.0.5", .action = Action::block});
  rules.domains.push_back({.pattern = "10.0.0.6", .read = Action::block, .write = Action::ask});
  rules.domains.push_back({.pattern = "10.0.0.7", .read = Action::allow});
  auto guard = guard_of({}, {rules});
  for (auto [address, wanted] :
       {std::pair("10.0.0.5", Outcome::refuse), {"10.0.0.6", Outcome::refuse}, {"10.0.0.7", Outcome::pass}})
    EXPECT_EQ(judged(*guard, Client::foreign, {address, 80}, address), wanted) << address;
}

TEST(AddressGuard, where_a_proxy_looks_up_names_what_is_known_of_them_counts) {
  auto guard = guard_of({"inside.test"});
  for (auto [host, wanted] : {std::pair("localhost", Outcome::refuse),
                              {"10.0.0.1", Outcome::refuse},
                              {"metadata.google.internal", Outcome::refuse},
                              {"a.test", Outcome::pass},
                              {"inside.test", Outcome::pass}})
    EXPECT_EQ(guard->judge(Client::foreign, {host, 80}), wanted) << host;
  EXPECT_EQ(guard->judge(Client::local, {"localhost", 80}), Outcome::pass_marked);
  EXPECT_EQ(guard->judge(Client::local, {"metadata.google.internal", 80}), Outcome::refuse);
}

TEST(AddressGuard, a_pattern_that_is_none_is_named) {
  auto guard = AddressGuard::compile(std::vector<std::string>{"a b"}, {});
  ASSERT_FALSE(guard);
  EXPECT_TRUE(guard.error().context().contains("a b")) << guard.error().context();
}

}  // namespace
}  // namespace weir::policy
