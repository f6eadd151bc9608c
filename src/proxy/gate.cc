#include "proxy/gate.h"

#include <fmt/format.h>

namespace weir::proxy {
namespace {

using policy::Action;
using policy::Verdict;

// Whose word it was, and where to change it.
std::string told(const Verdict& verdict, std::string_view why) {
  if (verdict.pattern.empty() || verdict.source.empty()) return std::string(why);
  bool named = why.contains(verdict.pattern);
  return fmt::format("{}{} ({}: {})", why, named ? "" : fmt::format("; rule {}", verdict.pattern),
                     name(verdict.layer), verdict.source);
}

// The same of a person's word, or of the lack of one.
std::string told(const Verdict& verdict, const Decision& decision, const std::string& why) {
  switch (decision.by) {
    case Decision::By::person: return told(verdict, "blocked by user");
    case Decision::By::memory: return told(verdict, "blocked by user, in an answer that was remembered");
    case Decision::By::nobody: return told(verdict, why + "; `weir monitor` connects one");
    default: return told(verdict, why);
  }
}

void note(flow::Flow& flow, Action action, std::string why) {
  flow.filter_action = name(action);
  flow.filter_reason = std::move(why);
}

Failure block(flow::Flow& flow, std::string why, std::string words) {
  note(flow, Action::block, std::move(why));
  return fail(Code::blocked, std::move(words));
}

Inquiry inquiry_of(const flow::Flow& flow, const policy::Question& question, const Verdict& verdict) {
  return {.origin = question.origin,
          .method = std::string(question.method),
          .target = std::string(question.target),
          .opaque = question.opaque,
          .fields = telling_fields(flow.request.fields),
          .asker = policy::Asker(verdict),
          .why = verdict.explanation()};
}

}  // namespace

Result<Gate::Passage> Gate::judge(flow::Flow& flow, const policy::Question& question) const {
  if (policy_->off()) return Passage::free;
  Verdict verdict = policy_->decide(question);
  if (const auto* answers = remembered()) {
    if (auto answer = answers->find(question, verdict)) {
      Decision decision{Decision::By::memory, *answer};
      std::string why = explain(decision, {});
      if (*answer == Action::block) return block(flow, why, told(verdict, decision, why));
      note(flow, Action::allow, why);
      return Passage::free;
    }
  }
  note(flow, verdict.action, verdict.explanation());
  switch (verdict.action) {
    case Action::allow: return Passage::free;
    case Action::ask: return Passage::ask;
    case Action::block: break;
  }
  return fail(Code::blocked, told(verdict, flow.filter_reason));
}

async::Task<Result<void>> Gate::ask(flow::Flow& flow, policy::Question question, OnGone on_gone) const {
  std::optional<policy::Asker> granted;
  for (;;) {
    auto policy = policy_;  // the words of a verdict live as long as it does
    Verdict verdict = policy->decide(question);
    if (verdict.action == Action::block)
      co_return block(flow, verdict.explanation(), told(verdict, verdict.explanation()));
    // The rules may have changed while a person thought: an answer counts for the question it was given to.
    if (verdict.action == Action::allow || (granted && granted->asks(verdict))) co_return Result<void>();
    auto [decision, patience] =
        co_await ask_person(loop_, questions_, inquiry_of(flow, question, verdict), on_gone);
    std::string why = explain(decision, patience);
    if (decision.by == Decision::By::client) {
      note(flow, Action::block, why);
      co_return fail(Code::client_closed, why);
    }
    if (!(skip_ && skip_->matches(flow))) log_unanswered(question, why);
    if (decision.action != Action::allow) co_return block(flow, why, told(verdict, decision, why));
    note(flow, Action::allow, why);
    granted.emplace(verdict);
  }
}

async::Task<Result<void>> Gate::judge_tunnel(flow::Flow& flow, http::Origin origin, OnGone on_gone) const {
  policy::Question question{.origin = origin, .method = "CONNECT", .target = "", .opaque = true};
  auto judged = judge(flow, question);
  if (!judged) co_return pass(judged);
  if (*judged == Passage::free) co_return Result<void>();
  co_return co_await ask(flow, question, std::move(on_gone));
}

// Of an address the requests say later which host they are for.
Result<void> Gate::judge_host(flow::Flow& flow, const http::Origin& origin) const {
  if (policy_->off() || is_ip_literal(origin.place.host) || policy_->needs_requests(origin)) return {};
  auto judged = judge(flow, {.origin = origin, .method = "CONNECT", .target = "", .opaque = true});
  if (!judged) return pass(judged);
  return {};
}

bool Gate::always_allows(const http::Origin& origin) const {
  if (!policy_->always_allows(origin)) return false;
  const auto* answers = policy_->off() ? nullptr : remembered();
  return !answers || !answers->concerns(origin);
}

const policy::RememberedAnswers* Gate::remembered() const {
  if (!questions_) return nullptr;
  std::uint64_t edition = questions_->edition();
  if (edition == 0) return nullptr;
  if (edition != edition_) {
    remembered_ = questions_->remembered();
    edition_ = edition;
  }
  return remembered_.get();
}

}  // namespace weir::proxy
