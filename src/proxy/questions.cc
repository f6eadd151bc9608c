#include "proxy/questions.h"

#include <fmt/format.h>

#include "flow/redaction.h"

namespace weir::proxy {
namespace {

std::string seconds_text(Duration duration) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}ms", ms);
}

}  // namespace

std::string shown_url(const policy::Question& question) {
  return flow::redacted_url(question.origin.str().append(question.target));
}

std::string explain(const Decision& decision, Duration patience) {
  bool allowed = decision.action == policy::Action::allow;
  switch (decision.by) {
    case Decision::By::person: return allowed ? "allowed by user decision" : "blocked by user decision";
    case Decision::By::memory: return "cached decision";
    case Decision::By::nobody: return "unanswered: no monitor connected";
    case Decision::By::time:
      return fmt::format("unanswered: request timed out ({}) waiting for user response",
                         seconds_text(patience));
    case Decision::By::crowd: return "unanswered: too many questions are open";
    case Decision::By::client: return "unanswered: the client went away";
    case Decision::By::shutdown: return "unanswered: Weir is shutting down";
  }
  return "";
}

}  // namespace weir::proxy
