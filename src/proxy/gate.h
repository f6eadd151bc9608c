// Gate: where the walk asks policy, and people where policy says so, and writes what they said into the
// account.
#pragma once

#include <memory>

#include "async/loop.h"
#include "async/task.h"
#include "flow/flow.h"
#include "policy/policy.h"
#include "proxy/log_skip.h"
#include "proxy/petition.h"

namespace weir::proxy {

/// One a thread. The policy is replaced whole, on the loop's thread: what was judged stays judged, the next
/// request meets the new one, on kept-alive connections as well.
class Gate {
 public:
  /// `questions` outlives the gate; null: there is nobody to ask, and a question is a no. So does `skip`, if
  /// any: of what it keeps out of the record no log line tells.
  Gate(async::Loop& loop, std::shared_ptr<const policy::Policy> policy, Questions* questions,
       const LogSkip* skip = nullptr)
      : loop_(loop), policy_(std::move(policy)), questions_(questions), skip_(skip) {}

  void replace(std::shared_ptr<const policy::Policy> policy) { policy_ = std::move(policy); }
  const policy::Policy& policy() const { return *policy_; }

  enum class Passage : std::uint8_t { free, ask };
  /// Whether the request may pass, as far as that can be said without waiting; `ask`: go on with ask().
  /// Errors: blocked, with the words that the client is told. The verdict is written into `flow` either way.
  Result<Passage> judge(flow::Flow& flow, const policy::Question& question) const;

  /// Waits for a person's word on a request that judge() said `ask` of, then asks policy again, as it is by
  /// then. What `question` refers to must live as long. Errors: blocked; client_closed when the client went
  /// away. `flow` says meanwhile that it is being asked about, and in the end what came of it.
  async::Task<Result<void>> ask(flow::Flow& flow, policy::Question question, OnGone on_gone) const;

  /// A tunnel whose content nobody will see: judge() and, if need be, ask().
  async::Task<Result<void>> judge_tunnel(flow::Flow& flow, http::Origin origin, OnGone on_gone) const;

  /// Fails (blocked) where no request at all to this origin could pass, as far as that is known from the
  /// origin alone: for who can be told no later.
  Result<void> judge_host(flow::Flow& flow, const http::Origin& origin) const;

  /// True when no verdict on a request to this origin, and no remembered answer, can be other than allow.
  bool always_allows(const http::Origin& origin) const;
  /// True when no rule about some requests alone, and no question, can concern this host: tunnelling a client
  /// unread then goes around nothing.
  bool lets_pass_unread(const http::Origin& origin) const {
    return always_allows(origin) && !policy_->needs_requests(origin);
  }

 private:
  /// Null while nothing is remembered.
  const policy::RememberedAnswers* remembered() const;

  async::Loop& loop_;
  std::shared_ptr<const policy::Policy> policy_;
  Questions* questions_;
  const LogSkip* skip_;
  // The thread's own hold on the answers, so that looking them up takes no lock.
  mutable std::shared_ptr<const policy::RememberedAnswers> remembered_;
  mutable std::uint64_t edition_ = 0;
};

}  // namespace weir::proxy
