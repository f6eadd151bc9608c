#include "sandbox/dns_zone.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/support/dns_wire.h"

namespace weir::sandbox {
namespace {

using test::dns_labels;
using test::DnsAsk;
using test::DnsReply;
using test::DnsReplyReader;

constexpr unsigned kA = 1, kPtr = 12, kAaaa = 28, kAny = 255;
constexpr unsigned kNoError = 0, kServFail = 2, kNxDomain = 3, kRefused = 5;

const std::string kFirstV4("\xC6\x12\x00\x10", 4);
const std::string kFirstV6("\xFD\x43\xE4\xF2\x7F\x03\0\0\0\0\0\0\0\0\0\x10", 16);
const std::string kLoopbackV4("\x7F\0\0\1", 4);
const std::string kLoopbackV6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);

class DnsZoneTest : public testing::Test {
 protected:
  DnsReply ask(std::string_view name, unsigned type, const DnsAsk& with = {}) {
    return read(with.query(name, type));
  }
  DnsReply read(const std::string& query, DnsTransport transport = DnsTransport::udp) {
    auto reply = DnsReplyReader::read(zone_.respond(query, transport));
    EXPECT_TRUE(reply) << "no well-formed answer";
    return reply.value_or(DnsReply{});
  }
  /// The data of the only record, or what was answered in its place.
  std::string one(std::string_view name, unsigned type) {
    DnsReply reply = ask(name, type);
    if (reply.answers.size() == 1 && reply.answers[0].type == type) return reply.answers[0].data;
    return fmt::format("code {}, {} records", reply.rcode(), reply.answers.size());
  }
  bool is_empty(std::string_view name, unsigned type) {
    DnsReply reply = ask(name, type);
    return reply.rcode() == kNoError && reply.answers.empty();
  }

