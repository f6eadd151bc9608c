#include "sandbox/spawner_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace weir::sandbox {
namespace {

class SpawnerProcess {
 public:
  SpawnerProcess(UniqueFd socket, UniqueFd weir, const SignalState& signals)
      : socket_(std::move(socket)), weir_(std::move(weir)), signals_(signals) {}

  /// Returns when Weir is gone, or nothing can be done any more.
  void serve() {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    UniqueFd child_events(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!child_events) return;
    pollfd waits[] = {{socket_.get(), POLLIN, 0}, {child_events.get(), POLLIN, 0}};
    while (true) {
      if (uninterrupted([&] { return ::poll(waits, 2, -1); }) < 0) return;
      if (waits[1].revents != 0) {
        signalfd_siginfo drained;
        while (::read(child_events.get(), &drained, sizeof drained) > 0) {
        }
        if (!note_child_events()) return;
      }
      if (waits[0].revents != 0 && !answer()) return;
    }
  }

  /// CMD must not outlive the proxy it depends on unasked. It is told to end, woken if it was stopped.
  void end_command() const {
    if (command_ == 0) return;
    ::kill(command_, SIGTERM);
    ::kill(command_, SIGCONT);
  }

 private:
  /// Handles one message; false when Weir is gone.
  bool answer() {
    auto message = receive(socket_.get());
    if (!message) return false;
    switch (message->kind) {
      case MessageKind::start: return start(message->file.get());
      case MessageKind::signal:
        // The process id cannot have been reused: it is ours until note_child_events reaps it.
        if (command_ != 0) ::kill(command_, message->value);
        return true;
      default: return false;
    }
  }

  bool start(int file) {
    Message reply;
    reply.kind = MessageKind::start_failed;
    reply.value = exit_status(Error(Code::internal));
    if (command_ != 0) {
      reply.text = "a command is running already";
    } else if (auto command = unpack(file); !command) {
      reply.text = command.error().context();
    } else if (Launched launched = launch(*command, signals_); launched.pid < 0) {
      reply.value = launched.status;
      reply.text = std::move(launched.why);
    } else {
      command_ = reply.value = launched.pid;
      reply.kind = MessageKind::started;
    }
    return send(socket_.get(), reply).has_value();
  }

  /// Reports CMD's end; mirrors its stops and continues on Weir, so that the shell sees the job as one.
  bool note_child_events() {
    int status;
    while (command_ != 0 && ::waitpid(command_, &status, WNOHANG | WUNTRACED | WCONTINUED) == command_) {
      if (WIFSTOPPED(status)) {
        signal_weir(SIGSTOP);
      } else if (WIFCONTINUED(status)) {
        signal_weir(SIGCONT);
      } else {
        command_ = 0;
        Message ended{.kind = MessageKind::ended};
        (WIFSIGNALED(status) ? ended.detail : ended.value) =
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
        if (!send(socket_.get(), ended)) return false;
      }
    }
    return true;
  }

  void signal_weir(int signo) const { ::syscall(SYS_pidfd_send_signal, weir_.get(), signo, nullptr, 0); }

  UniqueFd socket_, weir_;
  const SignalState& signals_;
  pid_t command_ = 0;  ///< 0 = none runs
};

void close_all_but(int one, int other) {
  auto [low, high] = std::minmax(one, other);
  if (low > 3) ::close_range(3, static_cast<unsigned>(low - 1), 0);
  if (high > low + 1) ::close_range(static_cast<unsigned>(low + 1), static_cast<unsigned>(high - 1), 0);
  ::close_range(static_cast<unsigned>(high + 1), ~0U, 0);
}

}  // namespace

void serve_as_spawner(UniqueFd socket, UniqueFd weir, const SignalState& signals_for_commands) {
  SignalState::shield_spawner();
  ::prctl(PR_SET_NAME, "weir-spawner");
  close_all_but(socket.get(), weir.get());
  SpawnerProcess process(std::move(socket), std::move(weir), signals_for_commands);
  process.serve();
  process.end_command();
  ::_exit(0);
}

}  // namespace weir::sandbox
