#include "guest/names.h"

#include <gtest/gtest.h>

namespace weir::guest {
namespace {

using namespace std::string_literals;

const std::string kQuery =
    "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04some\x04test\x00\x00\x01\x00\x01"s;

TEST(ServerFailure, answers_the_question_that_was_asked) {
  std::string answer = server_failure(kQuery);
  EXPECT_EQ(answer.substr(0, 2), kQuery.substr(0, 2));
  EXPECT_EQ(answer[2] & 0x80, 0x80);
  EXPECT_EQ(answer[3] & 0x0f, 2);
  EXPECT_EQ(answer.substr(12), kQuery.substr(12));
  EXPECT_EQ(answer.substr(4, 8), "\0\1\0\0\0\0\0\0"s);
}

TEST(ServerFailure, leaves_out_what_came_behind_the_question) {
  std::string query = kQuery + "\0\0\x29\x04\xd0\0\0\0\0\0\0"s;
  query[11] = 1;
  EXPECT_EQ(server_failure(query), server_failure(kQuery));
}

TEST(ServerFailure, to_a_broken_question_has_none) {
  for (const std::string& broken :
       {kQuery.substr(0, 20), kQuery.substr(0, 12), kQuery.substr(0, 12) + "\xc0\x0c\0\1\0\1"s}) {
    std::string answer = server_failure(broken);
    EXPECT_EQ(answer.size(), 12U);
    EXPECT_EQ(answer.substr(4), std::string(8, '\0'));
  }
}

TEST(ServerFailure, is_not_sent_to_what_is_no_query) {
  EXPECT_EQ(server_failure(""), "");
  EXPECT_EQ(server_failure(kQuery.substr(0, 11)), "");
  EXPECT_EQ(server_failure(server_failure(kQuery)), "");
}

}  // namespace
}  // namespace weir::guest
