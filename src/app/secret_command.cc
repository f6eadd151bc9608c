#include "app/secret_command.h"

#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "sandbox/environment.h"

namespace weir::app {
namespace {

constexpr std::size_t kMost = 64 << 10;

/// True when there is something to read, or the end.
bool wait_readable(int fd, TimePoint until) {
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_now()).count();
    if (left <= 0) return false;
    pollfd wait{fd, POLLIN, 0};
    int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Result<> read_all(int fd, SecretBytes& out, TimePoint until) {
  for (;;) {
    if (!wait_readable(fd, until)) return fail(Code::credential_failed, "it did not end in time");
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
                                       Duration patience) {
  auto wrong = [&](std::string_view why) {
    return fail(Code::credential_failed, fmt::format("the command {}: {}", command.front(), why));
  };
  auto out = SecretBytes::make(kMost);
  if (!out) return pass(out);
  TimePoint until = steady_now() + patience;
  auto output = spawner.spawn_piped({.argv = command, .env = sandbox::own_environment(), .cwd = ""});
  if (!output) return wrong(output.error().context());
  auto done = read_all(output->get(), *out, until);
  // It may have closed its output, and go on; a child of its own may hold it open.
  bool ended = done && wait_readable(spawner.exit_fd(), until);
  if (!ended)
    if (auto killed = spawner.signal(SIGKILL); !killed) return wrong(killed.error().context());
  auto exit = spawner.take_exit();
  if (!done) return wrong(done.error().context());
  if (!exit) return wrong(exit.error().context());
  if (!ended) return wrong("it did not end in time");
  if (exit->status() != 0) return wrong(fmt::format("it failed with status {}", exit->status()));
  out->trim();
  if (out->empty()) return wrong("it printed nothing");
  return out;
}

}  // namespace weir::app
