#include "sandbox/socket_owner.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "sandbox/test_connection.h"

namespace weir::sandbox {
namespace {

class SocketOwnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = SocketOwner::open();
    ASSERT_TRUE(opened) << opened.error().message();
    owner_.emplace(std::move(*opened));
  }
  /// 0: nothing was found.
  std::uint64_t inode(const ClientSocket& socket) {
    auto facts = owner_->find(socket);
    EXPECT_TRUE(facts) << facts.error().message();
    return facts && *facts ? (*facts)->inode : 0;
  }

  std::optional<SocketOwner> owner_;
};

TEST(EndpointTest, ReadsAddressesAsSocketsAreToldOf) {
  auto v4 = Endpoint::parse("127.0.0.1:8080");
  ASSERT_TRUE(v4);
  EXPECT_FALSE(v4->v6);
  EXPECT_EQ(v4->port, 8080);
  EXPECT_EQ(v4->address, (std::array<std::uint8_t, 16>{127, 0, 0, 1}));
  EXPECT_EQ(Endpoint::parse("[::ffff:127.0.0.1]:8080"), v4);
  EXPECT_EQ(Endpoint::parse("[::ffff:7f00:1]:8080"), v4);
  auto v6 = Endpoint::parse("[::1]:443");
  ASSERT_TRUE(v6);
  EXPECT_TRUE(v6->v6);
  EXPECT_EQ(v6->address[15], 1);
  EXPECT_EQ(Endpoint::parse("[fe80::1%2]:443"), Endpoint::parse("[fe80::1]:443"));
  for (const char* text : {"", "unix", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:80x",
                           "::1:80", "[::1:80", "[127.0.0.1]:80", "localhost:80", ":80", "[]:80"})
    EXPECT_FALSE(Endpoint::parse(text)) << text;
}

TEST_F(SocketOwnerTest, FindsTheClientsEndAndNotTheServers) {
  for (const char* place : {"127.0.0.1:0", "[::1]:0"}) {
    UniqueFd listener = listen_at(place);
    UniqueFd client = connect_to(own_address(listener.get()));
    auto [server, socket] = accepted(listener.get());
    EXPECT_EQ(inode(socket), inode_of(client.get())) << place;
    EXPECT_EQ(inode({socket.peer, socket.local}), inode_of(server.get())) << place;
    EXPECT_EQ(owner_->find(socket).value()->uid, ::geteuid());
  }
}

TEST_F(SocketOwnerTest, MappedAddressesAreFoundUnderBothNames) {
  UniqueFd listener = listen_at("[::]:0");
  std::string own = own_address(listener.get());
  std::string port = own.substr(own.rfind(':'));
  UniqueFd v6 = connect_to("[::ffff:127.0.0.1]" + port);
  UniqueFd v4 = connect_to("127.0.0.1" + port);
  for (const UniqueFd* client : {&v6, &v4}) {
    std::string local = own_address(client->get());
    std::string local_port = local.substr(local.rfind(':'));
    for (const char* address : {"127.0.0.1", "[::ffff:127.0.0.1]"})
      EXPECT_EQ(inode(client_socket(address + local_port, address + port)), inode_of(client->get()))
          << address;
  }
}

TEST_F(SocketOwnerTest, OnePortNumberInManyRolesIsNeverMixedUp) {
  UniqueFd listener = listen_at("127.0.0.1:0");
  std::string place = own_address(listener.get());
  UniqueFd client = connect_to(place);
  std::string local = own_address(client.get());
  std::string port = local.substr(local.rfind(':'));
  // The same number: of another client, of a listener, and as the place that a third client asks.
  UniqueFd namesake = connect_to(place, "127.0.0.3" + port);
  UniqueFd served = listen_at("127.0.0.2" + port);
  UniqueFd third = connect_to("127.0.0.2" + port);
  for (const UniqueFd* each : {&client, &namesake, &third})
    EXPECT_EQ(inode(client_socket(each->get())), inode_of(each->get()));
  EXPECT_EQ(inode(client_socket("127.0.0.4" + port, place)), 0u);
}

TEST_F(SocketOwnerTest, AListenerOnTheClientsPortIsNotTheClient) {
  UniqueFd everywhere = listen_at("0.0.0.0:0");
  std::string own = own_address(everywhere.get());
  std::string port = own.substr(own.rfind(':'));
  EXPECT_EQ(inode(client_socket("127.0.0.1" + port, "127.0.0.1:9")), 0u);
}

TEST_F(SocketOwnerTest, AClosedConnectionIsNobodys) {
  UniqueFd listener = listen_at("127.0.0.1:0");
  UniqueFd client = connect_to(own_address(listener.get()));
  auto [server, socket] = accepted(listener.get());
  client.reset();
  EXPECT_EQ(inode(socket), 0u);
  server.reset();
  EXPECT_EQ(inode(socket), 0u);
}

TEST_F(SocketOwnerTest, ASocketThatIsBoundToLoopbackIsFound) {
  UniqueFd listener = listen_at("127.0.0.1:0");
  auto [address, size] = socket_address(own_address(listener.get()));
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::setsockopt(client.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) != 0)
    GTEST_SKIP() << "binding to an interface is not permitted here";
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(inode(client_socket(client.get())), inode_of(client.get()));
}

void send_descriptor(int through, int descriptor) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  if (::sendmsg(through, &message, 0) != 1) ::_exit(1);
}

UniqueFd receive_descriptor(int through) {
  char byte;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (::recvmsg(through, &message, MSG_CMSG_CLOEXEC) != 1) return UniqueFd();
  int descriptor = -1;
  if (const cmsghdr* head = CMSG_FIRSTHDR(&message))
    std::memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
  return UniqueFd(descriptor);
}

bool raise_loopback() {
  UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(any.get(), SIOCSIFFLAGS, &request) == 0;
}

// A sandbox in small: the namespace's own netlink socket is handed out of it.
TEST_F(SocketOwnerTest, AsksInTheNamespaceThatTheNetlinkSocketIsOf) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  UniqueFd ours(pair[0]), theirs(pair[1]);
  Child child([&] {
    ours.reset();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 || !raise_loopback()) ::_exit(0);
    UniqueFd listener = listen_at("127.0.0.1:0");
    UniqueFd client = connect_to(own_address(listener.get()));
    UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    send_descriptor(theirs.get(), netlink.get());
    send_descriptor(theirs.get(), client.get());
    ::pause();
  });
  theirs.reset();
  UniqueFd netlink = receive_descriptor(ours.get());
  if (!netlink) GTEST_SKIP() << "a network namespace cannot be made here";
  UniqueFd client = receive_descriptor(ours.get());
  ASSERT_TRUE(client);
  ClientSocket socket = client_socket(client.get());
  SocketOwner inside(std::move(netlink));
  auto facts = inside.find(socket);
  ASSERT_TRUE(facts && *facts);
  EXPECT_EQ((*facts)->inode, inode_of(client.get()));
  EXPECT_EQ(inode(socket), 0u) << "this namespace has no such connection";
}

}  // namespace
}  // namespace weir::sandbox
