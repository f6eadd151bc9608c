// `weir filter generate`: rules that fit what was recorded.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/filter_draft.h"
#include "cli/filter_verbs.h"
#include "cli/output.h"
#include "cli/time_flag.h"
#include "cli/verbs.h"
#include "config/codecs.h"
#include "config/filter.h"
#include "flow/text.h"
#include "tls/file.h"

namespace weir::cli {
namespace {

constexpr std::size_t kNamed = 5;

struct GenerateFlags {
  Traffic traffic;
  DraftOptions draft;
  std::string file;
  bool force = false;
};

/// Says so when not.
bool may_write(const GenerateFlags& flags) {
  std::error_code ignored;  // what cannot be looked at cannot be written, and says so then
  if (flags.file.empty() || flags.force ||
      !std::filesystem::exists(std::filesystem::symlink_status(flags.file, ignored)))
    return true;
  fmt::print(stderr, "weir: {} exists already; --force replaces it\n", flow::printable(flags.file));
  return false;
}

/// The first few of a list, safe to print.
std::string some(std::vector<std::string> names) {
  std::size_t more = names.size() - std::min(names.size(), kNamed);
  names.resize(names.size() - more);
  for (std::string& each : names) each = flow::printable(each);
  return fmt::format("{}{}", fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

void warn_of(const FilterDraft::Tally& tally, std::string_view what, std::string_view flag) {
  if (tally.size() < 2) return;
  std::vector<std::string> named;
  for (const auto& [each, requests] : tally)
    named.push_back(fmt::format("{} ({})", each.empty() ? "one without a name" : each, requests));
  fmt::print(stderr,
             "weir: these rules come from {} {}, and let each do what any of them did; {} looks at one: {}\n",
             tally.size(), what, flag, some(std::move(named)));
}

void tell_left_out(const FilterDraft& draft) {
  std::vector<std::string> hosts = draft.left_out();
  if (hosts.empty()) return;
  fmt::print(stderr, "weir: left out, since they were blocked (--include-blocked puts them in): {}\n",
             some(std::move(hosts)));
}

int report_no_rule(const FilterDraft& draft) {
  tell_left_out(draft);
  fmt::print(stderr, "weir: no request was recorded there that a rule could be made of\n");
  return kExitError;
}

int write_file(const GenerateFlags& flags, const std::string& text, std::size_t rules) {
  if (!may_write(flags)) return kExitError;
  if (auto written = tls::write_atomically(flags.file, text, 0644); !written) return report(written.error());
  fmt::print("wrote {}: {} {}\n", flow::printable(flags.file), rules, rules == 1 ? "rule" : "rules");
  return kExitOk;
}

int print(const std::string& text) {
  ignore_sigpipe();
  Output out(STDOUT_FILENO);
  out.write(text);
  auto finished = out.finish();
  return finished ? kExitOk : report(finished.error());
}

int generate(GenerateFlags& flags) {
  if (!may_write(flags)) return kExitError;
  FilterDraft draft(flags.draft);
  auto visited = for_each_request(flags.traffic, [&](const PastRequest& request) { draft.add(request); });
  if (!visited) return report_no_traffic(flags.traffic, visited.error());
  report(*visited, flags.traffic);
  auto lines = draft.lines();
  if (lines.empty()) return report_no_rule(draft);
  tell_left_out(draft);
  if (draft.rules_allow()) {
    warn_of(draft.sessions(), "sessions", "--session ID");
    warn_of(draft.processes(), "programs", "--process NAME");
  }
  std::string text = draft.toml(lines);
  return flags.file.empty() ? print(text) : write_file(flags, text, lines.size());
}

void add_default_action(CLI::App& app, DraftOptions& draft) {
  app.add_option_function<std::string>(
         "--default-action",
         [&draft](const std::string& word) {
           config::Scalar scalar{.text = word};
           if (config::ActionWord::parse(scalar, {}, draft.default_action)) return;
           std::string accepted = "accepted are " + config::ActionWord::accepts();
           throw CLI::ValidationError("--default-action", accepted);  // hazard-ok: CLI11 knows no other way
         },
         "For hosts without a rule: block or ask, and rules allow what was seen; or allow, and rules block "
         "it")
      ->type_name("ACTION")
      ->default_str("block");
}

}  // namespace

void add_filter_generate(CLI::App& filter, int& exit_code) {
  auto flags = std::make_shared<GenerateFlags>();
  CLI::App* verb =
      filter.add_subcommand("generate", "Write a filter that fits what was recorded, a rule for each host");
  add_default_action(*verb, flags->draft);
  verb->add_flag("--group", flags->draft.group,
                 "One rule for hosts below the same registrable domain, where there are two or more");
  verb->add_flag("--methods", flags->draft.methods,
                 "Rules for the methods that were seen, not for every method");
  verb->add_option("--min-requests", flags->draft.min_requests,
                   "Leave out rules for fewer requests than this")
      ->type_name("N");
  verb->add_flag("--include-blocked", flags->draft.include_blocked,
                 "Allow hosts as well that were blocked when they were recorded");
  verb->add_option("-o,--output", flags->file, "Write this file, not standard output")->type_name("FILE");
  verb->add_flag("--force", flags->force, "Replace a file that exists");
  add_time_flag(*verb, "--since", flags->traffic.filter.since,
                "Only requests from this time on: 2024-01-15T12:00:00, a date, 1h, 2d, today ...");
  add_time_flag(*verb, "--until", flags->traffic.filter.until, "Only requests up to this time");
  add_traffic_flags(*verb, flags->traffic);
  verb->callback([flags, &exit_code] { exit_code = generate(*flags); });
}

}  // namespace weir::cli
