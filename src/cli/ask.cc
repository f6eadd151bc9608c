// `weir ask`: what `weir monitor` does, for scripts.
#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "base/json.h"
#include "base/json_reader.h"
#include "cli/ask_client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

struct AskFlags {
  Place place;
  std::string socket;
  std::vector<std::string> ids;
  std::string scope = "host";
  bool remember = false;
  std::string keep;  ///< how long; empty = for the session
  bool follow = false;
  bool json = false;
};

std::string text(JsonValue root, std::string_view name) {
  return flow::printable(root[name].string().value_or(""));
}

void print_question(JsonValue root, Output& out) {
  fmt::format_to(std::back_inserter(out.buffer()), "{:>4}  {:>3}s left  {} {}  {}\n", text(root, "id"),
                 root["timeout"].natural().value_or(0), text(root, "method"), text(root, "url"),
                 text(root, "reason"));
}

/// Prints what one line of the session says; false at the end of a list.
bool print_line(const std::string& line, bool json, Output& out) {
  auto document = JsonDocument::parse(line);
  if (!document) return true;
  JsonValue root = document->root();
  std::string_view type = root["type"].string().value_or("");
  if (type == "end") return false;
  if (json) {
    out.write(line + "\n");
  } else if (type == "question") {
    print_question(root, out);
  } else if (type == "ended") {
    fmt::format_to(std::back_inserter(out.buffer()), "{:>4}  {}\n", text(root, "id"), text(root, "reason"));
  }
  return true;
}

