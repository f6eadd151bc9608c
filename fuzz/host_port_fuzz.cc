// Hosts and ports: what policy judges and what is dialled must be one spelling.
#include <arpa/inet.h>

#include "base/ascii.h"
#include "base/host_port.h"
#include "harness.h"

namespace weir::fuzz {
namespace {

bool system_reads_as_address(const std::string& host) {
  unsigned char address[16];
  return inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
}

void check_canonical(const std::string& host) {
  require(!host.empty() && host.size() <= 253 && host == lower(host),
          "a host is lower case and has 1 to 253 bytes");
  require(host.find_first_of(std::string_view(" \t\r\n\0/?#@%\\[]", 13)) == std::string::npos,
          "a host is a bare name");
  require(canonical_host(host).value_or("") == host, "a canonical host is its own canonical form");
  require(is_ip_literal(host) == system_reads_as_address(host),
          "the system agrees which hosts are addresses");
  // What the old lenient reader takes for an address must be one for us too, or a name would dial an address.
  in_addr lenient;
  require(inet_aton(host.c_str(), &lenient) == 0 || is_ip_literal(host), "no name is an address in disguise");
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (auto host = canonical_host(input)) fuzz::check_canonical(*host);
  auto place = parse_host_port(input, 443);
  if (!place) return 0;
  fuzz::check_canonical(place->host);
  fuzz::require(place->port != 0, "a port is never 0");
  for (const std::string& text : {place->str(), place->authority(true)}) {
    auto again = parse_host_port(text, 443);
    fuzz::require(again && *again == *place, "a written place reads back");
  }
  return 0;
}
