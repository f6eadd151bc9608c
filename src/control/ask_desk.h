// AskDesk: the questions that wait for a person's word, and the answers that are remembered.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "proxy/questions.h"

namespace weir::control {

/// A question that was put. Immutable, and shared with whoever shows it.
struct Asked {
  proxy::QuestionId id = 0;
  proxy::Inquiry inquiry;
  TimePoint deadline;  ///< when it is withdrawn, unless it was decided
  Duration patience{};
};

/// Thread-safe. The walk's threads put questions and withdraw them; the control thread passes on what people
/// say. Whatever ends a question is said once: to who waits, by his reply, and to the watcher.
class AskDesk final : public proxy::Questions {
 public:
  struct Options {
    Duration patience = std::chrono::seconds(30);  ///< then a question that nobody answered is a no
    bool remember = true;                          ///< answers may be remembered
  };
  /// Questions open at once; each holds a client, and a person answers a few a minute.
  static constexpr std::size_t kMostOpen = 4096;

  explicit AskDesk(Options options) : options_(options) {}

  /// For questions that are put from now on. Without `remember`, what was remembered is forgotten.
  void configure(Options options);
  Options options() const;

  Put put(proxy::Inquiry inquiry, Reply reply) override;
  bool withdraw(proxy::QuestionId id, proxy::Decision::By why) override;
  std::shared_ptr<const policy::RememberedAnswers> remembered() const override;

  /// Told of each question once when it is put and once when it ends, in that order, on any thread. Must not
  /// call the desk, and only pass the news on.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void put(std::shared_ptr<const Asked> asked) = 0;
    virtual void ended(proxy::QuestionId id, const proxy::Decision& decision) = 0;
  };
  /// One at most, null for none; it is told of the questions that are open already. After a call with null
  /// the old one is not called any more.
  void watch(Watcher* watcher);
  /// How many monitors are connected. With none, a question is a no at once; those that are open already wait
  /// on for another monitor until their time is over.
  void set_monitors(std::size_t count);

  enum class Answered : std::uint8_t {
    taken,
    late,          ///< there was such a question; it is decided
    unknown,       ///< there was never such a question
    no_such_scope  ///< the question is open still: it has no such scope to remember an answer at
  };
  struct Receipt {
    Answered answered = Answered::taken;
    bool remembered = false;
  };
  /// What a person says: the first answer counts. With `scope` it is remembered until `until`, and decides
  /// all other open questions that it covers, unless a narrower answer may.
  Receipt answer(proxy::QuestionId id, policy::Action action, std::optional<policy::AnswerScope> scope,
                 TimePoint until = kNever);

  /// Every open question, and every one put from now on, is a no.
  void close();

 private:
  struct Open {
    std::shared_ptr<const Asked> asked;
    Reply reply;
  };
  using Questions = std::map<proxy::QuestionId, Open>;

  void end(Questions::iterator question, const proxy::Decision& decision);
  bool remember(const Asked& asked, const policy::Coverage& coverage, policy::Action action, TimePoint until);
  /// Ends what `asker` asks and is remembered by now.
  void settle_known(const policy::Asker& asker);

  mutable std::mutex mutex_;
  Options options_;
  Questions open_;
  proxy::QuestionId last_id_ = 0;
  std::shared_ptr<const policy::RememberedAnswers> remembered_;
  Watcher* watcher_ = nullptr;
  std::size_t monitors_ = 0;
  bool closed_ = false;
};

}  // namespace weir::control
