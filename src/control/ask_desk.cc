#include "control/ask_desk.h"

namespace weir::control {

using policy::Action;
using proxy::Decision;
using proxy::QuestionId;

void AskDesk::configure(Options options) {
  std::lock_guard lock(mutex_);
  options_ = options;
  if (options_.remember || !remembered_) return;
  remembered_ = nullptr;
  edition_.fetch_add(1, std::memory_order_release);
}

AskDesk::Options AskDesk::options() const {
  std::lock_guard lock(mutex_);
  return options_;
}

proxy::Questions::Put AskDesk::put(proxy::Inquiry inquiry, Reply reply) {
  std::lock_guard lock(mutex_);
  Put out{.patience = options_.patience};
  if (closed_ || monitors_ == 0 || open_.size() == kMostOpen) {
    out.decision.by = closed_          ? Decision::By::shutdown
                      : monitors_ == 0 ? Decision::By::nobody
                                       : Decision::By::crowd;
    return out;
  }
  // An answer may have come between the look at them and now.
  auto known =
      remembered_ && !inquiry.once ? remembered_->find(inquiry.question(), inquiry.asker) : std::nullopt;
  if (known) {
    out.decision = {Decision::By::memory, *known};
    return out;
  }
  out.id = ++last_id_;
  auto asked = std::make_shared<const Asked>(
      Asked{out.id, std::move(inquiry), steady_now() + options_.patience, options_.patience});
  open_.emplace(out.id, Open{asked, std::move(reply)});
  if (watcher_) watcher_->put(std::move(asked));
  return out;
}

bool AskDesk::withdraw(QuestionId id, Decision::By why) {
  std::lock_guard lock(mutex_);
  auto question = open_.find(id);
  if (question == open_.end()) return false;
  question->second.reply = nullptr;
  end(question, {why, Action::block});
  return true;
}

std::shared_ptr<const policy::RememberedAnswers> AskDesk::remembered() const {
  std::lock_guard lock(mutex_);
  return remembered_;
}

void AskDesk::watch(Watcher* watcher) {
  std::lock_guard lock(mutex_);
  watcher_ = watcher;
  if (!watcher_) return;
  for (const auto& [id, question] : open_) watcher_->put(question.asked);
}

void AskDesk::set_monitors(std::size_t count) {
  std::lock_guard lock(mutex_);
  monitors_ = count;
}

// Replies are called with the lock held, so that a question that is not open any more has had its reply.
void AskDesk::end(Questions::iterator question, const Decision& decision) {
  Open ended = std::move(question->second);
  open_.erase(question);
  if (ended.reply) ended.reply(decision);
  if (watcher_) watcher_->ended(ended.asked->id, decision);
}

AskDesk::Receipt AskDesk::answer(QuestionId id, Action action, std::optional<policy::AnswerScope> scope,
                                 TimePoint until) {
  std::lock_guard lock(mutex_);
  auto question = open_.find(id);
  if (question == open_.end()) return {id == 0 || id > last_id_ ? Answered::unknown : Answered::late};
  auto asked = question->second.asked;
  std::optional<policy::Coverage> coverage;
  if (scope && asked->inquiry.once) return {Answered::no_such_scope};
  if (scope) {
    coverage = policy::Coverage::of(asked->inquiry.question(), *scope);
    if (!coverage) return {Answered::no_such_scope};
  }
  end(question, {Decision::By::person, action});
  bool kept = coverage && options_.remember && remember(*asked, *coverage, action, until);
  if (kept) settle_known(asked->inquiry.asker);
  return {Answered::taken, kept};
}

bool AskDesk::remember(const Asked& asked, const policy::Coverage& coverage, Action action, TimePoint until) {
  auto more = remembered_ ? std::make_shared<policy::RememberedAnswers>(*remembered_)
                          : std::make_shared<policy::RememberedAnswers>();
  if (!more->add(coverage, asked.inquiry.asker, action, until)) return false;
  remembered_ = std::move(more);
  edition_.fetch_add(1, std::memory_order_release);
  return true;
}

void AskDesk::settle_known(const policy::Asker& asker) {
  for (auto question = open_.begin(); question != open_.end();) {
    auto current = question++;
    const proxy::Inquiry& inquiry = current->second.asked->inquiry;
    if (inquiry.once || inquiry.asker != asker) continue;
    if (auto known = remembered_->find(inquiry.question(), asker))
      end(current, {Decision::By::memory, *known});
  }
}

void AskDesk::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  while (!open_.empty()) end(open_.begin(), {Decision::By::shutdown, Action::block});
}

}  // namespace weir::control
