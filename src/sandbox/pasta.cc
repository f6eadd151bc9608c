#include "sandbox/pasta.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "sandbox/loopback.h"
#include "sandbox/spawner_process.h"
#include "sandbox/spawner_wire.h"

namespace weir::sandbox {
namespace {

constexpr const char* kTunnelDevice = "/dev/net/tun";
constexpr const char* kInterface = "weir0";
constexpr auto kPatience = std::chrono::seconds(5);
constexpr int kLookMs = 2;

bool is_in_path(const std::string& program) {
  const char* path = ::getenv("PATH");
  std::string_view folders = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!folders.empty()) {
    std::size_t end = std::min(folders.find(':'), folders.size());
    if (::access((std::string(folders.substr(0, end)) + '/' + program).c_str(), X_OK) == 0) return true;
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  return false;
}

Result<> check_tunnel_device() {
  if (::access(kTunnelDevice, R_OK | W_OK) == 0) return {};
  std::string why = std::string(kTunnelDevice) + ": " + ::strerror(errno);
  if (errno == ENOENT)
    return fail(Code::not_found,
                why + "; as root: `modprobe tun`, or give the container around Weir `--device " +
                    kTunnelDevice + "`");
  return fail(Code::io, why + "; as root: `chmod 0666 " + kTunnelDevice + "`");
}

/// Waits for Weir's word and becomes pasta; `keeper` is the process to connect.
[[noreturn]] void become_pasta(std::vector<std::string> command, pid_t keeper, int go, int words) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  close_all_but({go, words});
  char ready;
  if (uninterrupted([&] { return ::read(go, &ready, 1); }) != 1) ::_exit(0);
  command.push_back(std::to_string(keeper));
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  // Not on a terminal it says what is wrong on standard error alone.
  UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(nothing.get(), STDIN_FILENO);
  ::dup2(words, STDOUT_FILENO);
  ::dup2(words, STDERR_FILENO);
  // Its own group: what is typed is for CMD.
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvp(argv[0], argv.data());
  const char* why = ::strerror(errno);
  [[maybe_unused]] ssize_t said = ::write(STDERR_FILENO, why, std::strlen(why));
  ::_exit(127);
}

UniqueFd open_pidfd(pid_t pid) { return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

/// The interface by which everything goes; 0 while there is none.
Result<std::uint32_t> way_out(NetlinkSocket& route) {
  auto found = routes(route, AF_INET);
  if (!found) return pass(found);
  for (const Route& one : *found)
    if (one.type == RTN_UNICAST && one.bits == 0 && one.by_gateway) return one.interface;
  return 0;
}

in_addr ipv4(const char* text) {
  in_addr out{};
  ::inet_pton(AF_INET, text, &out);
  return out;
}

std::string_view bytes_of(const in_addr& address) {
  return {reinterpret_cast<const char*>(&address), sizeof address};
}

rtmsg unicast(unsigned char bits, unsigned char scope) {
  rtmsg out{};
  out.rtm_family = AF_INET;
  out.rtm_dst_len = bits;
  out.rtm_table = RT_TABLE_MAIN;
  out.rtm_protocol = RTPROT_BOOT;
  out.rtm_scope = scope;
  out.rtm_type = RTN_UNICAST;
  return out;
}

/// A connection to this machine's loopback; nothing when it is refused.
Result<UniqueFd> connect_to_gateway(std::uint16_t port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno(Code::io, "a socket inside the sandbox", errno);
  timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in place{
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = ipv4(kPastaGateway), .sin_zero = {}};
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0)
    return fail_errno(Code::io, std::string("a connection from the sandbox to ") + kPastaGateway, errno);
  return socket;
}

}  // namespace

Result<std::vector<std::string>> pasta_command() {
  if (!is_in_path("pasta"))
    return fail(Code::not_found,
                "pasta is not installed; it is in the package passt (`apt-get install passt`)");
  if (::geteuid() == 0)
    return fail(
        Code::io,
        "pasta refuses to serve root; start weir as an ordinary user (`runuser -u NAME -- weir run ...`), or "
        "leave out --net pasta");
  if (auto there = check_tunnel_device(); !there) return pass(there);
  return std::vector<std::string>{
      "pasta", "--foreground", "--quiet", "--ipv4-only", "--config-net", "-I",          kInterface,
      "-a",    kPastaAddress,  "-n",      "24",          "-g",           kPastaGateway, "-t",
      "none",  "-u",           "none",    "-T",          "none",         "-U",          "none"};
}

Pasta::Pasta(Pasta&& other) noexcept
    : child_(std::exchange(other.child_, 0)), go_(std::move(other.go_)), words_(std::move(other.words_)) {}

