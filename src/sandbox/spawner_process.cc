#include "sandbox/spawner_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "sandbox/descendants.h"
#include "sandbox/environment.h"
#include "sandbox/init.h"
#include "sandbox/plan.h"
#include "sandbox/spawner_wire.h"

namespace weir::sandbox {
namespace {

class SpawnerProcess {
 public:
  SpawnerProcess(UniqueFd socket, JobControl job_control, const SignalState& signals, UniqueFd side)
      : socket_(std::move(socket)),
        side_(std::move(side)),
        job_control_(std::move(job_control)),
        signals_(signals) {}

  /// Returns when Weir is gone, or nothing can be done any more.
  void serve() {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    UniqueFd child_events(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!child_events) return;
    // poll leaves out what is negative: there may be no side channel.
    pollfd waits[] = {{socket_.get(), POLLIN, 0}, {child_events.get(), POLLIN, 0}, {side_.get(), POLLIN, 0}};
    while (true) {
      if (uninterrupted([&] { return ::poll(waits, std::size(waits), -1); }) < 0) return;
      if (waits[2].revents != 0 && !make_socket()) return;
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

  /// Of a runner.
  void end_all() const {
    if (leave_be_) return;
    if (command_ != 0) ::kill(command_, SIGKILL);  // even where there is no /proc to find the others in
    kill_descendants();
  }

 private:
  /// Handles one message; false when Weir is gone.
  bool answer() {
    auto message = receive(socket_.get());
    if (!message) return false;
    switch (message->kind) {
      case MessageKind::start: return start(message->file.get(), message->detail == 1);
      case MessageKind::forget: forget_variables(split_names(message->text)); return true;
      case MessageKind::open_runner: return open_runner();
      case MessageKind::leave_be: leave_be_ = true; return true;
      case MessageKind::open_sandbox: return open_sandbox(message->file.get());
      case MessageKind::signal:
        // The process id cannot have been reused: it is ours until note_child_events reaps it.
        if (command_ != 0) ::kill(command_, message->value);
        return true;
      default: return false;
    }
  }

  static std::vector<std::string> split_names(std::string_view text) {
    std::vector<std::string> out;
    for (std::size_t end; (end = text.find('=')) != std::string_view::npos; text.remove_prefix(end + 1))
      out.emplace_back(text.substr(0, end));
    return out;
  }

  bool start(int file, bool piped) {
    Message reply;
    UniqueFd output;
    reply.kind = MessageKind::start_failed;
    reply.value = exit_status(Error(Code::internal));
    if (command_ != 0) {
      reply.text = "a command is running already";
    } else if (auto command = unpack(file); !command) {
      reply.text = command.error().context();
    } else if (int ends[2]; piped && ::pipe2(ends, O_CLOEXEC) != 0) {
      reply.text = fail_errno(Code::internal, "a pipe for the output", errno).error().context();
    } else if (Launched launched = launch(*command, signals_, take_pipe(piped, ends, reply.file, output));
               launched.pid < 0) {
      reply.file.reset();
      reply.value = launched.status;
      reply.text = std::move(launched.why);
    } else {
      command_ = reply.value = launched.pid;
      reply.kind = MessageKind::started;
    }
    return send(socket_.get(), reply).has_value();
  }

  /// What the command writes to; -1: to ours.
  static int take_pipe(bool piped, const int (&ends)[2], UniqueFd& read_end, UniqueFd& write_end) {
    if (!piped) return -1;
    read_end = UniqueFd(ends[0]);
    write_end = UniqueFd(ends[1]);
    return write_end.get();
  }

  bool open_sandbox(int file) {
    Message reply{.kind = MessageKind::sandbox_failed};
    auto plan = unpack_plan(file);
    int ends[2];
    if (!plan) {
      reply.text = plan.error().context();
    } else if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
      reply.text = fail_errno(Code::internal, "socketpair for the sandbox", errno).error().context();
    } else {
      UniqueFd weirs_end(ends[0]), inits_end(ends[1]);
      pid_t keeper = ::fork();
      if (keeper == 0) {
        UniqueFd weir(::dup(job_control_.fd()));
        run_keeper(*plan, std::move(inits_end), std::move(weir), signals_);
      }
      reply.kind = keeper < 0 ? MessageKind::sandbox_failed : MessageKind::sandbox_started;
      reply.value = keeper;
      if (keeper < 0)
        reply.text = fail_errno(Code::io, "starting the sandbox's keeper", errno).error().context();
      reply.file = std::move(weirs_end);
    }
    return send(socket_.get(), reply).has_value();
  }

  bool open_runner() {
    Message reply{.kind = MessageKind::runner_failed};
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
      reply.text = fail_errno(Code::internal, "socketpair for a runner", errno).error().context();
      return send(socket_.get(), reply).has_value();
    }
    UniqueFd weirs_end(ends[0]), runners_end(ends[1]);
    pid_t runner = ::fork();
    if (runner == 0) serve_as_runner(std::move(runners_end), std::move(job_control_), signals_);
    if (runner < 0) {
      reply.text = fail_errno(Code::internal, "fork of a runner", errno).error().context();
    } else {
      reply.kind = MessageKind::runner_started;
      reply.file = std::move(weirs_end);
    }
    return send(socket_.get(), reply).has_value();
  }

