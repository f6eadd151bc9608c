#include "config/project.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>

#include "config/filter.h"
#include "config/paths.h"
#include "config/trust.h"
#include "tls/file.h"

namespace weir::config {
namespace {

using policy::Action;

constexpr std::size_t kMaxFile = 4 << 20;

/// The words of an entry on anything.
std::vector<Action> words(const policy::DomainRule& domain) {
  std::vector<Action> out;
  for (const auto& word : {domain.read, domain.write, domain.other_paths})
    if (word) out.push_back(*word);
  for (const policy::PathRule& path : domain.paths) out.push_back(path.action);
  return out;
}

bool says(const policy::DomainRule& domain, Action action) {
  return std::ranges::count(words(domain), action) > 0;
}

/// How much an action holds back.
int strictness(Action action) {
  constexpr int kStrictness[] = {0, 2, 1};
  return kStrictness[std::to_underlying(action)];
}

/// The layers that weigh more than the project.
class Above {
 public:
  explicit Above(const FilterSettings& filter)
      : layers_(std::span(filter.layers).first(std::to_underlying(Layer::project))) {}

  Action default_action() const {
    for (const policy::RuleSet& layer : layers_)
      if (layer.default_action) return *layer.default_action;
    return Action::allow;
  }

  /// A question in place of such a block would widen: rules come before domains, and both before the default.
  bool blocks_where_a_project_may_ask() const {
    return default_action() == Action::block ||
           std::ranges::any_of(layers_, [](const policy::RuleSet& layer) {
             return std::ranges::any_of(layer.domains,
                                        [](const auto& domain) { return says(domain, Action::block); });
           });
  }

 private:
  std::span<const policy::RuleSet> layers_;
};

class Judge {
 public:
  Judge(const Configuration& loaded, Problems& problems)
      : above_(loaded.settings.filter), problems_(problems) {
    asking_widens_ = above_.blocks_where_a_project_may_ask();
  }

  void judge(const policy::Rule& rule) {
    const std::string what = "filter.rules: the rule \"" + rule.pattern + "\"";
    judge(rule.source, what, rule.action == Action::allow, rule.action == Action::ask);
  }
  void judge(const policy::DomainRule& domain) {
    const std::string what = "filter.domains: the entry \"" + domain.pattern + "\"";
    judge(domain.source, what, says(domain, Action::allow), says(domain, Action::ask));
  }
  void judge_default(Action action, const std::string& source) {
    if (strictness(action) >= strictness(above_.default_action())) return;
    complain(source, "filter.default_action: \"" + std::string(word(action)) + "\" is weaker than the \"" +
                         std::string(word(above_.default_action())) + "\" of the layers above");
  }

 private:
  void judge(const std::string& source, const std::string& what, bool allows, bool asks) {
    if (allows) return complain(source, what + " allows");
    if (asks && asking_widens_)
      complain(source, what + " asks, which would lift a block of the layers above");
  }
  void complain(const std::string& source, std::string text) {
    problems_.push_back({source, 0, 0, std::move(text) + "; " + kOnlyNarrow});
  }

  Above above_;
  Problems& problems_;
  bool asking_widens_;
};

}  // namespace

std::string project_path(const ProjectChoice& choice) {
  if (!choice.file.empty()) return canonical_file(choice.file);
  std::error_code error;  // without a working directory there is no project
  auto here = std::filesystem::current_path(error);
  std::string found = error ? std::string() : find_project_file(here.native());
  return found.empty() ? found : canonical_file(found);
}

Result<ProjectText> read_project(const std::string& path, ProjectTrust trust) {
  ProjectText out{.file = {.path = path, .trust = trust}};
  bool look_up = trust == ProjectTrust::look_up;
  auto said = look_up ? find_trust(path) : Result<std::optional<Trust>>(std::nullopt);
  if (!said) return pass(said);
  if (look_up) out.file.trust = ProjectTrust::none;
  auto text = tls::read_file(path, kMaxFile);
  if (!text && out.file.trust == ProjectTrust::none && !*said) return out;
  if (!text) return pass(text);
  out.text = std::move(*text);
  out.file.sha256 = content_hash(out.text);
  if (const auto& last = *said)
    out.file.trust = last->sha256 != out.file.sha256 ? ProjectTrust::changed
                     : last->widen                   ? ProjectTrust::widen
                                                     : ProjectTrust::narrow;
  return out;
}

std::string why_unused(const ProjectFile& file) {
  if (file.trust == ProjectTrust::narrow || file.trust == ProjectTrust::widen) return {};
  return std::string("is not used: ") +
         (file.trust == ProjectTrust::changed ? "it has changed since you trusted it"
                                              : "you have not trusted it") +
         ". Look at it, then: weir trust";
}

Problems widenings(const Configuration& loaded, const Origin& default_action) {
  Problems problems;
  const policy::RuleSet& own = loaded.settings.filter.layers[std::to_underlying(Layer::project)];
  Judge judge(loaded, problems);
  if (own.default_action) judge.judge_default(*own.default_action, default_action.str());
  for (const policy::Rule& rule : own.rules) judge.judge(rule);
  for (const policy::DomainRule& domain : own.domains) judge.judge(domain);
  return problems;
}

}  // namespace weir::config
