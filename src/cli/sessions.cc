// `weir sessions list | show | prune`: what was recorded, session by session.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "base/json.h"
#include "cli/count_flag.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/problems.h"
#include "cli/sessions_text.h"
#include "cli/time_flag.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "config/paths.h"
#include "config/value.h"
#include "flow/text.h"
#include "store/retention.h"

namespace weir::cli {
namespace {

using store::SessionAccount;

struct Sessions {
  Place place;
  std::string id;
  store::PruneLimits limits;
  bool json = false;
  bool dry_run = false;
};

Result<std::filesystem::path> catalog() {
  auto root = config::data_root();
  if (!root) return pass(root);
  return std::filesystem::path(*root) / "catalog.db";
}

Result<std::vector<SessionAccount>> accounts_of(const Sessions& sessions) {
  auto scope = scope_of(sessions.place);
  if (!scope) return pass(scope);
  auto known = catalog();
  if (!known) return pass(known);
  return store::session_accounts(scope->project_dirs, *known);
}

int finish(Output& out) {
  auto finished = out.finish();
  return finished ? kExitOk : report(finished.error());
}

int list(const Sessions& sessions) {
  auto accounts = accounts_of(sessions);
  if (!accounts) return report_missing(accounts.error());
  Output out(STDOUT_FILENO);
  if (sessions.json) {
    JsonWriter json(out.buffer(), 2);
    json.begin_array();
    for (const SessionAccount& account : *accounts) write_session(json, account);
    json.end_array();
    out.write("\n");
  } else if (accounts->empty()) {
    fmt::print(stderr, "weir: no session has been recorded here; --all looks at every project\n");
  } else {
    out.write(sessions_table(*accounts, sessions.place.all));
  }
  return finish(out);
}

// The beginning of an id, or the digits at its end, by which flows are named.
Result<SessionAccount> find(const Sessions& sessions) {
  auto accounts = accounts_of(sessions);
  if (!accounts) return pass(accounts);
  const SessionAccount* found = nullptr;
  for (const SessionAccount& account : *accounts) {
    const std::string& id = account.record.id;
    if (!id.starts_with(sessions.id) && !id.ends_with("-" + sessions.id)) continue;
    if (found)
      return fail(Code::not_found, fmt::format("more than one session is meant by \"{}\": {}, {}",
                                               sessions.id, found->record.id, id));
    found = &account;
  }
  if (!found) return fail(Code::not_found, fmt::format("there is no session \"{}\" here", sessions.id));
  return *found;
}

int show(const Sessions& sessions) {
  auto account = find(sessions);
  if (!account) return report_missing(account.error());
  Output out(STDOUT_FILENO);
  if (sessions.json) {
    JsonWriter json(out.buffer(), 2);
    write_session(json, *account);
    out.write("\n");
  } else {
    out.write(session_text(*account));
  }
  return finish(out);
}

std::uint64_t parsed_size(const std::string& text) {
  auto bytes = config::parse_size(text);
  if (!bytes) bytes = config::parse_size(text + "iB");  // "2G"
  if (!bytes)
    throw CLI::ValidationError(  // hazard-ok: CLI11 knows no other way
        "--max-size", "\"" + text + "\" is not a size; accepted are 500M, 2G, 2GiB, 2GB and bytes");
  return *bytes;
}

// What the configuration says of retention.
std::optional<store::PruneLimits> configured_limits() {
  auto loaded = config::load({});
  if (!loaded) {
    report(loaded.error());
    return std::nullopt;
  }
  const config::CaptureSettings& capture = loaded->settings.capture;
  store::PruneLimits limits;
  if (capture.retention_days > 0)
    limits.older_than =
        wall_now() - std::chrono::nanoseconds(std::chrono::days(capture.retention_days)).count();
  if (capture.retention_bytes > 0) limits.bytes = capture.retention_bytes;
  return limits;
}

struct Pruned {
  std::vector<const SessionAccount*> sessions;
  std::uint64_t bytes = 0;
  bool failed = false;
};

Pruned prune_all(const std::vector<const SessionAccount*>& chosen, const std::filesystem::path& catalog,
                 bool dry_run) {
  Pruned pruned;
  for (const SessionAccount* account : chosen) {
    auto freed = dry_run ? static_cast<std::uint64_t>(account->record.bytes)
                         : store::remove_session(account->directory, catalog);
    if (freed) {
      pruned.sessions.push_back(account);
      pruned.bytes += *freed;
      continue;
    }
    report(freed.error());
    pruned.failed = true;
  }
  return pruned;
}

void print(const Pruned& pruned, const Sessions& sessions, Output& out) {
  if (sessions.json) {
    JsonWriter json(out.buffer(), 2);
    json.begin_object().field("removed", !sessions.dry_run).field("bytes", pruned.bytes).key("sessions");
    json.begin_array();
    for (const SessionAccount* account : pruned.sessions) write_session(json, *account);
    json.end_array().end_object();
    out.write("\n");
    return;
  }
  for (const SessionAccount* account : pruned.sessions)
    out.write(fmt::format("{} {}  {}\n", sessions.dry_run ? "would remove" : "removed", account->record.id,
                          flow::size_text(static_cast<std::uint64_t>(account->record.bytes))));
  out.write(fmt::format("{} session{}, {}\n", pruned.sessions.size(), pruned.sessions.size() == 1 ? "" : "s",
                        flow::size_text(pruned.bytes)));
}

int prune(const Sessions& sessions) {
  std::optional limits = sessions.limits;
  if (!limits->older_than && !limits->keep && !limits->bytes) limits = configured_limits();
  if (!limits) return kExitUsage;
  auto known = catalog();
  auto accounts = accounts_of(sessions);
  if (!known || !accounts) return report_missing(known ? accounts.error() : known.error());
  Output out(STDOUT_FILENO);
  Pruned pruned = prune_all(store::to_prune(*accounts, *limits), *known, sessions.dry_run);
  print(pruned, sessions, out);
  int status = finish(out);
  return pruned.failed ? kExitError : status;
}

void add_place(CLI::App& app, Sessions& sessions) {
  auto* all = app.add_flag("--all", sessions.place.all, "Every project, not only the working directory's");
  app.add_option("--data", sessions.place.data, "This data folder")->type_name("DIR")->excludes(all);
  app.add_flag("--json", sessions.json, "As JSON");
}

void add_prune(CLI::App& verb, std::shared_ptr<Sessions> sessions, int& exit_code) {
  CLI::App* prune_verb = verb.add_subcommand("prune", "Remove sessions, never a live one");
  store::PruneLimits& limits = sessions->limits;
  add_time_flag(*prune_verb, "--older-than", limits.older_than,
                "Those that ended before this: 12h, 7d, 2024-01-15 ...");
  prune_verb
      ->add_option_function<std::string>(
          "--max-size", [&limits](const std::string& text) { limits.bytes = parsed_size(text); },
          "The oldest, until all together need no more: 500M, 2G")
      ->type_name("SIZE");
  add_count_flag(*prune_verb, "--keep", limits.keep,
                 "The newest N stay whatever the others say; alone: all but those go");
  prune_verb->add_flag("--dry-run", sessions->dry_run, "Only say what would go");
  add_place(*prune_verb, *sessions);
  prune_verb->footer(
      "Without --older-than, --max-size and --keep: what capture.retention_days and "
      "capture.retention_bytes say.");
  prune_verb->callback([sessions, &exit_code] { exit_code = prune(*sessions); });
}

}  // namespace

void add_sessions(CLI::App& app, int& exit_code) {
  auto sessions = std::make_shared<Sessions>();
  CLI::App* verb = app.add_subcommand("sessions", "List, show or remove recorded sessions");
  verb->require_subcommand(1);
  CLI::App* list_verb = verb->add_subcommand("list", "The recorded sessions, oldest first");
  add_place(*list_verb, *sessions);
  list_verb->callback([sessions, &exit_code] { exit_code = list(*sessions); });
  CLI::App* show_verb = verb->add_subcommand("show", "One session and its files");
  show_verb->add_option("id", sessions->id, "Its id, the beginning of it, or the four digits at its end")
      ->required();
  add_place(*show_verb, *sessions);
  show_verb->callback([sessions, &exit_code] { exit_code = show(*sessions); });
  add_prune(*verb, sessions, exit_code);
}

}  // namespace weir::cli
