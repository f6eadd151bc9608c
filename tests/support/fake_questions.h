// FakeQuestions: whoever is asked, played by the test.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "proxy/questions.h"

namespace weir::testing {

/// One thread. Questions wait until the test answers, or for 30 s.
class FakeQuestions final : public proxy::Questions {
 public:
  using By = proxy::Decision::By;

  Put put(proxy::Inquiry inquiry, Reply reply) override {
    Put out{.patience = std::chrono::seconds(30)};
    if (nobody) return out;
    out.id = asked.size() + 1;
    asked.push_back(std::move(inquiry));
    waiting[out.id] = std::move(reply);
    return out;
  }
  bool withdraw(proxy::QuestionId id, By why) override {
    if (last_word) return answer(id, *last_word), false;
    withdrawn.emplace_back(id, why);
    return waiting.erase(id) == 1;
  }
  std::shared_ptr<const policy::RememberedAnswers> remembered() const override { return answers_; }

  void answer(proxy::QuestionId id, policy::Action action, By by = By::person) {
    auto question = waiting.extract(id);
    question.mapped()({by, action});
  }
  void remember(const policy::Question& question, policy::AnswerScope scope, policy::Action action,
                const policy::Asker& asker = {}) {
    auto more = std::make_shared<policy::RememberedAnswers>(*answers_);
    more->add(*policy::Coverage::of(question, scope), asker, action);
    answers_ = more;
    ++edition_;
  }

  bool nobody = false;
  std::optional<policy::Action> last_word;  ///< given in the moment in which a question is withdrawn
  std::vector<proxy::Inquiry> asked;        ///< all of them, by id - 1
  std::map<proxy::QuestionId, Reply> waiting;
  std::vector<std::pair<proxy::QuestionId, By>> withdrawn;

 private:
  std::shared_ptr<const policy::RememberedAnswers> answers_ = std::make_shared<policy::RememberedAnswers>();
};

}  // namespace weir::testing
