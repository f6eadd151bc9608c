// DNS messages: the bytes of one query to a value, and an answer to bytes (RFC 1035, RFC 6891). No sockets,
// no clock, no opinion on what the answer is: that is sandbox/dns_zone.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::sandbox {

enum class DnsType : std::uint16_t {
  a = 1,
  soa = 6,
  ptr = 12,
  aaaa = 28,
  opt = 41,
  first_meta = 128,  ///< from here to 255: no data, but wishes, such as zone transfers (RFC 6895 section 3.1)
  any = 255
};
inline constexpr std::uint16_t kDnsClassInternet = 1;

enum class DnsRcode : std::uint8_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  name_error = 3,  ///< NXDOMAIN
  not_implemented = 4,
  refused = 5,
  bad_version = 16
};

/// A query as far as it could be read.
struct DnsQuery {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;
  bool recursion_desired = false;
  bool checking_disabled = false;
  /// What is wrong with it: the answer's code. Anything but no_error is answered with that and no records.
  DnsRcode fault = DnsRcode::no_error;

  std::string question;  ///< the bytes of the question, case as it came (0x20); empty when there is none
  /// Lower case, labels joined with dots, no final dot; "" is the root. Only when each byte of each label is
  /// a letter, a digit, '-' or '_', so that a label with a dot in it never passes for two.
  std::optional<std::string> name;
  DnsType type{};
  std::uint16_t dns_class = 0;

  bool edns = false;
  bool dnssec_ok = false;
  std::uint16_t payload = 512;  ///< the longest UDP answer the client takes; never below 512
};

/// One whole message, without the length that TCP puts in front. None when it must not be answered: shorter
/// than a header, or a response itself (two responders would talk for ever). Bytes behind the message are
/// ignored. Names are not followed through compression pointers, and the question must have none.
std::optional<DnsQuery> parse_dns_query(std::string_view message);

struct DnsRecord {
  DnsType type;
  std::string data;
};

struct DnsAnswer {
  DnsRcode rcode = DnsRcode::no_error;
  std::vector<DnsRecord> records;  ///< all of the name that was asked for
  std::string explanation = {};    ///< for people; sent to clients with EDNS (RFC 8914, "other")
};

/// How long an answer may be kept. The address of a name stays for the whole session, but no longer: a cache
/// that outlives the session, on disk, would hold addresses that are other names' in the next one. Not 0,
/// which some clients take for "do not use".
inline constexpr std::uint32_t kDnsSeconds = 1;
/// The longest message over TCP (RFC 1035 section 4.2.2).
inline constexpr std::size_t kDnsLongest = 65535;

/// At most `limit` bytes (512 and more): what is longer loses its explanation, or is sent empty and
/// truncated. An answer that has no records, of a name or of a name error, gets an SOA, without which nobody
/// may cache that there is nothing (RFC 2308). A client with EDNS is always answered with EDNS:
/// systemd-resolved goes on without it otherwise, and slower.
std::string encode_dns_answer(const DnsQuery& query, const DnsAnswer& answer, std::size_t limit);

/// A host name (canonical) as a name on the wire, uncompressed.
std::string dns_wire_name(std::string_view name);

}  // namespace weir::sandbox