  /// A TCP socket that belongs to the network namespace of this process.
  bool make_socket() {
    auto request = receive(side_.get());
    if (!request || request->kind != MessageKind::make_socket) return false;
    Message reply{.kind = MessageKind::make_socket};
    reply.file = UniqueFd(::socket(request->value, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!reply.file) reply.value = errno;
    return send(side_.get(), reply).has_value();
  }

  /// Reports CMD's end; mirrors its stops and continues on Weir, so that the shell sees the job as one. Other
  /// children are keepers, runners and, for an init and a runner, orphans: they are reaped and of no
  /// interest.
  bool note_child_events() {
    int status;
    pid_t child;
    while ((child = ::waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
      if (child != command_) continue;
      if (WIFSTOPPED(status)) {
        job_control_.signal_weir(SIGSTOP);
      } else if (WIFCONTINUED(status)) {
        job_control_.signal_weir(SIGCONT);
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

  UniqueFd socket_, side_;
  JobControl job_control_;
  const SignalState& signals_;
  pid_t command_ = 0;  ///< 0 = none runs
  bool leave_be_ = false;
};

}  // namespace

void close_all_but(std::initializer_list<int> kept) {
  std::vector<int> order(kept);
  std::erase_if(order, [](int fd) { return fd < 0; });
  std::ranges::sort(order);
  unsigned first = STDERR_FILENO + 1;
  for (int fd : order) {
    if (static_cast<unsigned>(fd) > first) ::close_range(first, static_cast<unsigned>(fd) - 1, 0);
    first = std::max(first, static_cast<unsigned>(fd) + 1);
  }
  ::close_range(first, ~0U, 0);
}

void JobControl::signal_weir(int signo) const {
  if (direct_) {
    ::syscall(SYS_pidfd_send_signal, fd_.get(), signo, nullptr, 0);
    return;
  }
  // Four bytes go whole. If the keeper is gone, this process is about to be as well.
  [[maybe_unused]] ssize_t written = ::write(fd_.get(), &signo, sizeof signo);
}

void serve_as_spawner(UniqueFd socket, JobControl job_control, const SignalState& signals_for_commands,
                      UniqueFd side, UniqueFd kept) {
  SignalState::shield_spawner();
  if (::getpid() != 1) ::prctl(PR_SET_NAME, "weir-spawner");
  close_all_but({socket.get(), job_control.fd(), side.get(), kept.get()});
  SpawnerProcess process(std::move(socket), std::move(job_control), signals_for_commands, std::move(side));
  process.serve();
  process.end_command();
  ::_exit(0);
}

void serve_as_runner(UniqueFd socket, JobControl job_control, const SignalState& signals_for_commands) {
  ::prctl(PR_SET_NAME, "weir-runner");
  close_all_but({socket.get(), job_control.fd()});
  // Without it, it could not keep its word; Weir sees that it has ended.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) ::_exit(1);
  SpawnerProcess process(std::move(socket), std::move(job_control), signals_for_commands, {});
  process.serve();
  process.end_all();
  ::_exit(0);
}

}  // namespace weir::sandbox
