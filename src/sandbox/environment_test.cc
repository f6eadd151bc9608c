#include "sandbox/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

namespace weir::sandbox {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Injection injection() {
  Injection out;
  out.proxy = {"127.0.0.1", 9999};
  out.ca_file = "/data/ca.pem";
  out.bundle_file = "/data/bundle.pem";
  out.java_trust_store = "/data/trust.jks";
  out.java_trust_password = "changeit";
  out.session_id = "01ABC";
  return out;
}

/// The environment as a map; fails the test when a name comes twice.
std::map<std::string, std::string> mapped(const std::vector<std::string>& entries) {
  std::map<std::string, std::string> out;
  for (const std::string& entry : entries) {
    std::size_t equals = entry.find('=');
    EXPECT_TRUE(out.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second)
        << entry << " comes twice";
  }
  return out;
}

std::map<std::string, std::string> made(std::vector<std::string> base = {}, Injection with = injection()) {
  return mapped(child_environment(base, with));
}

// The whole table of variables; a variable more or less fails.
TEST(ChildEnvironment, IsExactlyTheTable) {
  const std::string proxy = "http://127.0.0.1:9999", bundle = "/data/bundle.pem", ca = "/data/ca.pem";
  const std::string loopback = "localhost,127.0.0.1,::1";
  std::map<std::string, std::string> expected = {
      {"HTTP_PROXY", proxy},
      {"HTTPS_PROXY", proxy},
      {"ALL_PROXY", proxy},
      {"http_proxy", proxy},
      {"https_proxy", proxy},
      {"all_proxy", proxy},
      {"NO_PROXY", loopback},
      {"no_proxy", loopback},
      {"NODE_USE_ENV_PROXY", "1"},
      {"YARN_HTTP_PROXY", proxy},
      {"YARN_HTTPS_PROXY", proxy},
      {"npm_config_proxy", proxy},
      {"npm_config_https_proxy", proxy},
      // replace a trust store
      {"npm_config_cafile", bundle},
      {"GIT_SSL_CAINFO", bundle},
      {"SSL_CERT_FILE", bundle},
      {"CURL_CA_BUNDLE", bundle},
      {"REQUESTS_CA_BUNDLE", bundle},
      {"PIP_CERT", bundle},
      {"CARGO_HTTP_CAINFO", bundle},
      {"AWS_CA_BUNDLE", bundle},
      {"NIX_SSL_CERT_FILE", bundle},
      {"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", bundle},
      {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", bundle},
      {"BUNDLE_SSL_CA_CERT", bundle},
      {"HTTPLIB2_CA_CERTS", bundle},
      // add to one
      {"NODE_EXTRA_CA_CERTS", ca},
      {"DENO_CERT", ca},
      {"JAVA_TOOL_OPTIONS",
       "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=9999 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=9999 "
       "-Dhttp.nonProxyHosts=localhost|127.0.0.1|[::1] -Djavax.net.ssl.trustStore=/data/trust.jks "
       "-Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=changeit"},
      {"WEIR", "1"},
      {"WEIR_SESSION", "01ABC"}};
  EXPECT_EQ(made(), expected);
}

TEST(ChildEnvironment, KeepsTheRestInOrder) {
  std::vector<std::string> base = {"PATH=/bin", "EMPTY=", "ODD", "A=b=c"};
  auto out = child_environment(base, injection());
  out.resize(4);
  EXPECT_THAT(out, ElementsAre("PATH=/bin", "EMPTY=", "ODD", "A=b=c"));
}

TEST(ChildEnvironment, OursReplaceTheUsersOwn) {
  auto out =
      made({"HTTPS_PROXY=http://corp:1", "https_proxy=http://corp:1", "NO_PROXY=internal", "no_proxy=*",
            "SSL_CERT_FILE=/mine.pem", "NODE_EXTRA_CA_CERTS=/corp.pem", "WEIR_SESSION=outer"});
  EXPECT_EQ(out["HTTPS_PROXY"], "http://127.0.0.1:9999");
  EXPECT_EQ(out["https_proxy"], "http://127.0.0.1:9999");
  EXPECT_EQ(out["no_proxy"], "localhost,127.0.0.1,::1");
  EXPECT_EQ(out["SSL_CERT_FILE"], "/data/bundle.pem");
  EXPECT_EQ(out["NODE_EXTRA_CA_CERTS"], "/data/ca.pem");
  EXPECT_EQ(out["WEIR_SESSION"], "01ABC");
}

TEST(ChildEnvironment, OtherSpellingsOfNpmKeysAreRemoved) {
  auto out =
      made({"NPM_CONFIG_PROXY=http://corp:1", "npm_config_https-proxy=http://corp:1",
            "NPM_CONFIG_CAFILE=/corp.pem", "npm_config_noproxy=*", "npm_config_registry=https://r.example"});
  EXPECT_FALSE(out.contains("NPM_CONFIG_PROXY"));
  EXPECT_FALSE(out.contains("npm_config_https-proxy"));
  EXPECT_FALSE(out.contains("NPM_CONFIG_CAFILE"));
  EXPECT_FALSE(out.contains("npm_config_noproxy"));
  EXPECT_EQ(out["npm_config_registry"], "https://r.example");
  EXPECT_EQ(out["npm_config_proxy"], "http://127.0.0.1:9999");
}

TEST(ChildEnvironment, CertificateFoldersOfTheUserStay) {
  auto out = made({"SSL_CERT_DIR=/corp/certs", "GIT_SSL_CAPATH=/corp/certs"});
  EXPECT_EQ(out["SSL_CERT_DIR"], "/corp/certs");
  EXPECT_EQ(out["GIT_SSL_CAPATH"], "/corp/certs");
}

TEST(ChildEnvironment, IncludeLoopbackEmptiesNoProxy) {
  Injection with = injection();
  with.include_loopback = true;
  auto out = made({"NO_PROXY=internal"}, with);
  EXPECT_EQ(out.at("NO_PROXY"), "");
  EXPECT_EQ(out.at("no_proxy"), "");
  EXPECT_THAT(out["JAVA_TOOL_OPTIONS"], HasSubstr("-Dhttp.nonProxyHosts= "));
}

TEST(ChildEnvironment, Ipv6ProxyHasBracketsInUrlsOnly) {
  Injection with = injection();
  with.proxy.host = "::1";
  auto out = made({}, with);
  EXPECT_EQ(out["HTTP_PROXY"], "http://[::1]:9999");
  EXPECT_THAT(out["JAVA_TOOL_OPTIONS"], HasSubstr("-Dhttp.proxyHost=::1 "));
}

TEST(ChildEnvironment, JavaOptionsFollowTheUsersOwn) {
  auto out = made({"JAVA_TOOL_OPTIONS=-Xmx1g -Dhttp.proxyHost=corp"});
  EXPECT_THAT(out["JAVA_TOOL_OPTIONS"],
              StartsWith("-Xmx1g -Dhttp.proxyHost=corp -Dhttp.proxyHost=127.0.0.1 "));
}

TEST(ChildEnvironment, WithoutATrustStoreJavaKeepsItsRoots) {
  Injection with = injection();
  with.java_trust_store.clear();
  EXPECT_THAT(made({}, with)["JAVA_TOOL_OPTIONS"],
              AllOf(HasSubstr("proxyHost"), Not(HasSubstr("trustStore"))));
}

struct Quoting {
  const char* path;
  const char* option;
};
TEST(ChildEnvironment, JavaPathsAreQuotedForTheJvm) {
  for (const Quoting& row : {Quoting{"/a b/t.jks", "\"-Djavax.net.ssl.trustStore=/a b/t.jks\""},
                             Quoting{"/a'b", "\"-Djavax.net.ssl.trustStore=/a'b\""},
                             Quoting{"/a\"b", "\"-Djavax.net.ssl.trustStore=/a\"'\"b'"},
                             Quoting{"/a\"'b", "\"-Djavax.net.ssl.trustStore=/a\"'\"'\"'b\""}}) {
    Injection with = injection();
    with.java_trust_store = row.path;
    EXPECT_THAT(made({}, with)["JAVA_TOOL_OPTIONS"], HasSubstr(std::string(" ") + row.option + " -Djavax"));
  }
}

TEST(OwnEnvironment, HasWhatWeWereStartedWith) {
  ASSERT_EQ(setenv("WEIR_ENVIRONMENT_TEST", "a=b", 1), 0);
  EXPECT_THAT(own_environment(), testing::Contains("WEIR_ENVIRONMENT_TEST=a=b"));
}

TEST(ForgetVariables, OverwritesTheValueWhereItIs) {
  ASSERT_EQ(setenv("WEIR_ENVIRONMENT_TEST", "a-secret", 1), 0);
  ASSERT_EQ(setenv("WEIR_ENVIRONMENT_TEST_2", "stays", 1), 0);
  std::string_view where = getenv("WEIR_ENVIRONMENT_TEST");
  forget_variables(std::vector<std::string>{"WEIR_ENVIRONMENT_TEST", "WEIR_NOT_THERE", "WEIR_ENVIRONMENT"});
  EXPECT_EQ(where, std::string_view("\0\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(getenv("WEIR_ENVIRONMENT_TEST"), nullptr);
  EXPECT_STREQ(getenv("WEIR_ENVIRONMENT_TEST_2"), "stays") << "another whose name begins so";
  unsetenv("WEIR_ENVIRONMENT_TEST_2");
}

// exec takes what it is given; getenv shows the first alone.
TEST(ForgetVariables, OneThatIsThereTwice) {
  std::string first = "TWICE=one-secret", second = "TWICE=two-secret", other = "OTHER=x";
  char* entries[] = {first.data(), other.data(), second.data(), nullptr};
  char** before = std::exchange(environ, entries);
  forget_variables(std::vector<std::string>{"TWICE"});
  std::vector<std::string> left = own_environment();
  environ = before;
  EXPECT_THAT(left, testing::ElementsAre("OTHER=x"));
  EXPECT_EQ(first, std::string("TWICE=") + std::string(10, '\0'));
  EXPECT_EQ(second, std::string("TWICE=") + std::string(10, '\0'));
}

}  // namespace
}  // namespace weir::sandbox