Pasta::~Pasta() {
  if (child_ == 0) return;
  ::kill(child_, SIGKILL);
  uninterrupted([&] { return ::waitpid(child_, nullptr, 0); });
}

Result<Pasta> Pasta::prepare(std::vector<std::string> command) {
  UniqueFd words(::memfd_create("pasta", MFD_CLOEXEC));
  int ends[2];
  if (!words || ::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(Code::internal, "a pipe for pasta", errno);
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  pid_t keeper = ::getpid();
  pid_t child = ::fork();
  if (child < 0) return fail_errno(Code::io, "starting pasta", errno);
  if (child == 0) {
    write_end.reset();
    become_pasta(std::move(command), keeper, read_end.get(), words.get());
  }
  return Pasta(child, std::move(write_end), std::move(words));
}

std::string Pasta::last_words() const {
  char text[512];
  ssize_t size = ::pread(words_.get(), text, sizeof text, 0);
  std::string out(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  while (out.ends_with('\n')) out.pop_back();
  std::ranges::replace(out, '\n', ';');
  return out.empty() ? "it said nothing" : out;
}

Result<> Pasta::connect() {
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  if (!route) return pass(route);
  UniqueFd ended = open_pidfd(child_);
  char go = 1;
  if (!ended || ::write(go_.get(), &go, 1) != 1) return fail_errno(Code::internal, "starting pasta", errno);
  for (TimePoint last = steady_now() + kPatience; steady_now() < last;) {
    auto interface = way_out(*route);
    if (!interface) return pass(interface);
    if (*interface != 0) return {};
    pollfd wait{.fd = ended.get(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, kLookMs) > 0) return fail(Code::io, "pasta ended: " + last_words());
  }
  return fail(Code::io, "pasta made no network within 5 seconds: " + last_words());
}

Result<> keep_gateway_alone(NetlinkSocket& route) {
  if (auto up = bring_up_loopback(route); !up) return up;
  auto interface = way_out(route);
  if (!interface) return pass(interface);
  in_addr gateway = ipv4(kPastaGateway);
  NetlinkMessages add;
  add.begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_ACK, unicast(32, RT_SCOPE_LINK));
  add.attribute(RTA_DST, bytes_of(gateway));
  add.native32(RTA_OIF, *interface);
  if (auto done = route.request(std::move(add), "the route to pasta's gateway"); !done) return done;
  NetlinkMessages remove;
  remove.begin(RTM_DELROUTE, NLM_F_ACK, unicast(0, RT_SCOPE_UNIVERSE));
  remove.native32(RTA_OIF, *interface);
  return route.request(std::move(remove), "taking pasta's other routes away");
}

Result<> verify_gateway_is_alone(NetlinkSocket& route) {
  auto found = routes(route, AF_INET);
  if (!found) return pass(found);
  bool gateway = false;
  for (const Route& one : *found) {
    if (one.by_gateway && !one.is_blind())
      return fail(Code::internal, "the sandbox has an IPv4 route that leads out of it");
    gateway |= one.type == RTN_UNICAST && one.bits == 32 && one.interface != kLoopbackInterface;
  }
  if (!gateway) return fail(Code::internal, "the sandbox has no route to pasta's gateway");
  return {};
}

nft::Table pasta_rules(std::uint16_t port) {
  using namespace nft;
  in_addr gateway = ipv4(kPastaGateway), own = ipv4(kPastaAddress);
  Chain guard{.name = "guard", .type = "filter", .hook = NF_INET_LOCAL_OUT, .policy = NF_DROP};
  guard.rules = {
      rule({of_known_connection(), accept()}),
      rule({to_ipv4_loopback(), accept()}),
      rule({to_ipv6_loopback(), accept()}),
      rule({to_ipv4(bytes_of(own)), accept()}),
      rule({to_ipv4(bytes_of(gateway)), protocol_is(IPPROTO_TCP), to_port(port), accept()}),
      rule({protocol_is(IPPROTO_TCP), reset_connection()}),
      reject(),
  };
  return {.name = "weir", .chains = {std::move(guard)}};
}

Result<> send_pasta_canary(std::uint16_t port, std::uint16_t closed, const std::string& token) {
  if (auto other = connect_to_gateway(closed); other)
    return fail(Code::io, "the sandbox reaches a port of this machine that it should not reach");
  auto socket = connect_to_gateway(port);
  if (!socket) return fail(Code::io, socket.error().context() + ", which should have arrived at Weir");
  if (::send(socket->get(), token.data(), token.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(token.size()))
    return fail_errno(Code::io, "telling Weir from inside the sandbox that it is reached", errno);
  return {};
}

}  // namespace weir::sandbox