  SyntheticNames names_{{.names = 4, .names_a_domain = 3}, 0};
  DnsZone zone_{names_, {"Build-Host", "build-host.corp.example", "127.0.1.1", "not a name"}};
};

TEST_F(DnsZoneTest, EveryNameHasBothAddresses) {
  DnsReply reply = ask("wWw.Example.Test", kA);
  EXPECT_EQ(reply.rcode(), kNoError);
  ASSERT_EQ(reply.answers.size(), 1U);
  EXPECT_EQ(reply.answers[0].data, kFirstV4);
  EXPECT_EQ(reply.answers[0].owner, "\xC0\x0C");
  EXPECT_EQ(reply.answers[0].ttl, 1U);
  EXPECT_EQ(reply.question.substr(0, 18), dns_labels("wWw.Example.Test")) << "0x20 case is echoed";
  EXPECT_NE(reply.flags & 0x0080, 0U) << "recursion available, or nslookup goes to the next server";
  EXPECT_EQ(one("www.example.test", kAaaa), kFirstV6);
  DnsReply any = ask("www.example.test", kAny);
  ASSERT_EQ(any.answers.size(), 2U);
  EXPECT_EQ(any.answers[0].data, kFirstV4);
  EXPECT_EQ(any.answers[1].data, kFirstV6);
  EXPECT_EQ(names_.counts().handed_out, 1U);
  EXPECT_EQ(names_.name_of("198.18.0.16"), "www.example.test");
}

// A type without records is no error, and never "no such name": musl and busybox would not ask for A any
// more. HTTPS and SVCB answered with an error make browsers and clients stall.
TEST_F(DnsZoneTest, OtherTypesAreEmptyAndTakeNoPlace) {
  for (unsigned type : {2U, 5U, 6U, 15U, 16U, 33U, 35U, 43U, 48U, 52U, 64U, 65U, 257U, 0U, 65535U}) {
    DnsReply reply = ask("a.test", type);
    EXPECT_EQ(reply.rcode(), kNoError) << type;
    EXPECT_TRUE(reply.answers.empty()) << type;
    EXPECT_EQ(reply.authority.size(), 1U) << type;
  }
  EXPECT_EQ(names_.counts().handed_out, 0U);
}

TEST_F(DnsZoneTest, WishesAndOtherClassesAreRefused) {
  for (unsigned type : {41U, 128U, 249U, 250U, 251U, 252U, 254U})
    EXPECT_EQ(ask("a.test", type).rcode(), kRefused);
  for (unsigned dns_class : {0U, 3U, 254U, 255U})
    EXPECT_EQ(ask("version.bind", 16, {.dns_class = dns_class}).rcode(), kRefused) << dns_class;
  EXPECT_EQ(names_.counts().handed_out, 0U);
}

TEST_F(DnsZoneTest, LocalhostAndOwnNamesAreLoopback) {
  for (const char* name :
       {"localhost", "LocalHost", "a.b.localhost", "build-host", "BUILD-HOST.corp.example"}) {
    EXPECT_EQ(one(name, kA), kLoopbackV4) << name;
    EXPECT_EQ(one(name, kAaaa), kLoopbackV6) << name;
    EXPECT_TRUE(is_empty(name, 65)) << name;
  }
  EXPECT_EQ(names_.counts().handed_out, 0U);
  EXPECT_EQ(one("notlocalhost", kA), kFirstV4);
  EXPECT_NE(one("localhost.test", kA), kLoopbackV4);
  EXPECT_NE(one("x.build-host", kA), kLoopbackV4);
}

TEST_F(DnsZoneTest, LocalAndSingleNamesAreNamesAsAnyOther) {
  EXPECT_EQ(one("db", kA), kFirstV4);
  EXPECT_EQ(ask("printer.local", kA).answers.size(), 1U);
  EXPECT_EQ(ask("metadata.google.internal", kA).answers.size(), 1U);
}

TEST_F(DnsZoneTest, WhatMustNotExistDoesNot) {
  for (const char* name : {"invalid", "a.invalid", "x.onion", "use-application-dns.net", "192.0.2.1",
                           "2130706433", "0x7f.1", "198.18.0.16", "a.1"})
    for (unsigned type : {kA, kAaaa, 65U})
      EXPECT_EQ(ask(name, type).rcode(), kNxDomain) << name << " " << type;
  for (const std::vector<std::string>& labels : {std::vector<std::string>{"evil.test"},
                                                 {"a b", "test"},
                                                 {std::string("a\0", 2), "test"},
                                                 {"::1"},
                                                 {"[::1]"}})
    EXPECT_EQ(read(DnsAsk{}.labels_query(dns_labels(labels), kA)).rcode(), kNxDomain) << labels[0];
  EXPECT_EQ(names_.counts().handed_out, 0U);
  EXPECT_EQ(one("notinvalid", kA), kFirstV4);
}

TEST_F(DnsZoneTest, NamesThatWouldTellOfAnotherResolver) {
  for (const char* name : {"_dns.resolver.arpa", "resolver.arpa", "ipv4only.arpa", ""})
    for (unsigned type : {kA, kAaaa, 64U}) EXPECT_TRUE(is_empty(name, type)) << name << " " << type;
  EXPECT_EQ(one("nas.home.arpa", kA), kFirstV4);
}

TEST_F(DnsZoneTest, AddressesLeadBackToNames) {
  std::string v6 = "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.f.7.2.f.4.e.3.4.d.f.ip6.arpa";
  EXPECT_EQ(ask("16.0.18.198.in-addr.arpa", kPtr).rcode(), kNxDomain) << "nobody's yet";
  one("A.Test", kA);
  EXPECT_EQ(one("16.0.18.198.IN-ADDR.arpa", kPtr), dns_labels("a.test"));
  EXPECT_EQ(one(v6, kPtr), dns_labels("a.test"));
  EXPECT_EQ(one("1.0.0.127.in-addr.arpa", kPtr), dns_labels("localhost"));
  EXPECT_EQ(one("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", kPtr),
            dns_labels("localhost"));
  EXPECT_TRUE(is_empty("16.0.18.198.in-addr.arpa", kA)) << "never an address for a reverse name";
  for (const char* name :
       {"17.0.18.198.in-addr.arpa", "8.8.8.8.in-addr.arpa", "x.0.18.198.in-addr.arpa",
        "016.0.18.198.in-addr.arpa", "1.16.0.18.198.in-addr.arpa", "256.0.18.198.in-addr.arpa"})
    EXPECT_EQ(ask(name, kPtr).rcode(), kNxDomain) << name;
  EXPECT_EQ(ask("00." + v6.substr(2), kPtr).rcode(), kNxDomain);
  EXPECT_EQ(ask("1." + v6, kPtr).rcode(), kNxDomain);
  for (const char* name :
       {"in-addr.arpa", "198.in-addr.arpa", "0.18.198.in-addr.arpa", "ip6.arpa", "d.f.ip6.arpa"})
    EXPECT_TRUE(is_empty(name, kPtr)) << name << ": there is something below";
  EXPECT_EQ(names_.counts().handed_out, 1U);
}

TEST_F(DnsZoneTest, SpentIsAFailureThatSaysSo) {
  log::set_output(-1);
  auto explained = [&](const char* name, const char* why) {
    DnsReply reply = ask(name, kAaaa, {.payload = 1232});
    EXPECT_EQ(reply.rcode(), kServFail) << name;
    return reply.additional.size() == 1 && reply.additional[0].data.find(why) != std::string::npos;
  };
  for (const char* name : {"a.one.test", "b.one.test", "c.one.test"})
    EXPECT_EQ(ask(name, kA).rcode(), kNoError);
  EXPECT_TRUE(explained("d.one.test", "names under one.test"));
  EXPECT_EQ(ask("other.test", kA).rcode(), kNoError) << "one domain does not take the others' places";
  EXPECT_TRUE(explained("more.test", "spent"));
  EXPECT_EQ(one("a.one.test", kA), kFirstV4) << "what is known goes on";
  EXPECT_TRUE(is_empty("more.test", 65)) << "and what takes no place";
  EXPECT_EQ(names_.counts().refused, 2U);
  log::set_output(2);
}

TEST_F(DnsZoneTest, BytesThatMustNotBeAnsweredAreNot) {
  EXPECT_EQ(zone_.respond("", DnsTransport::udp), "");
  EXPECT_EQ(zone_.respond(DnsAsk{.flags = 0x8180}.query("a.test", kA), DnsTransport::udp), "");
  EXPECT_EQ(read(DnsAsk{.flags = 5 << 11}.query("a.test", 6)).rcode(), 4U) << "a dynamic update";
}

TEST_F(DnsZoneTest, TheLongestNameThereAndBack) {
  std::string name;
  for (int i = 0; i < 3; ++i) name += std::string(63, 'x') + ".";
  name += std::string(61, 'x');
  ASSERT_EQ(name.size(), 253U);
  EXPECT_EQ(one(name, kA), kFirstV4);
  std::string query = DnsAsk{.payload = 0}.query("16.0.18.198.in-addr.arpa", kPtr);
  EXPECT_LE(zone_.respond(query, DnsTransport::udp).size(), 512U);
  for (DnsTransport transport : {DnsTransport::udp, DnsTransport::tcp})
    EXPECT_EQ(read(query, transport).answers.at(0).data, dns_labels(name));
}

// The longest answer there is: a failure with its explanation, which 512 bytes have no room for.
TEST_F(DnsZoneTest, NeverMoreThanTheClientTakes) {
  log::set_output(-1);
  SyntheticNames full({.names = 10, .names_a_domain = 1});
  DnsZone zone(full);
  std::string label(63, 'x'), name = label + '.' + label + '.' + label + '.' + label.substr(2);
  ASSERT_TRUE(full.addresses_of(label + '.' + label.substr(2)));
  std::string query = DnsAsk{.payload = 512}.query(name, kA);
  std::string udp = zone.respond(query, DnsTransport::udp), tcp = zone.respond(query, DnsTransport::tcp);
  EXPECT_GT(tcp.size(), 512U);
  EXPECT_LE(udp.size(), 512U);
  for (const std::string& bytes : {udp, tcp}) {
    auto reply = DnsReplyReader::read(bytes);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->rcode(), kServFail);
    EXPECT_FALSE(reply->truncated());
  }
  log::set_output(2);
}

}  // namespace
}  // namespace weir::sandbox
