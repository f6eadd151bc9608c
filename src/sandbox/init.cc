#include "sandbox/init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <sstream>

#include "sandbox/confinement.h"
#include "sandbox/mounts.h"
#include "sandbox/namespaces.h"
#include "sandbox/network.h"
#include "sandbox/pasta.h"
#include "sandbox/spawner_process.h"
#include "sandbox/spawner_wire.h"

namespace weir::sandbox {
namespace {

constexpr int kSetUpFailed = 78;  // EX_CONFIG of <sysexits.h>; nobody but a reader of `strace` sees it

[[noreturn]] void give_up(int socket, const Error& error) {
  Message failed{.kind = MessageKind::sandbox_failed};
  failed.text = error.context();
  // If Weir is gone nobody is left to be told.
  [[maybe_unused]] auto told = send(socket, failed);
  ::_exit(kSetUpFailed);
}

Result<> hand_out(int socket, SandboxSocket kind, UniqueFd fd, std::uint16_t port = 0) {
  Message message{.kind = MessageKind::sandbox_socket,
                  .value = static_cast<std::int32_t>(kind),
                  .detail = port,
                  .text = {},
                  .file = std::move(fd)};
  return send(socket, message);
}

Result<> hand_out(int socket, InsideSockets sockets) {
  for (UniqueFd& fd : sockets.proxies)
    if (auto done = hand_out(socket, SandboxSocket::proxy, std::move(fd)); !done) return done;
  for (UniqueFd& fd : sockets.dns_datagrams)
    if (auto done = hand_out(socket, SandboxSocket::dns_datagrams, std::move(fd)); !done) return done;
  if (sockets.dns_listener)
    if (auto done = hand_out(socket, SandboxSocket::dns_listener, std::move(sockets.dns_listener)); !done)
      return done;
  for (auto& [port, fd] : sockets.host_ports)
    if (auto done = hand_out(socket, SandboxSocket::host_port, std::move(fd), port); !done) return done;
  return hand_out(socket, SandboxSocket::diagnosis, std::move(sockets.diagnosis));
}

/// Everybody may read a process's command line, and a fork has its parent's: secrets in Weir's are not CMD's
/// to know. Overwrites this process's own copy.
Result<> forget_command_line() {
  constexpr int kArgumentsBegin = 48;  // the end follows; as proc_pid_stat(5) counts the fields
  std::string line(4096, '\0');
  UniqueFd file(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  ssize_t size = file ? ::read(file.get(), line.data(), line.size()) : -1;
  if (size < 0) return fail_errno(Code::io, "reading /proc/self/stat", errno);
  line.resize(static_cast<std::size_t>(size));
  std::istringstream fields(line.substr(std::min(line.rfind(')') + 2, line.size())));
  std::string skipped;
  for (int field = 3; field < kArgumentsBegin; ++field) fields >> skipped;
  std::uintptr_t begin = 0, end = 0;
  fields >> begin >> end;
  if (begin == 0 || end < begin)
    return fail(Code::io, "/proc/self/stat does not say where the arguments are");
  std::memset(reinterpret_cast<void*>(begin), 0, end - begin);
  return {};
}

/// All of it, in the order in which each step still may do what it needs. What comes back is to be kept open.
Result<UniqueFd> set_up(const Plan& plan, int socket) {
  auto sockets = make_network(plan);
  if (!sockets) return pass(sockets);
  auto terminal = arrange_mounts(plan);
  if (!terminal) return terminal;
  if (auto done = forget_command_line(); !done) return pass(done);
  if (auto done = drop_privileges(); !done) return pass(done);
  if (auto done = filter_system_calls(); !done) return pass(done);
  if (auto done = verify_confinement(); !done) return pass(done);
  auto canaries = send_canaries(plan);
  if (!canaries) return pass(canaries);
  // The process that has arranged all this is nobody's to look into or to trace.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail_errno(Code::io, "PR_SET_DUMPABLE", errno);
  if (auto done = hand_out(socket, std::move(*sockets)); !done) return pass(done);
  auto told = send(socket, Message{.kind = MessageKind::sandbox_ready, .value = *canaries});
  if (!told) return pass(told);
  return terminal;
}

/// A second socket to ask over, which stays free while CMD runs: its end here.
Result<UniqueFd> open_side_channel(int socket) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail_errno(Code::internal, "socketpair for the sandbox", errno);
  UniqueFd weirs_end(ends[0]), ours(ends[1]);
  if (auto done = hand_out(socket, SandboxSocket::side_channel, std::move(weirs_end)); !done)
    return pass(done);
  return ours;
}

[[noreturn]] void run_init(const Plan& plan, UniqueFd socket, UniqueFd job_control,
                           const SignalState& signals) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "weir-init");
  auto side = open_side_channel(socket.get());
  if (!side) give_up(socket.get(), side.error());
  auto terminal = set_up(plan, socket.get());
  if (!terminal) give_up(socket.get(), terminal.error());
  serve_as_spawner(std::move(socket), JobControl::through_keeper(std::move(job_control)), signals,
                   std::move(*side), std::move(*terminal));
}

/// Passes stops and continues on until the init closes its end.
void pass_on(int job_control, int weir) {
  int signo;
  while (uninterrupted([&] { return ::read(job_control, &signo, sizeof signo); }) == sizeof signo)
    ::syscall(SYS_pidfd_send_signal, weir, signo, nullptr, 0);
}

}  // namespace

void run_keeper(const Plan& plan, UniqueFd socket, UniqueFd weir, const SignalState& signals) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "weir-keeper");
  close_all_but({socket.get(), weir.get()});
  std::optional<Pasta> pasta;
  if (plan.pasta) {
    auto prepared = Pasta::prepare(plan.pasta->command);
    if (!prepared) give_up(socket.get(), prepared.error());
    pasta.emplace(std::move(*prepared));
  }
  if (auto done = enter_namespaces(); !done) give_up(socket.get(), done.error());
  if (auto fresh = verify_new_network(); !fresh) give_up(socket.get(), fresh.error());
  if (pasta)
    if (auto done = pasta->connect(); !done) give_up(socket.get(), done.error());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    give_up(socket.get(), fail_errno(Code::internal, "a pipe for the sandbox", errno).error());
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  pid_t init = ::fork();
  if (init < 0)
    give_up(socket.get(), fail_errno(Code::io, "starting the sandbox's first process", errno).error());
  if (init == 0) {
    read_end.reset();
    weir.reset();
    run_init(plan, std::move(socket), std::move(write_end), signals);
  }
  socket.reset();
  write_end.reset();
  pass_on(read_end.get(), weir.get());
  uninterrupted([&] { return ::waitpid(init, nullptr, 0); });
  pasta.reset();
  ::_exit(0);
}

}  // namespace weir::sandbox
