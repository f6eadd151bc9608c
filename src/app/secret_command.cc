#include "app/secret_command.h"

#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <iterator>

#include "sandbox/environment.h"

namespace weir::app {
namespace {

constexpr std::size_t kMost = 64 << 10;

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

}  // namespace

Result<SecretBytes> run_secret_command(sandbox::Spawner& spawner, const std::vector<std::string>& command,
                                       Duration time, int stop) {
  auto wrong = [&](std::string_view why) {
    return fail(Code::credential_failed, fmt::format("the command {}: {}", command.front(), why));
  };
  auto out = SecretBytes::make(kMost + 1);
  if (!out) return pass(out);
  const Patience patience{steady_now() + time, stop};
  auto output = spawner.spawn_piped({.argv = command, .env = sandbox::own_environment(), .cwd = ""});
  if (!output) return wrong(output.error().context());
  auto done = read_all(output->get(), *out, patience);
  // It may have closed its output, and go on; a child of its own may hold it open.
  if (done) done = wait_readable(spawner.exit_fd(), patience);
  if (!done)
    if (auto killed = spawner.signal(SIGKILL); !killed) return wrong(killed.error().context());
  auto exit = spawner.take_exit();
  if (!done) return wrong(done.error().context());
  if (!exit) return wrong(exit.error().context());
  if (exit->status() != 0) return wrong(fmt::format("it failed with status {}", exit->status()));
  out->trim();
  if (out->empty()) return wrong("it printed nothing");
  return out;
}

}  // namespace weir::app
