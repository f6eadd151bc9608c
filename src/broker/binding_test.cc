#include "broker/binding.h"

#include <gtest/gtest.h>

namespace weir::broker {
namespace {

Binding below(std::string path) {
  Binding out;
  out.path = std::move(path);
  return out;
}

TEST(Binding, CoversWhatEveryServerTakesForAPathOfItsOwn) {
  const Binding binding = below("/v1");
  struct Row {
    const char* target;
    bool covered;
  };
  for (const Row& row : std::vector<Row>{
           {"/v1", true},
           {"/v1/", true},
           {"/v1/x", true},
           {"/v1/x.y/..z", true},
           {"/v1?x=/../..", true},
           {"/v1/?q=a%2Fb&r=//x", true},
           {"/v1//x", true},
           {"/%76%31/x", true},
           {"/%761/x", true},
           {"/v1/a%20b", true},
           {"/v1/x;a=b", true},
           // Another folder.
           {"", false},
           {"*", false},
           {"v1/x", false},
           {"/", false},
           {"/?/v1/x", false},
           {"/v1x", false},
           {"/v1x/y", false},
           {"/v", false},
           {"/V1/x", false},
           {"/x/v1", false},
           {"/v1.json", false},
           {"/v1-beta/x", false},
           {"/v1%20", false},
           {"/v1%2Ejson", false},
           {"/v1;a=b", false},
           {"/v1;/x", false},
           // Out of it again.
           {"/v1/..", false},
           {"/v1/../x", false},
           {"/v1/./../x", false},
           {"/v1/a/../../x", false},
           {"/v1/%2e%2e/x", false},
           {"/v1/%2E%2E/x", false},
           {"/v1/.%2e/x", false},
           {"/v1/%2e./x", false},
           {"/v1/..;/x", false},
           {"/v1/..;a=b/x", false},
           {"/v1/..%3b/x", false},
           {"/v1/..%2fx", false},
           {"/v1/..%2Fx", false},
           {"/v1/%2e%2e%2fx", false},
           {"/v1%2f..%2fx", false},
           {"/v1/..\\x", false},
           {"/v1/..%5cx", false},
           {"/v1/..%5Cx", false},
           {"/v1\\..\\x", false},
           {"/v1/%252e%252e/x", false},
           {"/v1/..%252fx", false},
           {"/v1/%25252e%25252e/x", false},
           {"/v1/%c0%ae%c0%ae/x", false},
           {"/v1/%u002e%u002e/x", false},
           {"/v1/..%00/x", false},
           {"/v1/..%20/x", false},
           {"/v1//../../x", false},
           {"/v1/x//..//../../y", false},
           // Into it by a way that not everybody goes.
           {"//v1/x", false},
           {"///v1/x", false},
           {"//host.test/v1/x", false},
           {"/x/../v1/y", false},
           {"/./v1/x/../../../v1", false},
           {"/\\v1/x", false},
           {"\\v1\\x", false},
           {"/x%2f..%2fv1/y", false},
           {"/%2fv1/x", false},
           {"/v1%2fx", false},
           {"/x#/v1/y", false},
           {"/x%23/../v1", false},
       })
    EXPECT_EQ(binding.covers(row.target), row.covered) << row.target;
}

TEST(Binding, APathOfSeveralFolders) {
  const Binding binding = below("/a/b");
  EXPECT_TRUE(binding.covers("/a/b"));
  EXPECT_TRUE(binding.covers("/a/b//c"));
  EXPECT_FALSE(binding.covers("/a//b/c")) << "not everybody merges slashes";
  EXPECT_FALSE(binding.covers("/a/bc"));
  EXPECT_FALSE(binding.covers("/a"));
  EXPECT_FALSE(binding.covers("/a;x/b"));
  EXPECT_FALSE(binding.covers("/a/b/%2e%2e/c"));
}

TEST(Binding, ARootCoversEveryPath) {
  const Binding binding = below("/");
  for (const char* target : {"/", "/x", "/x/../y", "//x", "/%2e%2e/x", "/?q"})
    EXPECT_TRUE(binding.covers(target));
  for (const char* target : {"", "*", "x", "?q"}) EXPECT_FALSE(binding.covers(target)) << target;
}

TEST(Binding, BindsHostsOverHttpsAlone) {
  Binding binding;
  binding.hosts = *policy::HostPatterns::compile(
      std::vector<std::string>{"api.test", "*.below.test", "port.test:8443", "192.0.2.7"});
  struct Row {
    http::Scheme scheme;
    HostPort place;
    bool bound;
  };
  using enum http::Scheme;
  for (const Row& row : std::vector<Row>{
           {https, {"api.test", 443}, true},       {https, {"api.test", 8443}, true},
           {http, {"api.test", 80}, false},        {http, {"api.test", 443}, false},
           {https, {"x.api.test", 443}, false},    {https, {"api.test.evil.test", 443}, false},
           {https, {"xapi.test", 443}, false},     {https, {"api.tes", 443}, false},
           {https, {"test", 443}, false},          {https, {"a.below.test", 443}, true},
           {https, {"a.b.below.test", 443}, true}, {https, {"below.test", 443}, false},
           {https, {"xbelow.test", 443}, false},   {https, {"below.test.evil", 443}, false},
           {http, {"a.below.test", 443}, false},   {https, {"port.test", 8443}, true},
           {https, {"port.test", 443}, false},     {https, {"192.0.2.7", 443}, true},
           {https, {"192.0.2.70", 443}, false},    {https, {"", 443}, false},
       })
    EXPECT_EQ(binding.binds({row.scheme, row.place}), row.bound) << row.place.str();
  EXPECT_FALSE(Binding().binds({https, {"api.test", 443}})) << "no hosts are none, not all";
}

TEST(Binding, TakesFieldsWithoutCaseAndParametersWithIt) {
  Binding binding;
  EXPECT_TRUE(binding.takes_field("X-Any"));
  EXPECT_FALSE(binding.takes_parameter("key"));
  binding.parameters = {"key"};
  EXPECT_FALSE(binding.takes_field("X-Any")) << "where it says parameters, no field";
  EXPECT_TRUE(binding.takes_parameter("key"));
  EXPECT_FALSE(binding.takes_parameter("Key"));
  EXPECT_FALSE(binding.takes_parameter("ke"));
  EXPECT_FALSE(binding.takes_parameter(""));
  binding.fields = {"X-Api-Key"};
  EXPECT_TRUE(binding.takes_field("x-api-KEY"));
  EXPECT_FALSE(binding.takes_field("X-Api-Key2"));
  EXPECT_FALSE(binding.takes_field(""));
}

// The name of a host is looked up, logged and compared by everybody on the way.
TEST(Binding, NeverTakesHost) {
  Binding binding;
  EXPECT_FALSE(binding.takes_field("Host"));
  EXPECT_FALSE(binding.takes_field("hOST"));
  binding.fields = {"Host", "X-Api-Key"};
  EXPECT_FALSE(binding.takes_field("host"));
}

}  // namespace
}  // namespace weir::broker
