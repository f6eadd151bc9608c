#include "proxy/gate.h"

#include <fmt/format.h>

namespace weir::proxy {
namespace {

constexpr std::string_view kNobodyToAsk = "unanswered: no monitor connected";

// Whose word it was, and where to change it.
std::string told(const policy::Verdict& verdict, std::string_view why) {
  if (verdict.pattern.empty() || verdict.source.empty()) return std::string(why);
  bool named = why.contains(verdict.pattern);
  return fmt::format("{}{} ({}: {})", why, named ? "" : fmt::format("; rule {}", verdict.pattern),
                     name(verdict.layer), verdict.source);
}

}  // namespace

Result<void> Gate::judge(flow::Flow& flow, const policy::Question& question) const {
  if (policy_->off()) return {};
  policy::Verdict verdict = policy_->decide(question);
  flow.filter_reason = verdict.explanation();
  if (verdict.action == policy::Action::allow) {
    flow.filter_action = name(policy::Action::allow);
    return {};
  }
  // An unanswered question is a no.
  flow.filter_action = name(policy::Action::block);
  if (verdict.action == policy::Action::ask) flow.filter_reason = kNobodyToAsk;
  return fail(Code::blocked, told(verdict, flow.filter_reason));
}

Result<void> Gate::judge_tunnel(flow::Flow& flow, const http::Origin& origin) const {
  return judge(flow, {.origin = origin, .method = "CONNECT", .target = "", .opaque = true});
}

}  // namespace weir::proxy
