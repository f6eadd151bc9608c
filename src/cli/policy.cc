// `weir policy test`: what another policy would have said of recorded requests.
#include "policy/policy.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/ascii.h"
#include "base/json.h"
#include "cli/blind_spots.h"
#include "cli/logs_options.h"
#include "cli/output.h"
#include "cli/policy_changes.h"
#include "cli/problems.h"
#include "cli/traffic.h"
#include "cli/verbs.h"
#include "config/load.h"

namespace weir::cli {
namespace {

// Beside those of every verb.
constexpr int kExitWider = 3;     ///< something changes to a less strict verdict
constexpr int kExitNarrower = 4;  ///< something changes, and only to stricter ones

constexpr const char* kUsualPeriod = "7d";

struct TestFlags {
  Traffic traffic;
  std::string file, base;
  bool against = false;  ///< --against was given
  std::string fail_on = "any";
  bool json = false;
};

/// A policy with what it was made of.
struct Judge {
  config::Configuration loaded;
  std::shared_ptr<const policy::Policy> policy;
  BlindSpots blind_spots;  ///< views the rules in `loaded`, which do not move when it does

  Side side(std::string label) const {
    return {std::move(label), loaded.origin("filter.default_action").str()};
  }
};

/// The layers with `file` in the place of the user's; with "" that of the user himself. Nothing after
/// problems, which have been reported.
std::optional<Judge> load_judge(const std::string& file, bool with_warnings) {
  auto loaded = config::load({.file = file, .file_required = !file.empty()});
  if (!loaded) {
    report(loaded.error());
    return std::nullopt;
  }
  if (with_warnings) report(loaded->warnings);
  Judge judge{.loaded = std::move(*loaded), .policy = {}, .blind_spots = {}};
  const auto& layers = judge.loaded.settings.filter.layers;
  auto policy = policy::Policy::compile(layers);
  auto blind_spots = policy ? BlindSpots::compile(layers) : Result<BlindSpots>(pass(policy));
  if (!blind_spots) {
    report(blind_spots.error());
    return std::nullopt;
  }
  judge.policy = std::move(*policy);
  judge.blind_spots = std::move(*blind_spots);
  return judge;
}

int status_of(const PolicyChanges& changes, const TestFlags& flags) {
  if (flags.fail_on == "never") return kExitOk;
  if (changes.count(Turn::wider) > 0) return kExitWider;
  return changes.count(Turn::narrower) > 0 && flags.fail_on == "any" ? kExitNarrower : kExitOk;
}

int print(const PolicyChanges& changes, const TestFlags& flags) {
  ignore_sigpipe();
  Output out(STDOUT_FILENO);
  if (flags.json) {
    JsonWriter json(out.buffer(), 2);
    changes.write(json);
    out.write("\n");
  } else {
    out.write(changes.text());
  }
  auto finished = out.finish();
  return finished ? status_of(changes, flags) : report(finished.error());
}

int test(TestFlags& flags) {
  Traffic& traffic = flags.traffic;
  bool everything = flags.against || !traffic.source.from.empty() || !traffic.place.session.empty();
  if (!everything) traffic.filter.since = parse_time(kUsualPeriod, wall_now()).value_or(0);
  auto before = load_judge(flags.base, true);
  auto after = load_judge(flags.file, false);
  if (!before || !after) return kExitUsage;
  PolicyChanges changes(before->side(flags.base.empty() ? "the policy in force" : flags.base),
                        after->side(flags.file));
  auto visited = for_each_request(traffic, [&](const PastRequest& request) {
    policy::Question question = request.question();
    bool blind = before->blind_spots.concern(question) || after->blind_spots.concern(question);
    changes.add(request.head, before->policy->decide(question), after->policy->decide(question), blind);
  });
  if (!visited) return report_no_traffic(traffic, visited.error());
  report(*visited, traffic);
  if (changes.requests() > 0) return print(changes, flags);
  fmt::print(stderr, "weir: no request was recorded there, so nothing was tested\n");
  return kExitError;
}

/// The beginning of an id such as "20240115-103005-a1b2".
bool begins_session_id(std::string_view text) {
  constexpr std::string_view kShape = "00000000-000000-xxxx";
  auto fits = [](char shape, char c) {
    return shape == '-' ? c == '-' : is_digit(c) || (shape == 'x' && c >= 'a' && c <= 'f');
  };
  return !text.empty() && text.size() <= kShape.size() &&
         std::ranges::equal(kShape.substr(0, text.size()), text, fits);
}

/// A time, or the beginning of the id of a session.
void set_against(const std::string& text, TestFlags& flags) {
  flags.against = true;
  auto time = parse_time(text, wall_now());
  if (time) {
    flags.traffic.filter.since = *time;
  } else if (begins_session_id(text)) {
    flags.traffic.place.session = text;
  } else {
    throw CLI::ValidationError(  // hazard-ok: CLI11 knows no other way
        "--against", time.error().context() + "; or the id of a session, 20240115-103000-a1b2");
  }
}

}  // namespace

void add_policy(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<TestFlags>();
  CLI::App* verb = app.add_subcommand("policy", "Try a policy on what was recorded");
  verb->require_subcommand(1);
  CLI::App* sub = verb->add_subcommand("test",
                                       "Show which recorded requests FILE would judge otherwise than the "
                                       "policy in force; ends with 3 if it lets "
                                       "through more, 4 if only less, 0 if nothing changes");
  sub->add_option("file", flags->file, "A configuration file, to stand in the place of the user's")
      ->type_name("FILE")
      ->required();
  sub->add_option_function<std::string>(
         "--against", [flags](const std::string& text) { set_against(text, *flags); },
         "Requests since this time (7d, today, 2024-01-15 ...), or of this session; default: 7d, and all of "
         "--session and --from-logs")
      ->type_name("TIME|ID");
  sub->add_option("--base", flags->base, "Compare with this configuration file in the place of the user's")
      ->type_name("FILE");
  sub->add_option("--fail-on", flags->fail_on,
                  "Which changes end with 3 or 4: those that widen, any (default), or never")
      ->check(CLI::IsMember({"widen", "any", "never"}))
      ->type_name("WHAT");
  sub->add_flag("--json", flags->json, "As JSON");
  add_traffic_flags(*sub, flags->traffic);
  sub->callback([flags, &exit_code] { exit_code = test(*flags); });
}

}  // namespace weir::cli
