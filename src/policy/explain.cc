#include "policy/compiled_policy.h"

namespace weir::policy {
namespace {

std::string describe(const CompiledRule& rule) {
  std::string out = "rule ";
  out.append(rule.rule->pattern).append(" (").append(name(rule.rule->action)).append(", ");
  out.append(name(rule.rule->scope)).append(" ").append(name(rule.type));
  if (!rule.methods.every()) out.append(", ").append(rule.methods.str());
  return out += ')';
}

std::string describe(const DomainRule& rule) {
  std::string out = "domain " + rule.pattern + " (";
  if (rule.read) out.append("read ").append(name(*rule.read));
  if (rule.read && rule.write) out += ", ";
  if (rule.write) out.append("write ").append(name(*rule.write));
  return out += ')';
}

std::string describe(std::string_view label, Action action) {
  std::string out = "path rule ";
  return out.append(label).append(" (").append(name(action)).append(")");
}

}  // namespace

/// Writes into `line` whether the rule matches, and where reading the path in another way made the
/// difference, which.
template <typename Matches>
void Policy::Compiled::note_match(Considered& line, const Question& question, const Matches& matches) const {
  Subject subject(question);
  if (!in_doubt(subject)) {
    line.matched = matches(subject);
    return;
  }
  bool trusting = matches(Subject(question, Subject::Trust::canonical));
  for (const std::string& reading : subject.readings()) {
    subject.read_as(reading);
    line.matched = matches(subject);
    if (!line.matched) continue;
    if (!trusting) line.note = "when read as " + reading;
    return;
  }
  if (!trusting) return;
  std::string_view mark = ambiguity(question.target);
  line.note = std::string("passed over: the path can be read in two ways (").append(mark).append(")");
  if (mark == kEncodedSlash) line.note += "; a pattern that spells it, \"/a/*%2F*\", allows it";
}

Verdict Policy::Compiled::explain(const Question& question, std::vector<Considered>& considered) const {
  Verdict verdict = decide(question);
  if (off_) return verdict;
  for (const CompiledRule& rule : rules_) {
    Considered line{describe(rule), rule.rule->source, rule.rule->layer};
    note_match(line, question, [&](const Subject& subject) {
      return rule.host.matches(subject.host()) && rule.judge(subject) != Match::no;
    });
    line.decided = verdict.basis == Basis::rule && verdict.pattern.data() == rule.rule->pattern.data();
    considered.push_back(std::move(line));
  }
  list_domains(question, verdict, considered);
  bool fallback = verdict.basis == Basis::fallback;
  considered.push_back(
      {std::string("default action ").append(name(default_.action)), "", default_.layer, fallback, fallback});
  return verdict;
}

void Policy::Compiled::list_domains(const Question& question, const Verdict& verdict,
                                    std::vector<Considered>& out) const {
  auto is = [&](const std::string& label) { return verdict.pattern == label; };
  bool domain_decided = verdict.basis == Basis::domain;
  bool path_decided = verdict.basis == Basis::path_rule;
  HostSubject place(question.origin.place);
  for (const Domains::Entry& entry : domains_.entries()) {
    const DomainRule& rule = *entry.rule;
    bool host = entry.host.matches(place);
    bool of_this = verdict.source.data() == rule.source.data();
    out.push_back(
        {describe(rule), rule.source, rule.layer, host, domain_decided && of_this && is(rule.pattern)});
    for (const Domains::Path& path : entry.paths) {
      Considered line{describe(path.label, path.rule->action), rule.source, rule.layer};
      note_match(line, question,
                 [&](const Subject& subject) { return host && (subject.opaque() || path.matches(subject)); });
      line.decided = path_decided && of_this && is(path.label);
      out.push_back(std::move(line));
    }
    if (rule.other_paths)
      out.push_back({describe(entry.others_label, *rule.other_paths), rule.source, rule.layer, host,
                     path_decided && of_this && is(entry.others_label)});
  }
}

}  // namespace weir::policy
