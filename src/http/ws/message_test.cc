#include "http/ws/message.h"

#include <gtest/gtest.h>

namespace weir::http::ws {
namespace {

TEST(WebSocketMessage, NamesLeadBack) {
  for (Opcode opcode : {Opcode::text, Opcode::binary, Opcode::close, Opcode::ping, Opcode::pong})
    EXPECT_EQ(opcode_from_name(name(opcode)), opcode);
  EXPECT_EQ(opcode_from_name("continuation"), std::nullopt);
  for (int i = 0; i <= static_cast<int>(Problem::unknown_extension); ++i)
    EXPECT_EQ(problem_from_name(name(static_cast<Problem>(i))), static_cast<Problem>(i));
  EXPECT_EQ(problem_from_name("of a later version"), Problem::none);
}

TEST(WebSocketMessage, CloseCodes) {
  EXPECT_EQ(close_code_meaning(1001), "going away");
  EXPECT_EQ(close_code_meaning(4000), "");
}

}  // namespace
}  // namespace weir::http::ws
