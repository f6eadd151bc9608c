#include "http/ws/message.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace weir::http::ws {
namespace {

constexpr std::pair<Opcode, std::string_view> kOpcodes[] = {{Opcode::text, "text"},
                                                            {Opcode::binary, "binary"},
                                                            {Opcode::close, "close"},
                                                            {Opcode::ping, "ping"},
                                                            {Opcode::pong, "pong"}};

constexpr std::string_view kProblems[] = {"",
                                          "incomplete",
                                          "invalid_utf8",
                                          "bad_close",
                                          "bad_compression",
                                          "compression_bomb",
                                          "not_inflated",
                                          "unknown_extension"};

// The registry of RFC 6455 section 11.7.
constexpr std::pair<std::uint16_t, std::string_view> kCloseCodes[] = {
    {1000, "normal closure"},   {1001, "going away"},        {1002, "protocol error"},
    {1003, "unsupported data"}, {1007, "invalid payload"},   {1008, "policy violation"},
    {1009, "message too big"},  {1010, "missing extension"}, {1011, "internal error"},
    {1012, "service restart"},  {1013, "try again later"},   {1014, "bad gateway"},
    {3000, "unauthorized"},     {3003, "forbidden"},         {3008, "timeout"}};

}  // namespace

std::string_view name(Opcode opcode) {
  return std::ranges::find(kOpcodes, opcode, &std::pair<Opcode, std::string_view>::first)->second;
}

std::optional<Opcode> opcode_from_name(std::string_view name) {
  for (auto [opcode, its_name] : kOpcodes)
    if (its_name == name) return opcode;
  return std::nullopt;
}

std::string_view name(Problem problem) { return kProblems[static_cast<std::size_t>(problem)]; }

Problem problem_from_name(std::string_view name) {
  const auto* found = std::ranges::find(kProblems, name);
  return found == std::end(kProblems) ? Problem::none : static_cast<Problem>(found - kProblems);
}

std::string_view close_code_meaning(std::uint16_t code) {
  for (auto [known, meaning] : kCloseCodes)
    if (known == code) return meaning;
  return {};
}

}  // namespace weir::http::ws
