// Spawner: a small process, forked before any secret or thread exists, that starts CMD for Weir.
//
// Weir hardens itself after start (no dumps, seccomp, Landlock) and CMD must inherit nothing of that, nor any
// descriptor or memory. So the process that forks CMD is this one, which stays as plain as it was born. The
// two talk over one SOCK_SEQPACKET socketpair (sandbox/spawner_wire.h).
//
// Terminal: CMD stays in Weir's own process group, so that it owns the terminal as if it had been started by
// the shell. Ctrl-C, Ctrl-\ and Ctrl-Z reach CMD from the terminal itself; the spawner ignores them, and Weir
// must ignore SIGINT and SIGQUIT while CMD runs. When CMD stops, the spawner stops Weir too, so that the
// shell takes the terminal back, and continues Weir when CMD continues. SIGTERM and SIGHUP sent to Weir are
// for Weir to pass on with `signal`.
//
// Deaths: when Weir ends or is killed, the spawner sees the socket close, sends CMD SIGTERM and SIGCONT and
// leaves. When the spawner is killed, CMD gets SIGTERM from the kernel (PR_SET_PDEATHSIG; a set-user-ID CMD
// such as sudo does not) and Weir learns it from `exit_fd`.
//
// Runners: forks of a spawner, each for one command that runs beside CMD and the others. Such a command
// belongs in Weir's process group, too, since it may ask for a password at the terminal; so no group holds
// what it starts. The runner does: it is a subreaper (PR_SET_CHILD_SUBREAPER), to whom all falls that loses
// its parent.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

namespace weir::sandbox {

struct Plan;

struct Command {
  std::vector<std::string> argv;  ///< argv[0] is looked up in the PATH of `env` unless it has a slash
  std::vector<std::string> env;   ///< the whole environment, "NAME=value"
  std::string cwd;                ///< empty = the folder Weir was started in
};

/// How CMD ended.
struct Exit {
  int code = 0;    ///< exit code; meaningless when `signal` is set
  int signal = 0;  ///< the signal that ended it, or 0

  /// What Weir exits with: the code, or 128 + signal.
  int status() const { return signal != 0 ? 128 + signal : code; }
};

/// The exit status for a failed spawn, as shells and env(1) have it: 127 not found (Code::not_found), 126
/// found but not executable (Code::io), 125 our own failure (anything else).
int exit_status(const Error& spawn_error);

/// Weir's end. Not thread-safe: one thread uses it. One command at a time.
class Spawner {
 public:
  /// Forks the spawner. Must be called while this process has a single thread; dispositions and mask of
  /// signals at this moment are what CMD will start with.
  static Result<Spawner> start();

  Spawner(Spawner&&) = default;
  Spawner& operator=(Spawner&&) = delete;
  /// Lets the spawner go and waits for its end. A running CMD gets SIGTERM.
  ~Spawner();

  /// Forks the processes of a sandbox; the socket is of its init, which has not arranged anything yet
  /// (sandbox/sandbox.h goes on from there).
  Result<UniqueFd> begin_sandbox(const Plan& plan);

  /// Forks a runner, in well under a millisecond. When it is let go, or Weir ends, it kills its command and
  /// all that this has started (SIGKILL), whatever that has done to get away; not what has become another
  /// user's. May outlive this object.
  Result<Spawner> open_runner();

  /// Starts `command` with our standard input, output and error and no other descriptor. Blocks until exec
  /// has succeeded or failed (milliseconds). Failures: see exit_status; the text names the command and the
  /// reason.
  Result<pid_t> spawn(const Command& command);

  /// The same, but its output goes into the pipe that is given back.
  Result<UniqueFd> spawn_piped(const Command& command);
  /// The same in two steps, of which the first does not block: `exit_fd` is readable when there is an answer.
  Result<> begin_piped(const Command& command);
  Result<UniqueFd> take_output();
  /// Variables of the environment whose values the spawner and what it starts from now on must not have, nor
  /// anybody who looks at them.
  Result<> forget(std::span<const std::string> names);

  /// Sends `signo` to CMD; nothing happens when it has ended already.
  Result<> signal(int signo);

  /// Becomes readable when CMD has ended, or the spawner has died; then call take_exit. Owned by this object.
  int exit_fd() const { return socket_.get(); }
  /// The spawner's own process id; 0 for runners, and for the init of a sandbox, which has none out here.
  pid_t pid() const { return pid_; }
  /// How CMD ended; blocks until it has. Code::internal when the spawner died, and CMD's end is unknown.
  Result<Exit> take_exit();

  /// Of a runner: what its command has left behind may live on (agents that keep passwords do).
  Result<> leave_be();
  /// Of a runner: lets it go, and waits until it has killed what is to be killed. Fails (internal) where that
  /// takes longer than `patience`. Afterwards nothing but destroying it is of use.
  Result<> end(Duration patience);

 private:
  friend class Sandbox;
  struct Started {
    pid_t pid = -1;
    UniqueFd output;
  };
  Result<Started> start(const Command& command, bool piped);
  Result<> ask(const Command& command, bool piped);
  Result<Started> take_started();
  Spawner(UniqueFd socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}

  UniqueFd socket_;
  pid_t pid_;
  bool running_ = false;  ///< a CMD was started and its end not yet taken
};

}  // namespace weir::sandbox
