// Questions: requests that wait for a person's word, as the walk sees them. Who answers is behind it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/message.h"
#include "policy/remembered.h"

namespace weir::proxy {

/// Counted from 1 within a session.
using QuestionId = std::uint64_t;

/// What is asked about. A whole copy: it may outlive the request.
struct Inquiry {
  http::Origin origin;
  std::string method;
  std::string target;   ///< as received, secrets included: never shown as it is
  bool opaque = false;  ///< a tunnel that nobody will look into
  http::Fields fields;  ///< of the request, those that help to decide; no secret in them
  policy::Asker asker;
  std::string why;    ///< the verdict in words
  bool once = false;  ///< an answer is for this request alone, and cannot be remembered

  policy::Question question() const { return {origin, method, target, opaque}; }
};

/// The URL that is asked about, without its secrets; of a tunnel its origin.
std::string shown_url(const policy::Question& question);

/// What became of a question.
struct Decision {
  enum class By : std::uint8_t {
    person,
    memory,   ///< an answer to another question, remembered while this one waited
    nobody,   ///< no monitor is connected
    time,     ///< no answer in time
    crowd,    ///< too many questions are open already
    client,   ///< the client is gone: nobody wants the answer
    shutdown  ///< Weir ends
  };
  By by = By::nobody;
  policy::Action action = policy::Action::block;  ///< allow or block
};
/// As flows keep it: "allowed by user decision", "unanswered: no monitor connected". `patience` is what a
/// question is given.
std::string explain(const Decision& decision, Duration patience);

/// Shared by all threads of a server; outlives their gates.
class Questions {
 public:
  virtual ~Questions() = default;

  /// Told once what became of the question, on any thread; posts it home and does nothing else.
  using Reply = std::move_only_function<void(const Decision&)>;
  struct Put {
    QuestionId id = 0;  ///< 0: it was decided at once, and `reply` is not called
    Decision decision;
    Duration patience{};  ///< the time within which an answer must come: the caller's to watch
  };
  virtual Put put(Inquiry inquiry, Reply reply) = 0;
  /// Who waited gives up; `reply` will not be called. False when the question was decided before: its reply
  /// has been called already.
  virtual bool withdraw(QuestionId id, Decision::By why) = 0;

  /// Changes whenever an answer is remembered; 0 while none is. What the walk looks at for each request.
  std::uint64_t edition() const { return edition_.load(std::memory_order_acquire); }
  virtual std::shared_ptr<const policy::RememberedAnswers> remembered() const = 0;

 protected:
  std::atomic<std::uint64_t> edition_{0};
};

}  // namespace weir::proxy
