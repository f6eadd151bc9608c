// parse_client_hello on hostile bytes. Invariants: however the bytes are cut, once a prefix is answered every
// longer prefix is answered the same; an answer keeps its promises about sizes and names.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/host_port.h"
#include "harness.h"
#include "tls/client_hello.h"

namespace {

using weir::fuzz::require;
using weir::tls::ClientHello;
using Answer = weir::Result<std::optional<ClientHello>>;

bool waits(const Answer& answer) { return answer && !*answer; }

bool same(const Answer& a, const Answer& b) {
  if (a.has_value() != b.has_value()) return false;
  return a ? *a == *b : a.error().context() == b.error().context();
}

void check_promises(const Answer& answer, std::string_view bytes) {
  if (!answer) {
    require(answer.error().code() == weir::Code::bad_client_hello, "an error of its own code");
    return;
  }
  if (!*answer) {
    require(bytes.size() < weir::tls::kMaxHelloBytes, "the bound on a hello");
    require(bytes.empty() || weir::tls::looks_like_tls(bytes), "only TLS waits for more");
    return;
  }
  const ClientHello& hello = **answer;
  require(!hello.cipher_suites.empty(), "a hello offers ciphers");
  if (hello.sni.empty()) return;
  auto canonical = weir::canonical_host(hello.sni);
  require(canonical && *canonical == hello.sni, "the SNI is canonical");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Answer whole = weir::tls::parse_client_hello(bytes);
  check_promises(whole, bytes);
  // Every place in a short input; some 500 places in a long one.
  std::size_t stride = size / 500 + 1;
  for (std::size_t cut = 0; cut < size; cut += stride) {
    Answer part = weir::tls::parse_client_hello(bytes.substr(0, cut));
    require(waits(part) || same(part, whole), "a prefix is answered as the whole");
  }
  return 0;
}