/// Waits until the session says something; false when nobody reads what is printed any more.
bool wait_for_news(const AskClient& session) {
  pollfd waits[] = {{session.fd(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
  while (poll(waits, std::size(waits), -1) < 0 && errno == EINTR) continue;
  return (waits[1].revents & (POLLERR | POLLHUP)) == 0;
}

/// Questions as they come, for as long as somebody reads them: a monitor nobody looks at would have requests
/// wait for nobody.
int follow(AskClient& session, bool json, Output& out) {
  if (auto sent = session.send(R"({"type":"monitor"})"); !sent) return report(sent.error());
  while (!out.closed() && wait_for_news(session)) {
    auto more = session.read();
    if (!more) return report(more.error());
    while (auto line = session.take_line()) print_line(*line, json, out);
    out.flush();
    if (!*more) break;
  }
  return kExitOk;
}

int list(const AskFlags& flags) {
  ignore_sigpipe();
  auto session = reach_session(flags.place, flags.socket, Several::newest);
  if (!session) return report_missing(session.error());
  Output out(STDOUT_FILENO);
  if (flags.follow) return follow(*session, flags.json, out);
  if (auto sent = session->send(R"({"type":"visit"})"); !sent) return report(sent.error());
  if (auto sent = session->send(R"({"type":"list"})"); !sent) return report(sent.error());
  for (bool more = true; more;) {
    auto line = session->next_line();
    if (!line) return report(line.error());
    more = print_line(*line, flags.json, out);
    out.flush_if_large();
  }
  auto finished = out.finish();
  return finished ? kExitOk : report(finished.error());
}

/// "90s", "15m", "2h", "1d"; nothing for anything else.
std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
  constexpr std::pair<char, int> kUnits[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  auto unit = std::ranges::find_if(kUnits, [&](auto each) { return text.ends_with(each.first); });
  std::int64_t count = 0;
  if (unit == std::end(kUnits)) return std::nullopt;
  text.remove_suffix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || count < 1 || count > 365 * 86400 / unit->second) return std::nullopt;
  return std::chrono::seconds(count * unit->second);
}

std::string answer_line(const AskFlags& flags, const std::string& id, std::string_view action) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("type", "answer").field("id", std::string_view(id)).field("action", action);
  json.field("remember", flags.remember).field("scope", std::string_view(flags.scope));
  if (!flags.keep.empty()) json.field("for", seconds_of(flags.keep)->count());
  json.end_object();
  return out;
}

/// Tells what came of one answer; true when it was taken.
bool print_receipt(const std::string& line, const AskFlags& flags, const std::string& id, Output& out) {
  auto document = JsonDocument::parse(line);
  JsonValue root = document ? document->root() : JsonValue();
  bool taken = root["type"].string() == "answered";
  if (flags.json) {
    out.write(line + "\n");
  } else if (taken) {
    bool remembered = root["remembered"].boolean().value_or(false);
    fmt::format_to(std::back_inserter(out.buffer()), "{} {}{}\n", id,
                   root["action"].string() == "allow" ? "allowed" : "blocked",
                   remembered ? ", and remembered (" + text(root, "scope") +
                                    (flags.keep.empty() ? "" : ", for " + flags.keep) + ")"
                              : "");
    if (flags.remember && !remembered)
      fmt::print(stderr, "weir ask: {} is not remembered (filter.cache_decisions, or too many are)\n", id);
  } else {
    fmt::print(stderr, "weir ask: {}: {}\n", flow::printable(id), text(root, "message"));
  }
  return taken;
}

int answer(const AskFlags& flags, std::string_view action) {
  ignore_sigpipe();
  auto session = reach_session(flags.place, flags.socket, Several::none);
  if (!session) return report_missing(session.error());
  Output out(STDOUT_FILENO);
  if (auto sent = session->send(R"({"type":"visit"})"); !sent) return report(sent.error());
  bool all = true;
  for (const std::string& id : flags.ids) {
    if (auto sent = session->send(answer_line(flags, id, action)); !sent) return report(sent.error());
    Result<std::string> line;
    do line = session->next_line();  // what a monitor is told may come first
    while (line && !line->contains(R"("type":"answered")") && !line->contains(R"("type":"error")"));
    if (!line) return report(line.error());
    all = print_receipt(*line, flags, id, out) && all;
  }
  if (auto finished = out.finish(); !finished) return report(finished.error());
  return all ? kExitOk : kExitError;
}

void add_common(CLI::App& verb, AskFlags& flags) {
  verb.add_option("--socket", flags.socket,
                  "The ask socket (default: that of the current directory's project's live session; list: of "
                  "the newest)")
      ->type_name("SOCKET");
  add_place_flags(verb, flags.place);
  verb.add_flag("--json", flags.json, "As JSON, one object a line (docs/formats/ask.md)");
}

void add_answer(CLI::App& verb, const char* action, const char* help, const std::shared_ptr<AskFlags>& flags,
                int& exit_code) {
  CLI::App* sub = verb.add_subcommand(action, help);
  sub->add_option("id", flags->ids, "The questions, as `weir ask list` numbers them")
      ->type_name("ID")
      ->required();
  CLI::Option* remember =
      sub->add_flag("--remember", flags->remember, "Remember the answer for this session");
  sub->add_option("--scope", flags->scope,
                  "What it is remembered for: url, path, method, host or domain (default host)")
      ->check(CLI::IsMember({"url", "path", "method", "host", "domain"}))
      ->needs(remember)
      ->type_name("SCOPE");
  sub->add_option("--for", flags->keep, "How long: 15m, 2h, 1d (default: for the session)")
      ->check([](const std::string& text) {
        return seconds_of(text) ? "" : "is no time: write it like 15m, 2h or 1d, at most 365d";
      })
      ->needs(remember)
      ->type_name("TIME");
  add_common(*sub, *flags);
  sub->callback([flags, action, &exit_code] { exit_code = answer(*flags, action); });
}

}  // namespace

void add_ask(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<AskFlags>();
  CLI::App* verb = app.add_subcommand("ask", "List and answer what a running Weir asks, from scripts");
  verb->require_subcommand(1);
  CLI::App* sub = verb->add_subcommand("list", "Show the questions that wait for an answer");
  sub->add_flag("-f,--follow", flags->follow,
                "Stay, and show questions as they come; counts as a monitor, so that questions wait");
  add_common(*sub, *flags);
  sub->callback([flags, &exit_code] { exit_code = list(*flags); });
  add_answer(*verb, "allow", "Allow these requests; ends with 1 when one was decided before", flags,
             exit_code);
  add_answer(*verb, "block", "Block these requests; ends with 1 when one was decided before", flags,
             exit_code);
}

}  // namespace weir::cli
