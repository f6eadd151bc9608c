// The sandbox's DNS on hostile bytes. Invariants: nothing but a query is answered; an answer is well-formed,
// fits, and echoes id, opcode and question; bytes behind a query change nothing; an address that is handed
// out leads back to the name that was asked for.
#include <arpa/inet.h>

#include <optional>
#include <string>

#include "base/host_port.h"
#include "harness.h"
#include "sandbox/dns_zone.h"

namespace weir::fuzz {
namespace {

using namespace weir::sandbox;

unsigned word(std::string_view bytes, std::size_t at) {
  require(at + 2 <= bytes.size(), "an answer is whole");
  return static_cast<unsigned char>(bytes[at]) * 256U + static_cast<unsigned char>(bytes[at + 1]);
}

/// Where the record at `at` ends. Owners are one pointer to the question, or the root.
std::size_t record_end(std::string_view answer, std::size_t at) {
  require(at < answer.size(), "a record is whole");
  std::size_t fixed = at + (answer[at] == '\0' ? 1 : 2);
  require(answer[at] == '\0' || word(answer, at) == 0xC00C, "an owner is the question's name or the root");
  std::size_t end = fixed + 10 + word(answer, fixed + 8);
  require(end <= answer.size(), "a record's data is whole");
  return end;
}

void check_address(const SyntheticNames& names, const std::string& name, std::string_view data) {
  if (data.size() != 4 && data.size() != 16) return;
  char text[INET6_ADDRSTRLEN];
  inet_ntop(data.size() == 4 ? AF_INET : AF_INET6, data.data(), text, sizeof text);
  if (is_loopback_host(text)) {
    require(is_loopback_host(name), "only localhost is loopback");
    return;
  }
  require(SyntheticNames::is_synthetic(text), "no address but loopback and our own");
  require(names.name_of(text) == name, "an address leads back to its name");
  require(canonical_host(name).value_or("") == name && !is_ip_literal(name), "a name is canonical");
}

void check_answer(const SyntheticNames& names, const DnsQuery& query, std::string_view message,
                  std::string_view answer) {
  require(answer.substr(0, 2) == message.substr(0, 2), "the id is echoed");
  unsigned flags = word(answer, 2);
  require((flags & 0x8000) != 0 && (flags >> 11 & 0xf) == query.opcode, "a response to the same opcode");
  require(word(answer, 4) == (query.question.empty() ? 0U : 1U), "the question is there if it could be read");
  require(answer.substr(12, query.question.size()) == query.question, "the question is echoed");
  require(message.find(query.question, 12) != std::string_view::npos, "byte for byte");
  std::size_t at = 12 + query.question.size();
  unsigned answers = word(answer, 6), others = word(answer, 8) + word(answer, 10);
  for (unsigned i = 0; i < answers + others; ++i) {
    std::size_t end = record_end(answer, at);
    unsigned type = word(answer, at + (answer[at] == '\0' ? 1 : 2));
    if (i < answers && (type == 1 || type == 28))
      check_address(names, *query.name, answer.substr(at + 12, end - at - 12));
    at = end;
  }
  require(at == answer.size(), "nothing behind the last record");
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::fuzz;
  using namespace weir::sandbox;
  std::string_view message(reinterpret_cast<const char*>(data), size);
  SyntheticNames names({}, 0);
  DnsZone zone(names);
  auto query = parse_dns_query(message);
  std::string udp = zone.respond(message, DnsTransport::udp), tcp = zone.respond(message, DnsTransport::tcp);
  require(query.has_value() == !udp.empty() && query.has_value() == !tcp.empty(), "a query is answered");
  if (!query) return 0;
  require(query->payload >= 512 && udp.size() <= query->payload, "an answer fits");
  check_answer(names, *query, message, udp);
  check_answer(names, *query, message, tcp);
  require(names.counts().handed_out <= 1, "a query takes one place at most");
  if (query->fault == DnsRcode::format_error) return 0;
  std::string longer = std::string(message) + std::string(40, '\xC0');
  require(zone.respond(longer, DnsTransport::tcp) == tcp, "what is behind a query changes nothing");
  return 0;
}
