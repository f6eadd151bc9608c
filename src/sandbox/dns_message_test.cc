#include "sandbox/dns_message.h"

#include <gtest/gtest.h>

#include "tests/support/dns_wire.h"

namespace weir::sandbox {
namespace {

using test::dns_labels;
using test::dns_word;
using test::DnsAsk;
using test::DnsReplyReader;

DnsRcode fault_of(std::string_view message) {
  auto query = parse_dns_query(message);
  EXPECT_TRUE(query);
  return query ? query->fault : DnsRcode::no_error;
}

std::string labels_of_wire_length(std::size_t length) {
  std::string out;
  for (std::size_t left = length - 1; left > 0;) {
    std::size_t label = std::min<std::size_t>(left - 1, 63);
    if (left - label - 1 == 1) --label;  // a label needs two bytes
    out += static_cast<char>(label) + std::string(label, 'x');
    left -= label + 1;
  }
  return out + '\0';
}

TEST(DnsMessage, ReadsAQuery) {
  auto query = parse_dns_query(DnsAsk{.flags = 0x0110}.query("wWw.Example_1.test", 28));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_EQ(query->fault, DnsRcode::no_error);
  EXPECT_EQ(query->name, "www.example_1.test");
  EXPECT_EQ(query->type, DnsType::aaaa);
  EXPECT_EQ(query->dns_class, 1);
  EXPECT_EQ(query->question, dns_labels("wWw.Example_1.test") + dns_word(28) + dns_word(1));
  EXPECT_TRUE(query->recursion_desired);
  EXPECT_TRUE(query->checking_disabled);
  EXPECT_FALSE(query->edns);
  EXPECT_EQ(query->payload, 512);
}

TEST(DnsMessage, ReadsEdns) {
  auto query = parse_dns_query(
      DnsAsk{.payload = 4096, .opt_flags = 0x8000, .opt_data = dns_word(10) + dns_word(2) + "ab"}.query("a",
                                                                                                        1));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->fault, DnsRcode::no_error);
  EXPECT_TRUE(query->edns);
  EXPECT_TRUE(query->dnssec_ok);
  EXPECT_EQ(query->payload, 4096);
  query = parse_dns_query(DnsAsk{.payload = 100}.query("a", 1));
  EXPECT_EQ(query->payload, 512) << "RFC 6891 section 6.2.5";
  EXPECT_FALSE(query->dnssec_ok);
}

// Cut at every length: what lacks a byte is never taken for the whole.
TEST(DnsMessage, APartIsNoQuery) {
  for (const std::string& whole :
       {DnsAsk{}.query("www.example.test", 1),
        DnsAsk{.payload = 1232, .opt_data = dns_word(3) + dns_word(0)}.query("a.test", 65)}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      auto query = parse_dns_query(whole.substr(0, length));
      ASSERT_EQ(query.has_value(), length >= 12) << length;
      if (!query) continue;
      EXPECT_EQ(query->fault, DnsRcode::format_error) << length;
      EXPECT_EQ(query->id, 0x1234);
    }
    EXPECT_EQ(fault_of(whole), DnsRcode::no_error);
    EXPECT_EQ(fault_of(whole + "rest"), DnsRcode::no_error);
  }
}

TEST(DnsMessage, ResponsesAreNotAnswered) {
  EXPECT_FALSE(parse_dns_query(DnsAsk{.flags = 0x8100}.query("a.test", 1)));
  EXPECT_FALSE(parse_dns_query(""));
}

TEST(DnsMessage, FormErrors) {
  std::string name = dns_labels("a.test");
  std::string question = name + dns_word(1) + dns_word(1);
  auto header = [](int questions, int answers, int authority, int additional) {
    return dns_word(7) + dns_word(0x0100) + dns_word(questions) + dns_word(answers) + dns_word(authority) +
           dns_word(additional);
  };
  std::string opt = DnsAsk{.payload = 1232}.opt();
  std::string cut_option = DnsAsk{.payload = 1232, .opt_data = dns_word(3) + dns_word(9) + "x"}.opt();
  struct Row {
    const char* what;
    std::string message;
  };
  for (const Row& row : {
           Row{"no question", header(0, 0, 0, 0)},
           Row{"two questions", header(2, 0, 0, 0) + question + question},
           Row{"a name that points to itself", header(1, 0, 0, 0) + "\xC0\x0C" + dns_word(1) + dns_word(1)},
           Row{"a name that points to the header",
               header(1, 0, 0, 0) + std::string("\1a\xC0\0", 4) + dns_word(1) + dns_word(1)},
           Row{"a label type of 01",
               header(1, 0, 0, 0) + '\x41' + std::string(65, 'a') + name + dns_word(1) + dns_word(1)},
           Row{"a label type of 10",
               header(1, 0, 0, 0) + '\x81' + std::string(129, 'a') + name + dns_word(1) + dns_word(1)},
           Row{"a name of 256 bytes",
               header(1, 0, 0, 0) + labels_of_wire_length(256) + dns_word(1) + dns_word(1)},
           Row{"an answer that is not there", header(1, 1, 0, 0) + question},
           Row{"65535 records that are not there", header(1, 0xffff, 0xffff, 0xffff) + question},
           Row{"two OPT", header(1, 0, 0, 2) + question + opt + opt},
           Row{"an OPT among the answers", header(1, 1, 0, 0) + question + opt},
           Row{"an OPT with a name", header(1, 0, 0, 1) + question + "\1a" + opt},
           Row{"an OPT with a pointer for a name",
               header(1, 0, 0, 1) + question + "\xC0\x0C" + opt.substr(1)},
           Row{"an option that is cut off", header(1, 0, 0, 1) + question + cut_option},
       }) {
    auto query = parse_dns_query(row.message);
    ASSERT_TRUE(query) << row.what;
    EXPECT_EQ(query->fault, DnsRcode::format_error) << row.what;
    std::string bytes = encode_dns_answer(*query, {DnsRcode::format_error, {}}, 512);
    auto reply = DnsReplyReader::read(bytes);
    ASSERT_TRUE(reply) << row.what;
    EXPECT_EQ(reply->id, 7U);
    EXPECT_EQ(reply->rcode(), 1U);
  }
}

