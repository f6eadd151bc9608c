#include "relay/variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::relay {
namespace {

using ::testing::ElementsAre;

TEST(Variables, are_the_eight_and_no_other) {
  auto out = relay_variables({"127.0.0.1", 4711}, "/b.crt", "x");
  std::string proxy = "http://127.0.0.1:4711";
  EXPECT_THAT(out,
              ElementsAre(Variable("HTTPS_PROXY", proxy), Variable("https_proxy", proxy),
                          Variable("NO_PROXY", "x"), Variable("no_proxy", "x"),
                          Variable("SSL_CERT_FILE", "/b.crt"), Variable("NODE_EXTRA_CA_CERTS", "/b.crt"),
                          Variable("REQUESTS_CA_BUNDLE", "/b.crt"), Variable("CURL_CA_BUNDLE", "/b.crt")));
}

TEST(Variables, no_proxy_takes_more_hosts) {
  std::string plain = relay_no_proxy({});
  EXPECT_TRUE(plain.starts_with("localhost,127.0.0.1,::1,169.254.0.0/16,"));
  EXPECT_TRUE(plain.ends_with(",*.githubusercontent.com"));
  EXPECT_EQ(relay_no_proxy(std::vector<std::string>{"a.test", "b.test"}), plain + ",a.test,b.test");
}

TEST(Variables, take_the_place_of_what_was_there) {
  std::vector<std::string> base = {"PATH=/bin", "HTTPS_PROXY=old", "HTTP_PROXY=kept", "HTTPS_PROXY2=kept"};
  std::vector<Variable> set = {{"HTTPS_PROXY", "new"}, {"A", "b"}};
  EXPECT_THAT(with_variables(base, set),
              ElementsAre("PATH=/bin", "HTTP_PROXY=kept", "HTTPS_PROXY2=kept", "HTTPS_PROXY=new", "A=b"));
}

}  // namespace
}  // namespace weir::relay
