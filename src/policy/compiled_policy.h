// Policy::Compiled: the rules in order of evaluation and what finds them. Seen by the policy's own files
// alone.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "policy/domains.h"
#include "policy/policy.h"
#include "policy/screen.h"

namespace weir::policy {

class Policy::Compiled {
 public:
  static Result<std::unique_ptr<const Compiled>> compile(std::array<RuleSet, 5> layers);

  bool off() const { return off_; }
  Verdict decide(const Question& question) const;
  Verdict explain(const Question& question, std::vector<Considered>& considered) const;
  bool always_allows(const http::Origin& origin) const;
  bool needs_requests(const http::Origin& origin) const;

 private:
  /// Which rules are looked for. Of subjects that are not opaque all are certain or do not match.
  enum class Want : std::uint8_t {
    certain,    ///< that match every request to the host
    uncertain,  ///< that may match some request to the host
    refusing,   ///< uncertain, and block or ask
    blocking    ///< uncertain, and block
  };
  struct Default {
    Action action;
    Layer layer;
  };

  void take(std::array<RuleSet, 5> layers);
  /// Corp's block and ask rules, or all others.
  Result<> add_rules(bool refusals);
  Result<> add_domains();
  void index_rules();

  /// For a rule whose host matches.
  static bool wanted(const CompiledRule& rule, const Subject& subject, Want want);
  /// The rank of the first wanted rule before `limit`, else `limit`.
  std::uint32_t first(const Subject& subject, Want want, std::uint32_t limit = kNoRank) const;
  Verdict decide(const Subject& subject) const;
  /// The severest verdict on what servers may take the target for.
  Verdict decide_in_doubt(const Question& question, Subject& subject) const;
  /// Whether that may be another than the verdict on its canonical form.
  bool in_doubt(const Subject& subject) const {
    return looks_at_paths_ && !subject.opaque() && !subject.plain();
  }
  /// The severest verdict that some request to the host could get.
  Verdict decide_opaque(const Subject& subject) const;
  /// What corp's domain entries say when they block or ask.
  std::optional<Verdict> corp_refusal(const Subject& subject, bool reading) const;
  /// What `domains` say, path rules included, else the default action.
  Verdict of_domains(const Domains& domains, const Subject& subject) const;
  Verdict of_rule(std::uint32_t rank) const;
  static Verdict of_word(const Domains::Word& word);
  Verdict of_default() const;
  template <typename Matches>
  void note_match(Considered& line, const Question& question, const Matches& matches) const;
  void list_domains(const Question& question, const Verdict& verdict, std::vector<Considered>& out) const;

  std::array<RuleSet, 5> layers_;
  std::vector<CompiledRule> rules_;  ///< in order of evaluation; a rule's place here is its rank
  std::uint32_t refusals_ = 0;       ///< the first so many are corp's block and ask rules
  HostIndex index_;
  Screen hosts_{Scope::host};
  Screen paths_{Scope::path};
  Screen urls_{Scope::url};
  Domains corp_domains_;
  Domains domains_;  ///< of all layers
  Default default_{Action::allow, Layer::defaults};
  bool off_ = true;
  bool looks_at_paths_ = false;  ///< some rule does
};

}  // namespace weir::policy