TEST(DnsMessage, OtherRecordsArePassedOver) {
  std::string message = DnsAsk{}.query("a.test", 1);
  message[7] = 1;   // an answer
  message[11] = 2;  // two additional records
  std::string record = dns_word(16) + dns_word(1) + dns_word(0) + dns_word(0) + dns_word(2) + "xy";
  message += "\xC0\xFF" + record;  // a pointer to nowhere is not followed
  message += dns_labels("sig.test") + record + DnsAsk{.payload = 700}.opt();
  auto query = parse_dns_query(message);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->fault, DnsRcode::no_error);
  EXPECT_EQ(query->payload, 700);
}

TEST(DnsMessage, OtherOpcodesAreNotImplemented) {
  for (unsigned opcode = 1; opcode < 16; ++opcode) {
    auto query = parse_dns_query(DnsAsk{.flags = opcode << 11}.query("a.test", 6));
    ASSERT_TRUE(query);
    EXPECT_EQ(query->fault, DnsRcode::not_implemented);
    auto reply = DnsReplyReader::read(encode_dns_answer(*query, {query->fault, {}}, 512));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->flags & 0xf80f, 0x8000 | opcode << 11 | 4) << "the opcode is echoed";
  }
}

TEST(DnsMessage, ALaterVersionOfEdnsIsToldOurs) {
  auto query = parse_dns_query(DnsAsk{.payload = 1232, .opt_high = 1}.query("a.test", 1));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->fault, DnsRcode::bad_version);
  auto reply = DnsReplyReader::read(encode_dns_answer(*query, {query->fault, {}}, 512));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->rcode(), 16U);
  ASSERT_EQ(reply->additional.size(), 1U);
  EXPECT_EQ(reply->additional[0].ttl >> 16 & 0xff, 0U);
}

// Bytes that a text form would confuse: "evil.test" as one label must not be judged as two.
TEST(DnsMessage, OnlyHostNamesHaveAText) {
  for (const std::vector<std::string>& labels : {std::vector<std::string>{"evil.test"},
                                                 {"a", "b.c"},
                                                 {std::string("a\0b", 3), "test"},
                                                 {"a b"},
                                                 {"::1"},
                                                 {"[", "]"},
                                                 {"\xc3\xa9", "test"},
                                                 {"a\\", "test"},
                                                 {"*", "test"}}) {
    auto query = parse_dns_query(DnsAsk{}.labels_query(dns_labels(labels), 1));
    ASSERT_TRUE(query);
    EXPECT_EQ(query->fault, DnsRcode::no_error) << "legal on the wire";
    EXPECT_EQ(query->name, std::nullopt) << labels[0];
  }
  EXPECT_EQ(parse_dns_query(DnsAsk{}.query("", 2))->name, "") << "the root";
  auto longest = parse_dns_query(DnsAsk{}.labels_query(labels_of_wire_length(255), 1));
  ASSERT_TRUE(longest && longest->name);
  EXPECT_EQ(longest->name->size(), 253U);
}

TEST(DnsMessage, WritesRecords) {
  auto query = parse_dns_query(DnsAsk{.flags = 0x0110}.query("A.tEst", 1));
  ASSERT_TRUE(query);
  DnsAnswer answer{DnsRcode::no_error, {{DnsType::a, "1234"}, {DnsType::aaaa, "0123456789abcdef"}}};
  EXPECT_EQ(encode_dns_answer(*query, answer, 512),
            dns_word(0x1234) + dns_word(0x8190) + dns_word(1) + dns_word(2) + dns_word(0) + dns_word(0) +
                query->question + "\xC0\x0C" + dns_word(1) + dns_word(1) + dns_word(0) + dns_word(1) +
                dns_word(4) + "1234" + "\xC0\x0C" + dns_word(28) + dns_word(1) + dns_word(0) + dns_word(1) +
                dns_word(16) + "0123456789abcdef");
  EXPECT_NE(query->question.find("tEst"), std::string::npos) << "the case of the question is the client's";
}

