#include "policy/remembered.h"

#include <algorithm>

#include "policy/canonical.h"
#include "policy/compiled_rule.h"
#include "policy/registrable_domain.h"
#include "policy/subject.h"

namespace weir::policy {
namespace {

/// "/v1/" of "/v1/users?page=2"; empty when that is the root or nothing.
std::string_view folder_of(std::string_view target) {
  std::string_view path = target.substr(0, path_length(target));
  std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos || slash == 0 ? std::string_view() : path.substr(0, slash + 1);
}

/// All that is sure of an ambiguous target; nothing of others, which are known by their canonical form.
std::string spelling_of(std::string_view target) {
  return is_ambiguous(target) ? canonical_escapes(target) : std::string();
}

bool is_below(std::string_view host, std::string_view domain) {
  return host == domain || (host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
}

/// "a.test", "a.test:8080": the port where the scheme alone does not say it.
std::string place_text(const std::string& host, const http::Origin& origin) {
  return HostPort{host, origin.place.port}.authority(origin.scheme == http::Scheme::https);
}

}  // namespace

std::string_view name(AnswerScope scope) {
  switch (scope) {
    case AnswerScope::url: return "url";
    case AnswerScope::path: return "path";
    case AnswerScope::method: return "method";
    case AnswerScope::host: return "host";
    case AnswerScope::domain: return "domain";
  }
  return "";
}

std::optional<AnswerScope> answer_scope(std::string_view text) {
  for (AnswerScope scope : kAnswerScopes)
    if (text == name(scope)) return scope;
  return std::nullopt;
}

std::optional<Coverage> Coverage::of(const Question& question, AnswerScope scope) {
  if (question.opaque && scope < AnswerScope::host) return std::nullopt;
  Subject subject(question);
  Coverage out;
  out.scope_ = scope;
  out.origin_ = question.origin;
  out.host_ = subject.host().text();
  if (scope <= AnswerScope::method) out.reads_ = is_read(question.method);
  switch (scope) {
    case AnswerScope::url:
      out.method_ = question.method;
      out.target_ = subject.target();
      out.spelling_ = spelling_of(question.target);
      break;
    case AnswerScope::path:
      out.target_ = folder_of(subject.target());
      if (out.target_.empty() || subject.ambiguous()) return std::nullopt;
      break;
    case AnswerScope::method:
    case AnswerScope::host: break;
    case AnswerScope::domain:
      out.host_ = registrable_domain(subject.host().text());
      if (out.host_.empty()) return std::nullopt;
      out.origin_.place.host = out.host_;
      break;
  }
  return out;
}

bool Coverage::covers_target(const Question& question, const Subject& subject) const {
  if (scope_ == AnswerScope::url)
    return subject.target() == target_ && spelling_of(question.target) == spelling_;
  return subject.path().starts_with(target_) && !subject.ambiguous();
}

bool Coverage::covers(const Question& question, const Subject& subject) const {
  if (subject.host().port() != origin_.place.port) return false;
  if (scope_ == AnswerScope::domain) return is_below(subject.host().text(), host_);
  if (subject.host().text() != host_) return false;
  if (scope_ == AnswerScope::host) return true;
  if (question.opaque) return false;
  if (scope_ == AnswerScope::url ? question.method != method_ : is_read(question.method) != reads_)
    return false;
  return scope_ == AnswerScope::method ||
         (question.origin.scheme == origin_.scheme && covers_target(question, subject));
}

bool Coverage::may_cover(const Question& question, const Subject& subject) const {
  bool about = scope_ == AnswerScope::path ? is_read(question.method) == reads_
                                           : scope_ == AnswerScope::url && question.method == method_;
  if (!about || question.opaque || subject.plain()) return false;
  return subject.ambiguous() || std::ranges::any_of(subject.readings(), [&](std::string_view reading) {
           return scope_ == AnswerScope::url ? reading == target_ : reading.starts_with(target_);
         });
}

bool Coverage::covers(const Question& question) const { return covers(question, Subject(question)); }

std::string Coverage::url_text(const std::string& target) const {
  return std::string(http::name(origin_.scheme)) + "://" + place_text(host_, origin_) + target;
}

std::string Coverage::describe() const {
  switch (scope_) {
    case AnswerScope::url: return method_ + " " + url_text(spelling_.empty() ? target_ : spelling_);
    case AnswerScope::path: return (reads_ ? "reading below " : "writing below ") + url_text(target_);
    case AnswerScope::method: return (reads_ ? "reading from " : "writing to ") + place_text(host_, origin_);
    case AnswerScope::host: return "everything at " + place_text(host_, origin_);
    case AnswerScope::domain: return "everything at and below " + place_text(host_, origin_);
  }
  return "";
}

bool Coverage::narrower(const Coverage& a, const Coverage& b) {
  if (a.scope_ != b.scope_) return a.scope_ < b.scope_;
  return a.target_.size() > b.target_.size();
}

Asker::Asker(const Verdict& verdict) : basis(verdict.basis) {
  if (basis == Basis::fallback) return;
  layer = verdict.layer;
  pattern = verdict.pattern;
  source = verdict.source;
}

bool Asker::asks(const Verdict& verdict) const {
  if (basis == Basis::fallback) return verdict.basis == basis;
  return basis == verdict.basis && layer == verdict.layer && source == verdict.source &&
         pattern == verdict.pattern;
}

template <typename Counts>
std::optional<Action> RememberedAnswers::narrowest(const Question& question, const Counts& counts) const {
  Subject subject(question);
  // What a wider answer allows may be what a narrower one blocks, spelled so that only the server knows.
  bool sure = true;
  auto first = [&](const Lists& lists, std::string_view name) -> const Entry* {
    auto list = lists.find(name);
    if (list == lists.end()) return nullptr;
    for (const Entry& entry : list->second) {
      if (!counts(entry.asker) || !entry.counts()) continue;
      if (entry.coverage.covers(question, subject)) return &entry;
      if (entry.action == Action::block && entry.coverage.may_cover(question, subject)) sure = false;
    }
    return nullptr;
  };
  const Entry* found = first(hosts_, subject.host().text());
  if (!found && !domains_.empty()) found = first(domains_, registrable_domain(subject.host().text()));
  if (!found || (found->action == Action::allow && !sure)) return std::nullopt;
  return found->action;
}

std::optional<Action> RememberedAnswers::find(const Question& question, const Verdict& verdict) const {
  if (verdict.basis != Basis::fallback && verdict.action != Action::ask) return std::nullopt;
  return narrowest(question, [&](const Asker& asker) { return asker.asks(verdict); });
}

std::optional<Action> RememberedAnswers::find(const Question& question, const Asker& asker) const {
  return narrowest(question, [&](const Asker& other) { return other == asker; });
}

bool RememberedAnswers::concerns(const http::Origin& origin) const {
  HostSubject host(origin.place);
  return hosts_.contains(host.text()) ||
         (!domains_.empty() && domains_.contains(registrable_domain(host.text())));
}

void RememberedAnswers::drop_expired() {
  for (Lists* lists : {&hosts_, &domains_})
    for (auto list = lists->begin(); list != lists->end();) {
      size_ -= std::erase_if(list->second, [](const Entry& entry) { return !entry.counts(); });
      list = list->second.empty() ? lists->erase(list) : std::next(list);
    }
}

bool RememberedAnswers::add(const Coverage& coverage, const Asker& asker, Action action, TimePoint until) {
  drop_expired();
  Lists& lists = coverage.scope() == AnswerScope::domain ? domains_ : hosts_;
  if (size_ == kMost && !lists.contains(coverage.host())) return false;
  std::vector<Entry>& list = lists[coverage.host()];
  auto same = [&](const Entry& entry) { return entry.coverage == coverage && entry.asker == asker; };
  if (auto old = std::ranges::find_if(list, same); old != list.end()) {
    old->action = action;
    old->until = until;
    return true;
  }
  if (size_ == kMost) return false;
  auto after = std::ranges::find_if(
      list, [&](const Entry& entry) { return Coverage::narrower(coverage, entry.coverage); });
  list.insert(after, {coverage, asker, action, until});
  ++size_;
  return true;
}

}  // namespace weir::policy
