// `weir logs internal`: what serving processes said of themselves.
#include "cli/logs_internal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <deque>
#include <memory>

#include "cli/count_flag.h"
#include "cli/log_source.h"
#include "cli/logs_options.h"
#include "cli/output.h"
#include "cli/patience.h"
#include "cli/place.h"
#include "cli/table.h"
#include "cli/time_flag.h"
#include "cli/verbs.h"
#include "flow/text.h"
#include "store/internal_log_reader.h"

namespace weir::cli {
namespace {

using store::InternalLine;
using store::InternalLogReader;
using store::InternalType;

struct Internal {
  Place place;
  std::string type = "all";
  std::optional<std::size_t> last;
  std::optional<WallNanos> since, until;
  bool follow = false;
  bool no_color = false;

  std::size_t count() const { return last.value_or(follow ? kDefaultLastFollowing : kDefaultLast); }
  bool wants(const InternalLine& line) const {
    return (!since || line.time >= *since) && (!until || line.time <= *until);
  }
};

InternalType type_of(const Internal& internal) {
  if (internal.type == "proxy") return InternalType::proxy;
  return internal.type == "logging" ? InternalType::logging : InternalType::all;
}

Tone tone_of(std::string_view level) {
  if (level == "ERROR") return Tone::failure;
  return level == "WARN" ? Tone::client_error : Tone::plain;
}

void print(const InternalLine& line, bool color, Output& out) {
  std::string text = flow::printable(line.text);
  std::string_view level = store::level_of(text);
  if (color && !level.empty()) {
    std::size_t at = static_cast<std::size_t>(level.data() - text.data());
    text.replace(at, level.size(), painted(level, tone_of(level)));
  }
  out.write(text + "\n");
  out.flush_if_large();
}

// The newest lines that are wanted; with `count` 0 all of them, one after the other.
std::size_t print_newest(InternalLogReader& reader, const Internal& internal, std::size_t count, bool color,
                         Output& out) {
  std::deque<InternalLine> newest;
  std::size_t printed = 0;
  while (auto line = out.closed() ? std::nullopt : reader.next()) {
    if (!internal.wants(*line)) continue;
    newest.push_back(std::move(*line));
    if (count != 0 && newest.size() <= count) continue;
    if (count == 0) print(newest.front(), color, out);
    printed += count == 0;
    newest.pop_front();
  }
  for (const InternalLine& line : newest) print(line, color, out);
  return printed + newest.size();
}

int list(const Internal& internal, const std::filesystem::path& folder, bool color, Output& out) {
  auto reader = InternalLogReader::open(folder, type_of(internal));
  if (!reader) return report_missing(reader.error());
  std::size_t printed = print_newest(*reader, internal, internal.count(), color, out);
  report_damage(reader->damage(), folder.string());
  if (auto finished = out.finish(); !finished) return report(finished.error());
  if (printed == 0) fmt::print(stderr, "weir: no line matches\n");
  return kExitOk;
}

int follow(const Internal& internal, const std::filesystem::path& folder, bool color, Output& out) {
  Patience patience;
  auto reader = InternalLogReader::open(folder, type_of(internal));
  if (!reader && reader.error().code() == Code::not_found)
    fmt::print(stderr, "weir: nothing logged yet; waiting (Ctrl-C ends)\n");
  while (!reader) {
    if (reader.error().code() != Code::not_found) return report(reader.error());
    if (!patience.pause()) return patience.exit_code();
    reader = InternalLogReader::open(folder, type_of(internal));
  }
  store::LogTail tail = reader->tail();
  if (internal.count() > 0) {
    print_newest(*reader, internal, internal.count(), color, out);
    tail = reader->tail();
  }
  InternalLine last;
  do {
    store::JsonlDamage damage;
    tail.poll(damage, [&](std::string_view text) {
      last = InternalLogReader::parse(text, last.time);
      if (internal.wants(last)) print(last, color, out);
    });
    out.flush();
  } while (!out.closed() && patience.pause());
  auto finished = out.finish();
  return finished ? patience.exit_code() : report(finished.error());
}

int run(const Internal& internal) {
  ignore_sigpipe();
  auto scope = scope_of(internal.place);
  if (!scope) return report_missing(scope.error());
  std::filesystem::path folder = scope->project_dirs.front() / "logs" / "internal";
  Output out(STDOUT_FILENO);
  bool color = wants_color(terminal_width(STDOUT_FILENO) > 0, internal.no_color);
  return internal.follow ? follow(internal, folder, color, out) : list(internal, folder, color, out);
}

}  // namespace

CLI::App* add_logs_internal(CLI::App& logs, int& exit_code) {
  auto internal = std::make_shared<Internal>();
  CLI::App* verb = logs.add_subcommand("internal", "Show what Weir said of itself while it served");
  verb->add_option("--type", internal->type,
                   "Whose lines: proxy (Weir itself), logging (errors of sending logs elsewhere) or all")
      ->check(CLI::IsMember({"proxy", "logging", "all"}))
      ->capture_default_str();
  verb->add_flag("-f,--follow", internal->follow, "Go on with what comes");
  add_count_flag(*verb, "-n,--last", internal->last,
                 "Only the newest N lines (default 100; 0 = all; with -f default 10; 0 = none)");
  add_time_flag(*verb, "--since", internal->since, "Only lines from this time on, as of `weir logs`");
  add_time_flag(*verb, "--until", internal->until, "Only lines up to this time");
  verb->add_flag("--no-color", internal->no_color, "No colours");
  verb->add_option("--data", internal->place.data, "Look at this data folder")->type_name("DIR");
  verb->callback([internal, &exit_code] { exit_code = run(*internal); });
  return verb;
}

}  // namespace weir::cli
