#include "net/dialer.h"

#include <gtest/gtest.h>

#include "async/task_group.h"
#include "net/listener.h"

namespace weir::net {
namespace {

using std::chrono::seconds;

class DialerTest : public ::testing::Test {
 protected:
  /// Dials and lets the loop run until that has ended.
  Result<Dialed> dial(const HostPort& to, AddressCheck check) {
    std::optional<Result<Dialed>> out;
    auto run = [](DialerTest& self, HostPort to, AddressCheck check,
                  std::optional<Result<Dialed>>& out) -> async::Task<void> {
      out.emplace(co_await self.dialer.dial(std::move(to), self.loop.now() + seconds(30), std::move(check)));
      self.loop.stop();
    };
    async::TaskGroup group(loop);
    loop.post([&] { group.spawn(run(*this, to, std::move(check), out)); });
    loop.run();
    return std::move(*out);
  }
  AddressCheck refusing(std::string address) {
    return [this, address = std::move(address)](const Address& asked) -> Result<void> {
      seen.push_back(asked.str());
      if (asked.str() == address) return fail(Code::address_refused, "no " + address);
      return {};
    };
  }

  async::Loop loop;
  Resolver resolver{loop};
  Dialer dialer{loop, resolver};
  UniqueFd listening = *listen_tcp("127.0.0.1", 0, false);
  std::uint16_t port = bound_port(listening.get());
  std::vector<std::string> seen;
};

TEST_F(DialerTest, does_not_dial_an_address_that_is_refused) {
  auto dialed = dial({"127.0.0.1", port}, refusing("127.0.0.1"));
  ASSERT_FALSE(dialed);
  EXPECT_EQ(dialed.error().code(), Code::address_refused);
  EXPECT_EQ(dialed.error().context(), "no 127.0.0.1");
}

// "localhost" is 127.0.0.1 and ::1 without anybody being asked.
TEST_F(DialerTest, dials_those_of_a_names_addresses_that_pass) {
  auto dialed = dial({"localhost", port}, refusing("::1"));
  ASSERT_TRUE(dialed) << dialed.error().message();
  EXPECT_EQ(seen.size(), 2u);
  ASSERT_TRUE(dialed->peer);
  EXPECT_EQ(dialed->peer->str(), "127.0.0.1");
}

TEST_F(DialerTest, is_told_of_each_address_once_and_dials_without_a_check_as_ever) {
  EXPECT_TRUE(dial({"127.0.0.1", port}, {}));
  EXPECT_TRUE(dial({"127.0.0.1", port}, refusing("10.0.0.1")));
  EXPECT_EQ(seen, std::vector<std::string>{"127.0.0.1"});
}

}  // namespace
}  // namespace weir::net
