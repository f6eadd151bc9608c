#include "sandbox/spawner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/plan.h"
#include "sandbox/spawner_process.h"
#include "sandbox/spawner_wire.h"

namespace weir::sandbox {

int exit_status(const Error& spawn_error) {
  switch (spawn_error.code()) {
    case Code::not_found: return 127;
    case Code::io: return 126;
    default: return 125;
  }
}

Result<Spawner> Spawner::start() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail_errno(Code::internal, "socketpair for the spawner", errno);
  UniqueFd ours(ends[0]), theirs(ends[1]);
  UniqueFd self(
      static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));  // glibc's header is not fit for C++
  if (!self) return fail_errno(Code::internal, "pidfd_open for the spawner", errno);
  SignalState signals = SignalState::current();
  pid_t pid = ::fork();
  if (pid < 0) return fail_errno(Code::internal, "fork of the spawner", errno);
  if (pid == 0) {
    ours.reset();
    serve_as_spawner(std::move(theirs), JobControl::of(std::move(self)), signals);
  }
  return Spawner(std::move(ours), pid);
}

Spawner::~Spawner() {
  if (!socket_) return;
  socket_.reset();
  if (pid_ > 0) uninterrupted([&] { return ::waitpid(pid_, nullptr, 0); });
}

Result<UniqueFd> Spawner::begin_sandbox(const Plan& plan) {
  auto file = pack(plan);
  if (!file) return pass(file);
  Message ask{.kind = MessageKind::open_sandbox};
  ask.file = std::move(*file);
  if (auto sent = send(socket_.get(), ask); !sent) return pass(sent);
  auto reply = receive(socket_.get());
  if (!reply) return pass(reply);
  if (reply->kind != MessageKind::sandbox_started) return fail(Code::io, std::move(reply->text));
  return std::move(reply->file);
}

Result<Spawner> Spawner::open_runner() {
  if (auto sent = send(socket_.get(), Message{.kind = MessageKind::open_runner}); !sent) return pass(sent);
  auto reply = receive(socket_.get());
  if (!reply) return pass(reply);
  if (reply->kind != MessageKind::runner_started) return fail(Code::internal, std::move(reply->text));
  return Spawner(std::move(reply->file), 0);
}

Result<pid_t> Spawner::spawn(const Command& command) {
  auto started = start(command, false);
  if (!started) return pass(started);
  return started->pid;
}

Result<UniqueFd> Spawner::spawn_piped(const Command& command) {
  if (auto asked = begin_piped(command); !asked) return pass(asked);
  return take_output();
}

Result<> Spawner::begin_piped(const Command& command) { return ask(command, true); }

Result<UniqueFd> Spawner::take_output() {
  auto started = take_started();
  if (!started) return pass(started);
  return std::move(started->output);
}

Result<> Spawner::forget(std::span<const std::string> names) {
  for (const std::string& name : names)
    if (auto sent = send(socket_.get(), Message{.kind = MessageKind::forget, .text = name + "="}); !sent)
      return sent;
  return {};
}

Result<Spawner::Started> Spawner::start(const Command& command, bool piped) {
  if (auto asked = ask(command, piped); !asked) return pass(asked);
  return take_started();
}

Result<> Spawner::ask(const Command& command, bool piped) {
  if (running_) return fail(Code::internal, "a command is running already");
  Message start{.kind = MessageKind::start, .detail = piped ? 1 : 0};
  auto file = pack(command);
  if (!file) return pass(file);
  start.file = std::move(*file);
  return send(socket_.get(), start);
}

Result<Spawner::Started> Spawner::take_started() {
  auto reply = receive(socket_.get());
  if (!reply) return pass(reply);
  if (reply->kind == MessageKind::started) {
    running_ = true;
    return Started{reply->value, std::move(reply->file)};
  }
  Code code = reply->value == 127 ? Code::not_found : reply->value == 126 ? Code::io : Code::internal;
  return fail(code, std::move(reply->text));
}

Result<> Spawner::signal(int signo) {
  if (!running_) return {};
  return send(socket_.get(), Message{.kind = MessageKind::signal, .value = signo});
}

Result<Exit> Spawner::take_exit() {
  if (!running_) return fail(Code::internal, "no command is running");
  running_ = false;
  auto message = receive(socket_.get());
  if (!message) return pass(message);
  if (message->kind != MessageKind::ended)
    return fail(Code::internal, "the spawner sent an unexpected message");
  return Exit{message->value, message->detail};
}

Result<> Spawner::leave_be() { return send(socket_.get(), Message{.kind = MessageKind::leave_be}); }

Result<> Spawner::end(Duration patience) {
  running_ = false;
  // It reads the end of what we say, and we that of what it says when it is gone.
  if (::shutdown(socket_.get(), SHUT_WR) != 0)
    return fail_errno(Code::internal, "letting a runner go", errno);
  const TimePoint until = steady_now() + patience;
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_now()).count();
    pollfd wait{socket_.get(), POLLIN, 0};
    if (left <= 0) return fail(Code::internal, "what it has started could not be killed in time");
    int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return fail_errno(Code::internal, "waiting for a runner's end", errno);
    if (ready > 0 && !receive(socket_.get())) return {};
  }
}

}  // namespace weir::sandbox
