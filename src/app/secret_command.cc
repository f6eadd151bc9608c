#include "app/secret_command.h"

#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <iterator>

#include "sandbox/environment.h"

namespace weir::app {
namespace {

constexpr std::size_t kMost = 64 << 10;
/// For the killing, which takes some milliseconds.
constexpr std::chrono::milliseconds kKilling{500};

struct Patience {
  TimePoint until;
  int stop;  ///< readable: nobody waits for the secret any more
};

/// Until there is something to read, or the end.
Result<> wait_readable(int fd, const Patience& patience) {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(patience.until - steady_now()).count();
    if (left <= 0) return fail(Code::credential_failed, "it did not end in time");
    pollfd waits[] = {{fd, POLLIN, 0}, {patience.stop, POLLIN, 0}};
    int ready = ::poll(waits, std::size(waits), static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return fail_errno(Code::credential_failed, "waiting for it", errno);
    if (ready > 0 && waits[1].revents != 0) return fail(Code::credential_failed, "Weir ends before it does");
    if (ready > 0) return {};
  }
}

Result<> read_all(int fd, SecretBytes& out, const Patience& patience) {
  for (;;) {
    if (auto there = wait_readable(fd, patience); !there) return there;
    if (out.room().empty()) return fail(Code::credential_failed, "it printed more than 64 KiB");
    ssize_t size = ::read(fd, out.room().data(), out.room().size());
    if (size == 0) return {};
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno(Code::credential_failed, "reading what it prints", errno);
    out.grow(static_cast<std::size_t>(size));
  }
}

Result<sandbox::Exit> run(sandbox::Spawner& runner, const std::vector<std::string>& command, SecretBytes& out,
                          const Patience& patience) {
  auto begun = runner.begin_piped({.argv = command, .env = sandbox::own_environment(), .cwd = ""});
  if (!begun) return pass(begun);
  // The program may lie where reading takes its time.
  if (auto answered = wait_readable(runner.exit_fd(), patience); !answered) return pass(answered);
  auto output = runner.take_output();
  if (!output) return pass(output);
  if (auto done = read_all(output->get(), out, patience); !done) return pass(done);
  // It may have closed its output, and go on; a child of its own may hold it open.
  if (auto ended = wait_readable(runner.exit_fd(), patience); !ended) return pass(ended);
  return runner.take_exit();
}

}  // namespace

Result<SecretBytes> run_secret_command(sandbox::Spawner runner, const std::vector<std::string>& command,
                                       Duration time, int stop) {
  auto wrong = [&](std::string_view why) {
    return fail(Code::credential_failed, fmt::format("the command {}: {}", command.front(), why));
  };
  auto out = SecretBytes::make(kMost + 1);
  if (!out) return pass(out);
  const Patience patience{steady_now() + time, stop};
  auto exit = run(runner, command, *out, patience);
  if (!exit) {
    auto ended = runner.end(kKilling);
    return wrong(ended ? exit.error().context() : exit.error().context() + "; " + ended.error().context());
  }
  if (auto left = runner.leave_be(); !left) return wrong(left.error().context());
  if (exit->status() != 0) return wrong(fmt::format("it failed with status {}", exit->status()));
  out->trim();
  if (out->empty()) return wrong("it printed nothing");
  return out;
}

}  // namespace weir::app
