#include "guest/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "guest/host.h"

namespace weir::guest {
namespace {

using testing::HasSubstr;

Result<Options> parse(std::vector<std::string_view> arguments) { return parse_options(arguments); }

TEST(GuestOptions, have_the_host_of_a_vsock_where_nothing_is_said) {
  Options options = parse({}).value();
  EXPECT_EQ(options.to, "vsock:2:5002");
  EXPECT_TRUE(options.setup);
  EXPECT_EQ(options.port, 0);
}

TEST(GuestOptions, are_written_either_way) {
  EXPECT_EQ(parse({"--to", "unix:/x", "--port=7"}).value().port, 7);
  EXPECT_EQ(parse({"--to=unix:/x=y"}).value().to, "unix:/x=y");
  EXPECT_FALSE(parse({"--no-setup", "--port", "7"}).value().setup);
  EXPECT_TRUE(parse({"--check"}).value().check);
}

TEST(GuestOptions, that_are_none_are_refused) {
  for (std::vector<std::string_view> words : {std::vector<std::string_view>{"--to"},
                                              {"x"},
                                              {"--port", "0"},
                                              {"--port", "65536"},
                                              {"--port="},
                                              {"--no-setup"},
                                              {"--check=1"}})
    EXPECT_EQ(parse(words).error().code(), Code::bad_config);
}

TEST(GuestHost, is_a_vsock_a_unix_socket_or_an_address) {
  for (const char* text :
       {"vsock:2:5002", "unix:/run/weir.sock", "tcp:10.0.0.1:5002", "tcp:[2001:db8::1]:5002"})
    EXPECT_EQ(HostAddress::parse(text).value().text(), text);
  EXPECT_TRUE(HostAddress::parse("tcp:[::1]:1").value().is_tcp());
}

TEST(GuestHost, is_nothing_else) {
  for (const char* text :
       {"", "vsock", "vsock:2", "vsock:2:", "vsock:2:0", "vsock:4294967295:1", "vsock:x:1",
        "unix:", "udp:1.2.3.4:5", "tcp:1.2.3.4", "tcp:1.2.3.4:0", "tcp:", "/run/weir.sock"})
    EXPECT_EQ(HostAddress::parse(text).error().code(), Code::bad_config) << text;
  EXPECT_FALSE(HostAddress::parse("unix:" + std::string(108, 'x')));
  EXPECT_THAT(HostAddress::parse("tcp:host.test:1").error().context(), HasSubstr("name"));
}

}  // namespace
}  // namespace weir::guest
