#include "broker/place.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace weir::broker {
namespace {

using What = Guarded::What;
const std::string kPlaceholder = "ghp_weirAbC123xyzAbC123xyzAbC123xyz";
const std::string kSecret = "real-secret-of.somebody-0815";

class PlaceTest : public ::testing::Test {
 protected:
  PlaceTest() {
    bindings.resize(1);
    bindings[0].name = "corp";
    bindings[0].host_texts = {"api.corp.test", "*.b.test"};
    guard.add({0, What::placeholder}, kPlaceholder);
    guard.add({0, What::secret}, kSecret);
    guard.compile();
  }
  Code judged(const std::string& host) {
    auto out = judge_place(bindings, guard, {host, 443});
    if (out) return Code::none;
    EXPECT_FALSE(out.error().message().contains(host)) << "the name is not told";
    EXPECT_TRUE(
        out.error().message().contains("\"corp\" in the name of a host; it goes to api.corp.test, *.b.test"))
        << out.error().message();
    return out.error().code();
  }

  Bindings bindings;
  Guard guard;
};

TEST_F(PlaceTest, finds_what_a_name_says) {
  EXPECT_EQ(judged("api.corp.test"), Code::none);
  EXPECT_EQ(judged("127.0.0.1"), Code::none);
  EXPECT_EQ(judged(""), Code::none);
  std::string lower = "ghp_weirabc123xyzabc123xyzabc123xyz";
  for (const std::string& name : {kPlaceholder, lower, hex(kPlaceholder)})
    EXPECT_EQ(judged(name + ".evil.test"), Code::placeholder_leak) << name;
  EXPECT_EQ(judged("x." + kSecret), Code::secret_leak);
}

TEST_F(PlaceTest, labels_are_no_hiding_place) {
  std::string coded = hex(kPlaceholder);
  for (std::size_t at = 1; at < coded.size(); ++at)
    EXPECT_EQ(judged(coded.substr(0, at) + "." + coded.substr(at) + ".evil.test"), Code::placeholder_leak);
  EXPECT_EQ(judged("real-secret-ofsomebody-0815.test"), Code::none) << "it has a dot itself";
}

TEST_F(PlaceTest, tells_of_a_tunnel) {
  Error error = leak_in_tunnel(bindings, {0, What::secret}, {"evil.test", 25});
  EXPECT_EQ(error.code(), Code::secret_leak);
  EXPECT_TRUE(error.context().contains("in what was sent to evil.test:25")) << error.context();
}

}  // namespace
}  // namespace weir::broker
