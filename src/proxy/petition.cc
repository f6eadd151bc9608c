#include "proxy/petition.h"

#include <memory>

#include "async/signal.h"
#include "base/log.h"
#include "flow/text.h"

namespace weir::proxy {
namespace {

constexpr std::string_view kUnanswered = "unanswered: ";
// Of a URL, in a log line: the record has the whole.
constexpr std::size_t kMostLogged = 1000;

// One question on its way. Shared with who answers: his word may come when nobody waits any more.
struct Pending {
  explicit Pending(async::Loop& loop) : told(loop) {}
  async::Signal told;
  std::optional<Decision> decision;
  bool gone = false;
};

async::Task<Decision> wait(async::Loop& loop, Questions& questions, Pending& pending, QuestionId id,
                           Duration patience) {
  TimePoint deadline = loop.now() + patience;
  for (;;) {
    async::Wake woken = co_await pending.told.wait(deadline);
    if (pending.decision) co_return *pending.decision;
    if (deadline == kNever) continue;  // the reply is on its way
    if (!pending.gone && woken != async::Wake::timeout) continue;
    auto why = pending.gone ? Decision::By::client : Decision::By::time;
    if (questions.withdraw(id, why)) co_return Decision{why, policy::Action::block};
    deadline = kNever;
  }
}

}  // namespace

async::Task<Outcome> ask_person(async::Loop& loop, Questions* questions, Inquiry inquiry, OnGone& on_gone) {
  if (!questions) co_return Outcome{};
  auto pending = std::make_shared<Pending>(loop);
  on_gone([pending] {
    pending->gone = true;
    pending->told.notify();
  });
  Outcome out{{Decision::By::client, policy::Action::block}, {}};
  if (!pending->gone) {
    auto reply = [pending, &loop](const Decision& made) {
      loop.post([pending, made] {
        pending->decision = made;
        pending->told.notify();
      });
    };
    Questions::Put put = questions->put(std::move(inquiry), std::move(reply));
    out.patience = put.patience;
    out.decision =
        put.id == 0 ? put.decision : co_await wait(loop, *questions, *pending, put.id, put.patience);
  }
  on_gone(nullptr);
  co_return out;
}

http::Fields telling_fields(const http::Fields& fields) {
  http::Fields out;
  for (std::string_view each : {"Content-Type", "User-Agent"})
    if (auto value = fields.get(each)) out.add(each, *value);
  if (fields.has("authorization")) out.add("Authorization", "[REDACTED]");
  return out;
}

void log_unanswered(const policy::Question& question, std::string_view why) {
  if (!why.starts_with(kUnanswered)) return;
  log::warn("UNANSWERED: {} {} - {} (rejected)", flow::fitted(question.method, kMostLogged),
            flow::fitted(shown_url(question), kMostLogged), why.substr(kUnanswered.size()));
}

}  // namespace weir::proxy
