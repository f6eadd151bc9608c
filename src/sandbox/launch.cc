#include "sandbox/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace weir::sandbox {
namespace {

constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;
constexpr int kOurFailure = 125;

struct Failed {
  int status;
  std::string why;
};

std::string quoted(std::string_view name) { return std::string("\"").append(name).append("\""); }

Failed our_failure(std::string_view what, int error) {
  return {kOurFailure, std::string(what).append(": ").append(std::strerror(error))};
}

bool is_folder(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

/// Where argv[0] is by the rules of execvp: the first executable file in the PATH. Failing that the first
/// file that merely exists (exec then says why it cannot run); empty when there is none.
std::string look_up(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = ::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/bin:/usr/bin";
  std::string second_best;
  while (true) {
    std::size_t colon = rest.find(':');
    std::string candidate(rest.substr(0, colon));
    candidate.append(candidate.empty() ? "./" : "/").append(name);  // an empty part is the current folder
    if (!is_folder(candidate)) {
      if (::access(candidate.c_str(), X_OK) == 0) return candidate;
      if (second_best.empty() && ::access(candidate.c_str(), F_OK) == 0) second_best = candidate;
    }
    if (colon == std::string_view::npos) return second_best;
    rest.remove_prefix(colon + 1);
  }
}

Failed exec_failure(const std::string& path, int error) {
  bool missing = error == ENOENT || error == ENOTDIR;
  if (missing && ::access(path.c_str(), F_OK) == 0)
    return {kNotFound, quoted(path) + ": its interpreter (the #! line or the dynamic loader) does not exist"};
  if (missing) return {kNotFound, quoted(path) + ": no such file"};
  if (error == E2BIG)
    return {kNotExecutable, quoted(path) + ": arguments and environment are too long for the kernel"};
  if (is_folder(path)) return {kNotExecutable, quoted(path) + ": is a folder"};
  return {kNotExecutable, quoted(path) + ": cannot be executed: " + std::strerror(error)};
}

/// Becomes the command. Returns only on failure.
Failed become(const PackedCommand& command) {
  if (*command.cwd != '\0' && ::chdir(command.cwd) != 0)
    return our_failure(std::string("cannot change to the folder ").append(command.cwd), errno);
  environ = const_cast<char**>(command.env.data());
  std::string name = command.argv.front();
  std::string path = name.empty() ? name : look_up(name);
  if (path.empty()) return {kNotFound, quoted(name) + ": not found in PATH"};
  ::execv(path.c_str(), command.argv.data());
  if (errno != ENOEXEC) return exec_failure(path, errno);
  // A script without a #! line goes to the shell (POSIX, execvp).
  std::vector<char*> argv = {const_cast<char*>("sh"), path.data()};
  argv.insert(argv.end(), command.argv.begin() + 1, command.argv.end());
  ::execv("/bin/sh", argv.data());
  return exec_failure("/bin/sh", errno);
}

[[noreturn]] void run_child(const PackedCommand& command, const SignalState& signals, int report, int output,
                            pid_t spawner) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != spawner) ::_exit(kOurFailure);  // it died before the line above
  signals.restore();
  bool ready = output < 0 || ::dup2(output, STDOUT_FILENO) >= 0;
  ready = ready && ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
  Failed failed = ready ? become(command) : our_failure("handing over descriptors", errno);
  failed.why.resize(std::min(failed.why.size(), Message::kMaxText));
  std::string bytes(reinterpret_cast<const char*>(&failed.status), sizeof failed.status);
  bytes += failed.why;
  // Below PIPE_BUF, so it goes whole; if the spawner is gone nobody is left to be told.
  [[maybe_unused]] ssize_t written = ::write(report, bytes.data(), bytes.size());
  ::_exit(failed.status);
}

}  // namespace

SignalState SignalState::current() {
  SignalState out;
  ::sigprocmask(SIG_SETMASK, nullptr, &out.mask_);
  for (std::size_t i = 0; i < kChanged.size(); ++i) {
    struct sigaction action;
    ::sigaction(kChanged[i], nullptr, &action);
    out.ignored_[i] = action.sa_handler == SIG_IGN;
  }
  return out;
}

void SignalState::shield_spawner() {
  for (int signo : kChanged) ::signal(signo, signo == SIGCHLD ? SIG_DFL : SIG_IGN);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  ::sigprocmask(SIG_SETMASK, &children, nullptr);
}

void SignalState::restore() const {
  for (std::size_t i = 0; i < kChanged.size(); ++i) ::signal(kChanged[i], ignored_[i] ? SIG_IGN : SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
}

Launched launch(const PackedCommand& command, const SignalState& signals, int output) {
  auto failed = [](Failed why) { return Launched{-1, why.status, std::move(why.why)}; };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(our_failure("pipe", errno));
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  pid_t spawner = ::getpid();
  pid_t pid = ::fork();
  if (pid < 0) return failed(our_failure("cannot start a process", errno));
  if (pid == 0) run_child(command, signals, write_end.get(), output, spawner);
  write_end.reset();
  char report[sizeof(int) + Message::kMaxText];
  // The pipe closes with nothing in it when exec succeeds.
  ssize_t size = uninterrupted([&] { return ::read(read_end.get(), report, sizeof report); });
  if (size < static_cast<ssize_t>(sizeof(int))) return {pid, 0, {}};
  uninterrupted([&] { return ::waitpid(pid, nullptr, 0); });
  int status;
  std::memcpy(&status, report, sizeof status);
  return failed(
      {status, std::string(report + sizeof status, static_cast<std::size_t>(size) - sizeof status)});
}

}  // namespace weir::sandbox
