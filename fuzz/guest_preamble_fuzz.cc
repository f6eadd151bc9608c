// The preamble of a guest's stream on hostile bytes. Invariants: however the bytes are cut, the outcome is
// the same; what was read holds nothing that is not sanitised, is bounded, and comes back the same when it is
// written again.
#include <optional>
#include <string>

#include "harness.h"
#include "net/guest_preamble.h"

namespace weir::fuzz {
namespace {

using net::GuestPreamble;

struct Outcome {
  std::optional<net::ReadPreamble> read;
  Code code = Code::none;

  bool operator==(const Outcome& other) const {
    if (code != other.code || read.has_value() != other.read.has_value()) return false;
    return !read || (read->preamble == other.read->preamble && read->size == other.read->size);
  }
};

Outcome read_in(const std::vector<std::string_view>& parts) {
  std::string bytes;
  for (std::string_view part : parts) {
    bytes += part;
    auto read = net::read_guest_preamble(bytes);
    if (!read) return {std::nullopt, read.error().code()};
    if (*read) return {std::move(*read), Code::none};
  }
  return {};
}

void check(const net::ReadPreamble& read, std::string_view input) {
  const GuestPreamble& preamble = read.preamble;
  require(read.size <= GuestPreamble::kMostBytes && input[read.size - 1] == '\n', "it ends with its line");
  require(preamble.process == net::sanitised_process_name(preamble.process), "a name is sanitised");
  require(preamble.process.size() <= GuestPreamble::kMostNameBytes, "a name is bounded");
  if (preamble.to)
    require(canonical_host(preamble.to->host).value_or("") == preamble.to->host && preamble.to->port != 0,
            "a place is canonical");
  auto again = net::read_guest_preamble(net::guest_preamble_bytes(preamble));
  require(again && *again && (*again)->preamble == preamble, "it comes back as it was read");
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::fuzz;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::optional<Outcome> whole;
  for_each_cut(input, [&](const std::vector<std::string_view>& parts) {
    Outcome out = read_in(parts);
    if (!whole) whole = out;
    require(out == *whole, "the outcome does not depend on the cuts");
  });
  if (whole->read) check(*whole->read, input);
  return 0;
}
