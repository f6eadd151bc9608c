#include "cli/ask_hint.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/trust_commands.h"
#include "config/filter.h"
#include "config/paths.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

using policy::Action;

constexpr auto kAsks = [](const auto& rule) { return rule.action == Action::ask; };

bool asks(const policy::DomainRule& rule) {
  return rule.read == Action::ask || rule.write == Action::ask || rule.other_paths == Action::ask ||
         std::ranges::any_of(rule.paths, kAsks);
}

bool asks(const policy::RuleSet& set) {
  return std::ranges::any_of(set.rules, kAsks) ||
         std::ranges::any_of(set.domains, [](const policy::DomainRule& rule) { return asks(rule); });
}

std::string own_data_dir() {
  std::error_code error;
  auto folder = config::find_project_data_dir(std::filesystem::current_path(error).native());
  return folder.value_or("");
}

}  // namespace

std::string ask_hint(const config::FilterSettings& filter, const std::string& socket) {
  bool all = config::effective_default(filter) == Action::ask;
  bool some = std::ranges::any_of(filter.layers, [](const policy::RuleSet& set) { return asks(set); });
  if (!all && !some) return {};
  bool found = socket.starts_with(own_data_dir() + "/");
  auto seconds = std::chrono::duration<double>(filter.ask_timeout).count();
  return fmt::format(
      "Filter: ask mode ({})\n\nRun in another terminal to approve/deny requests:\n  weir "
      "monitor{}\n\nRequests "
      "without response within {}s will be rejected.\n",
      all ? "default action for unmatched requests" : "for what some rules match",
      found ? "" : " " + flow::printable(shell_quoted(socket)), seconds);
}

}  // namespace weir::cli
