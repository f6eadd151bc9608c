#include "policy/policy.h"

#include "policy/compiled_policy.h"

namespace weir::policy {
namespace {

// More rules than this that share a key of hosts are sifted by a Screen, not tried one after another.
constexpr std::size_t kCrowd = 16;
constexpr std::string_view kOtherDoubt = "parameters, escapes or dots that some servers drop";

bool is_refusal(const Rule& rule) { return rule.layer == Layer::corp && rule.action != Action::allow; }

Verdict severer(const Verdict& a, const Verdict& b) {
  if (severity(a.action) != severity(b.action)) return severity(a.action) > severity(b.action) ? a : b;
  return a.basis == Basis::fallback ? b : a;
}

}  // namespace

Result<std::unique_ptr<const Policy::Compiled>> Policy::Compiled::compile(std::array<RuleSet, 5> layers) {
  auto out = std::make_unique<Compiled>();
  out->take(std::move(layers));
  for (bool refusals : {true, false}) {
    if (auto added = out->add_rules(refusals); !added) return pass(added);
    if (refusals) out->refusals_ = static_cast<std::uint32_t>(out->rules_.size());
  }
  if (auto added = out->add_domains(); !added) return pass(added);
  out->index_rules();
  return out;
}

void Policy::Compiled::take(std::array<RuleSet, 5> layers) {
  layers_ = std::move(layers);
  for (std::size_t i = layers_.size(); i-- > 0;) {
    RuleSet& set = layers_[i];
    auto layer = static_cast<Layer>(i);
    for (Rule& rule : set.rules) rule.layer = layer;
    for (DomainRule& rule : set.domains) rule.layer = layer;
    if (set.default_action) default_ = {*set.default_action, layer};
    off_ = off_ && !set.default_action && set.rules.empty() && set.domains.empty();
  }
}

Result<> Policy::Compiled::add_rules(bool refusals) {
  for (const RuleSet& set : layers_) {
    for (const Rule& rule : set.rules) {
      if (is_refusal(rule) != refusals) continue;
      auto compiled = CompiledRule::compile(rule);
      if (!compiled) return pass(compiled);
      looks_at_paths_ |= rule.scope != Scope::host;
      rules_.push_back(std::move(*compiled));
    }
  }
  return {};
}

Result<> Policy::Compiled::add_domains() {
  for (const RuleSet& set : layers_) {
    for (const DomainRule& rule : set.domains) {
      if (auto added = domains_.add(rule); !added) return added;
      if (rule.layer != Layer::corp) continue;
      if (auto added = corp_domains_.add(rule); !added) return added;
    }
  }
  looks_at_paths_ |= domains_.with_paths();
  return {};
}

void Policy::Compiled::index_rules() {
  HostIndex crowds;  // counts the rules that have more to match than their host
  for (std::uint32_t rank = 0; rank < rules_.size(); ++rank)
    if (rules_[rank].rest) crowds.add(rules_[rank].host, rank);
  for (std::uint32_t rank = 0; rank < rules_.size(); ++rank) {
    const CompiledRule& rule = rules_[rank];
    bool sifted =
        rule.rest && (rule.host.kind == HostPattern::Kind::every || crowds.count(rule.host) > kCrowd);
    if (!sifted)
      index_.add(rule.host, rank);
    else
      (rule.rule->scope == Scope::host ? hosts_ : rule.rule->scope == Scope::path ? paths_ : urls_).add(rank);
  }
  for (Screen* screen : {&hosts_, &paths_, &urls_}) screen->compile(rules_);
}

bool Policy::Compiled::wanted(const CompiledRule& rule, const Subject& subject, Want want) {
  Match match = rule.judge(subject);
  switch (want) {
    case Want::certain: return match == Match::yes;
    case Want::uncertain: return match == Match::maybe;
    case Want::refusing: return match == Match::maybe && rule.rule->action != Action::allow;
    case Want::blocking: return match == Match::maybe && rule.rule->action == Action::block;
  }
  return false;
}

std::uint32_t Policy::Compiled::first(const Subject& subject, Want want, std::uint32_t limit) const {
  index_.visit(subject.host(), [&](std::span<const HostIndex::Entry> entries) {
    for (const HostIndex::Entry& entry : entries) {
      if (entry.id >= limit) break;
      if (!entry.covers(subject.host().port()) || !wanted(rules_[entry.id], subject, want)) continue;
      limit = entry.id;
      break;
    }
    return limit == 0;
  });
  for (const Screen* screen : {&hosts_, &paths_, &urls_})
    limit = screen->first(subject, limit, [&](std::uint32_t rank) {
      return rules_[rank].host.matches(subject.host()) && wanted(rules_[rank], subject, want);
    });
  return limit;
}

Verdict Policy::Compiled::decide(const Subject& subject) const {
  std::uint32_t rank = first(subject, Want::certain);
  if (rank < refusals_) return of_rule(rank);
  if (auto corp = corp_refusal(subject, is_read(subject.method()))) return *corp;
  return rank == kNoRank ? of_domains(domains_, subject) : of_rule(rank);
}

Verdict Policy::Compiled::decide_in_doubt(const Question& question, Subject& subject) const {
  std::optional<Verdict> out;
  for (const std::string& reading : subject.readings()) {
    subject.read_as(reading);
    Verdict verdict = decide(subject);
    out = out ? severer(*out, verdict) : verdict;
    if (out->action == Action::block && out->basis != Basis::fallback) break;
  }
  Verdict trusting = decide(Subject(question, Subject::Trust::canonical));
  if (severity(out->action) == severity(trusting.action)) return *out;
  std::string_view mark = ambiguity(question.target);
  out->doubt = mark.empty() ? kOtherDoubt : mark;
  return *out;
}

Verdict Policy::Compiled::decide_opaque(const Subject& subject) const {
  std::uint32_t certain = first(subject, Want::certain);
  Verdict out = certain == kNoRank ? of_domains(domains_, subject) : of_rule(certain);
  if (certain >= refusals_) {
    auto read = corp_refusal(subject, true);
    auto write = corp_refusal(subject, false);
    if (read && write && read->basis == Basis::domain && write->basis == Basis::domain) {
      certain = refusals_;  // nothing after them is ever reached
      out = severer(*read, *write);
    } else {
      if (write) out = severer(*write, out);
      if (read) out = severer(*read, out);
    }
  }
  for (Want want : {Want::refusing, Want::blocking})
    if (std::uint32_t rank = first(subject, want, certain); rank != certain)
      out = severer(of_rule(rank), out);
  return out;
}

std::optional<Verdict> Policy::Compiled::corp_refusal(const Subject& subject, bool reading) const {
  if (corp_domains_.empty()) return std::nullopt;
  auto word = corp_domains_.word(subject, reading);
  return word && word->action != Action::allow ? std::optional(of_word(*word)) : std::nullopt;
}

Verdict Policy::Compiled::of_domains(const Domains& domains, const Subject& subject) const {
  if (domains.empty()) return of_default();
  auto of_kind = [&](bool reading) {
    auto word = domains.word(subject, reading);
    return word ? of_word(*word) : of_default();
  };
  if (!subject.opaque()) return of_kind(is_read(subject.method()));
  return severer(of_kind(true), of_kind(false));
}

Verdict Policy::Compiled::of_rule(std::uint32_t rank) const {
  const Rule& rule = *rules_[rank].rule;
  return {rule.action, Basis::rule, rule.layer, rule.pattern, rule.reason, rule.source};
}

Verdict Policy::Compiled::of_word(const Domains::Word& word) {
  const DomainRule& rule = *word.entry->rule;
  std::string_view pattern = word.narrowed_by ? *word.narrowed_by : rule.pattern;
  Basis basis = word.narrowed_by ? Basis::path_rule : Basis::domain;
  return {word.action, basis, rule.layer, pattern, rule.reason, rule.source};
}

Verdict Policy::Compiled::of_default() const { return {default_.action, Basis::fallback, default_.layer}; }

Verdict Policy::Compiled::decide(const Question& question) const {
  if (off_) return {};
  Subject subject(question);
  if (question.opaque) return decide_opaque(subject);
  return in_doubt(subject) ? decide_in_doubt(question, subject) : decide(subject);
}

bool Policy::Compiled::always_allows(const http::Origin& origin) const {
  return decide({origin, "", "", true}).action == Action::allow;
}

bool Policy::Compiled::needs_requests(const http::Origin& origin) const {
  if (off_) return false;
  Question question{origin, "", "", true};
  Subject subject(question);
  std::uint32_t certain = first(subject, Want::certain);
  if (first(subject, Want::uncertain, certain) != certain) return true;
  if (certain < refusals_) return false;
  return corp_domains_.varies(subject, Action::allow) ||
         (certain == kNoRank && domains_.varies(subject, default_.action));
}

std::string Verdict::explanation() const {
  if (basis == Basis::off) return "filtering disabled";
  if (basis == Basis::remembered) return "cached decision";
  std::string out;
  if (basis == Basis::fallback)
    out.append("no rule matched, using default action: ").append(name(action));
  else if (reason.empty())
    out.append("matched rule: ").append(pattern);
  else
    out = reason;
  if (!doubt.empty()) out.append("; the path can be read in two ways (").append(doubt).append(")");
  return out;
}

Policy::Policy() = default;
Policy::~Policy() = default;

Result<std::shared_ptr<const Policy>> Policy::compile(std::array<RuleSet, 5> layers) {
  auto compiled = Compiled::compile(std::move(layers));
  if (!compiled) return pass(compiled);
  std::shared_ptr<Policy> out(new Policy());
  out->compiled_ = std::move(*compiled);
  return out;
}

Verdict Policy::decide(const Question& question) const { return compiled_->decide(question); }
Verdict Policy::explain(const Question& question, std::vector<Considered>& considered) const {
  return compiled_->explain(question, considered);
}
bool Policy::off() const { return compiled_->off(); }
bool Policy::always_allows(const http::Origin& origin) const { return compiled_->always_allows(origin); }
bool Policy::needs_requests(const http::Origin& origin) const { return compiled_->needs_requests(origin); }

}  // namespace weir::policy
