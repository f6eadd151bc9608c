// `weir monitor`: a person answers what policy asks, one key a question.
#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "cli/ask_client.h"
#include "cli/monitor_screen.h"
#include "cli/output.h"
#include "cli/raw_terminal.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

struct MonitorFlags {
  Place place;
  std::string socket;
};

int milliseconds_until(TimePoint at) {
  if (at == kNever) return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(at - steady_now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

/// Reads the keys that were hit, and sends what they decide.
Result<> take_keys(MonitorScreen& screen, AskClient& session) {
  char keys[64];
  ssize_t got = ::read(STDIN_FILENO, keys, sizeof keys);
  if (got < 0 && errno != EINTR) return fail_errno(Code::io, "reading the terminal", errno);
  if (got == 0) return fail(Code::io, "the terminal has gone");
  for (ssize_t i = 0; i < got; ++i)
    if (auto answer = screen.take_key(keys[i], steady_now()))
      if (auto sent = session.send(std::move(*answer)); !sent) return sent;
  return {};
}

/// True when the session has ended, false when the person leaves.
Result<bool> converse(AskClient& session, MonitorScreen& screen, Output& out) {
  UniqueFd signals = ending_signals();
  for (;;) {
    screen.tick(steady_now());
    out.write(screen.take_output());
    out.flush();
    pollfd waits[] = {{session.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {signals.get(), POLLIN, 0}};
    int ready = poll(waits, std::size(waits), milliseconds_until(screen.next_tick(steady_now())));
    if (ready < 0 && errno != EINTR) return fail_errno(Code::io, "waiting for questions", errno);
    if (ready <= 0) continue;
    if (waits[2].revents != 0 || screen.left() || out.closed()) return false;
    if (waits[0].revents != 0) {
      auto more = session.read();
      if (!more) return pass(more);
      while (auto line = session.take_line()) screen.take_line(*line, steady_now());
      if (!*more) return true;
    }
    if (waits[1].revents == 0) continue;
    if (auto taken = take_keys(screen, session); !taken) return pass(taken);
    if (screen.left()) return false;
  }
}

int monitor(const MonitorFlags& flags) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    fmt::print(stderr, "weir monitor: it needs a terminal to read keys from; scripts use `weir ask`\n");
    return kExitUsage;
  }
  ignore_sigpipe();
  auto session = reach_session(flags.place, flags.socket, Several::newest);
  if (!session) return report_missing(session.error());
  if (auto sent = session->send(R"({"type":"monitor"})"); !sent) return report(sent.error());
  std::string name = session->path().parent_path().filename().string();
  MonitorScreen screen("session " + name, terminal_width(STDOUT_FILENO));
  Output out(STDOUT_FILENO);
  Result<bool> ended = false;
  {
    RawTerminal raw(STDIN_FILENO);
    ended = converse(*session, screen, out);
    screen.leave();
    out.write(screen.take_output());
    if (ended && *ended) out.write("The session has ended.\n");
    out.flush();
  }
  return ended ? kExitOk : report(ended.error());
}

}  // namespace

void add_monitor(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<MonitorFlags>();
  CLI::App* verb = app.add_subcommand(
      "monitor", "Answer in this terminal what a running Weir asks (filter action \"ask\")");
  verb->add_option("socket", flags->socket,
                   "Its ask socket (default: the newest live session of the current directory's project)")
      ->type_name("SOCKET");
  add_place_flags(*verb, flags->place);
  verb->footer(
      "Keys: a allow, b block, s allow and remember, n block and remember, ? details and what to remember an "
      "answer for, Ctrl-C leave. A question that nobody answers in time is a no (filter.ask_timeout).");
  verb->callback([flags, &exit_code] { exit_code = monitor(*flags); });
}

}  // namespace weir::cli