TEST(DnsMessage, NoRecordsComeWithAnSoa) {
  auto query = parse_dns_query(DnsAsk{}.query("a.test", 65));
  ASSERT_TRUE(query);
  for (DnsRcode rcode : {DnsRcode::no_error, DnsRcode::name_error}) {
    auto reply = DnsReplyReader::read(encode_dns_answer(*query, {rcode, {}}, 512));
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->answers.empty());
    ASSERT_EQ(reply->authority.size(), 1U);
    const auto& soa = reply->authority[0];
    EXPECT_EQ(soa.owner, std::string(1, '\0'));
    EXPECT_EQ(soa.type, 6U);
    EXPECT_EQ(soa.ttl, 1U);
    ASSERT_EQ(soa.data.size(), 22U);
    EXPECT_EQ(soa.data.substr(18), std::string("\0\0\0\1", 4)) << "how long there is nothing";
  }
  for (DnsRcode rcode : {DnsRcode::server_failure, DnsRcode::refused, DnsRcode::format_error}) {
    auto reply = DnsReplyReader::read(encode_dns_answer(*query, {rcode, {}}, 512));
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->authority.empty()) << "a failure is not to be kept";
  }
}

TEST(DnsMessage, EdnsIsAnsweredWithEdnsAlways) {
  auto query = parse_dns_query(
      DnsAsk{.payload = 4096, .opt_flags = 0x8000, .opt_data = dns_word(8) + dns_word(0)}.query("a.test",
                                                                                                65));
  ASSERT_TRUE(query);
  for (DnsRcode rcode : {DnsRcode::no_error, DnsRcode::name_error, DnsRcode::refused,
                         DnsRcode::server_failure, DnsRcode::format_error}) {
    auto reply = DnsReplyReader::read(encode_dns_answer(*query, {rcode, {}}, 4096));
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->additional.size(), 1U);
    EXPECT_EQ(reply->additional[0].type, 41U);
    EXPECT_EQ(reply->additional[0].dns_class, 1232U);
    EXPECT_EQ(reply->additional[0].ttl, 0x8000U) << "the client's DNSSEC wish is copied, RFC 3225";
    EXPECT_EQ(reply->additional[0].data, "") << "the client's options are not";
  }
}

TEST(DnsMessage, AFailureIsExplainedToWhoUnderstandsIt) {
  DnsAnswer answer{DnsRcode::server_failure, {}, "spent"};
  auto with = parse_dns_query(DnsAsk{.payload = 1232}.query("a.test", 1));
  auto without = parse_dns_query(DnsAsk{}.query("a.test", 1));
  auto reply = DnsReplyReader::read(encode_dns_answer(*with, answer, 1232));
  ASSERT_TRUE(reply && reply->additional.size() == 1);
  EXPECT_EQ(reply->additional[0].data, dns_word(15) + dns_word(7) + dns_word(0) + "spent");
  reply = DnsReplyReader::read(encode_dns_answer(*without, answer, 512));
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->additional.empty());
  answer.explanation = std::string(600, 'x');
  reply = DnsReplyReader::read(encode_dns_answer(*with, answer, 512));
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->truncated()) << "an explanation is not worth a second question";
  EXPECT_EQ(reply->additional[0].data, "");
}

TEST(DnsMessage, NeverLongerThanTheLimit) {
  auto query = parse_dns_query(DnsAsk{.payload = 512}.labels_query(labels_of_wire_length(255), 12));
  ASSERT_TRUE(query);
  DnsAnswer answer{DnsRcode::no_error, {{DnsType::ptr, std::string(255, 'x')}}};
  auto whole = DnsReplyReader::read(encode_dns_answer(*query, answer, kDnsLongest));
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->truncated());
  EXPECT_EQ(whole->answers.size(), 1U);
  std::string bytes = encode_dns_answer(*query, answer, 512);
  EXPECT_LE(bytes.size(), 512U);
  auto reply = DnsReplyReader::read(bytes);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->truncated());
  EXPECT_TRUE(reply->answers.empty());
  EXPECT_TRUE(reply->authority.empty()) << "not to be kept as \"nothing\"";
  EXPECT_EQ(reply->question, query->question);
  EXPECT_EQ(reply->additional.size(), 1U);
}

TEST(DnsMessage, WireNames) {
  EXPECT_EQ(dns_wire_name("a.example"), std::string("\1a\7example\0", 11));
  EXPECT_EQ(dns_wire_name("a"), std::string("\1a\0", 3));
  EXPECT_EQ(dns_wire_name(""), std::string(1, '\0'));
}

}  // namespace
}  // namespace weir::sandbox
