#include "proxy/credentials.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

const Credentials kUsers({{"alice", "s3cret"}, {"bob", "a:b"}, {"carol", ""}});

Code admitted(const Credentials& credentials, const std::vector<std::string>& values) {
  http::Fields fields;
  for (const std::string& value : values) fields.add("Proxy-Authorization", value);
  auto done = credentials.admit(fields);
  return done ? Code::none : done.error().code();
}

std::string basic(std::string_view pair) { return "Basic " + base64(pair); }

TEST(Credentials, know_their_users) {
  EXPECT_TRUE(kUsers.accept("alice", "s3cret"));
  EXPECT_TRUE(kUsers.accept("bob", "a:b"));
  EXPECT_TRUE(kUsers.accept("carol", ""));
  EXPECT_FALSE(kUsers.accept("alice", "s3cre"));
  EXPECT_FALSE(kUsers.accept("alice", "s3cret1"));
  EXPECT_FALSE(kUsers.accept("alice", "a:b"));
  EXPECT_FALSE(kUsers.accept("Alice", "s3cret"));
  EXPECT_FALSE(kUsers.accept("", ""));
  EXPECT_FALSE(kUsers.accept("bob:a", "b")) << "the same bytes, cut elsewhere";
}

TEST(Credentials, of_nobody_ask_nobody) {
  EXPECT_FALSE(Credentials().wanted());
  EXPECT_EQ(admitted(Credentials(), {}), Code::none);
  EXPECT_EQ(admitted(Credentials(), {"whatever"}), Code::none);
  EXPECT_FALSE(Credentials().accept("", ""));
}

TEST(Credentials, admit_by_one_basic_field) {
  struct Row {
    const char* what;
    std::vector<std::string> values;
    bool admitted;
  };
  for (const Row& row : std::vector<Row>{
           {"right", {basic("alice:s3cret")}, true},
           {"a colon in the password", {basic("bob:a:b")}, true},
           {"no password", {basic("carol:")}, true},
           {"any case of the scheme", {"bAsIc " + base64("alice:s3cret")}, true},
           {"several spaces", {"Basic   " + base64("alice:s3cret")}, true},
           {"padding left out", {"Basic Y2Fyb2w6"}, true},
           {"none", {}, false},
           {"empty", {""}, false},
           {"the scheme alone", {"Basic"}, false},
           {"wrong password", {basic("alice:guess")}, false},
           {"no colon", {basic("alice")}, false},
           {"another scheme", {"Bearer " + base64("alice:s3cret")}, false},
           {"not base64", {"Basic alice:s3cret"}, false},
           {"too much padding", {basic("alice:s3cret") + "="}, false},
           {"something behind it", {basic("alice:s3cret") + " x"}, false},
           {"twice", {basic("alice:s3cret"), basic("alice:s3cret")}, false},
           {"right and wrong", {basic("alice:s3cret"), basic("alice:guess")}, false},
       })
    EXPECT_EQ(admitted(kUsers, row.values), row.admitted ? Code::none : Code::proxy_auth_required)
        << row.what;
}

TEST(Credentials, read_every_length_of_base64) {
  for (std::string password : {"", "1", "12", "123", "1234", "\xff\xfe\xfd"}) {
    Credentials one({{"u", password}});
    std::string value = basic("u:" + password);
    EXPECT_EQ(admitted(one, {value}), Code::none) << value;
    while (value.ends_with('=')) value.pop_back();
    EXPECT_EQ(admitted(one, {value}), Code::none) << value;
    value.pop_back();
    EXPECT_EQ(admitted(one, {value}), Code::proxy_auth_required) << value;
  }
}

TEST(Credentials, never_repeat_what_was_shown) {
  http::Fields fields;
  fields.add("Proxy-Authorization", basic("alice:guess"));
  auto done = kUsers.admit(fields);
  ASSERT_FALSE(done);
  EXPECT_FALSE(done.error().message().contains("guess"));
  EXPECT_FALSE(done.error().message().contains(base64("alice:guess")));
}

}  // namespace
}  // namespace weir::proxy
