// Heads that carry a relay's token, on hostile bytes. Invariants: the size stays; nothing but values of the
// field changes; a second look finds no token that the first has left; what was shown was in the head.
#include <string>

#include "base/ascii.h"
#include "harness.h"
#include "proxy/relay_head.h"

namespace weir::fuzz {
namespace {

using proxy::ShownToken;

// Every line that names the field holds nothing but what was put there and space.
void check_blank(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    std::size_t end = std::min(head.find('\n'), head.size());
    std::string_view line = head.substr(0, end);
    std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && iequals(line.substr(0, colon), name))
      require(line.find_first_not_of("x \t\r", colon + 1) == std::string_view::npos, "a value was left");
    head.remove_prefix(std::min(end + 1, head.size()));
  }
}

void check(std::string_view input, std::string_view name, ShownToken (*take)(std::string&, std::size_t)) {
  std::string text(input);
  ShownToken shown = take(text, text.size());
  require(text.size() == input.size(), "the size stays");
  for (std::size_t i = 0; i < text.size(); ++i)
    require(text[i] == input[i] || text[i] == 'x', "a byte became something else");
  require(shown.session.size() <= input.size(), "a session is part of what came");
  require(!shown.session.contains(':'), "a session ends at the first colon");
  check_blank(text, name);
  std::string again = text;
  take(again, again.size());
  require(again == text, "a second look changes nothing");
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  weir::fuzz::check(input, "authorization", weir::proxy::take_bearer);
  weir::fuzz::check(input, "proxy-authorization", weir::proxy::take_basic);
  return 0;
}
