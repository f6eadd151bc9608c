#include "control/past_traffic.h"

#include <unordered_set>

#include "store/past_requests.h"

namespace weir::control {
namespace {

/// One scope of one question, and what it has matched so far.
struct Tally {
  policy::Coverage coverage;
  PastMatches& matches;
  std::unordered_set<std::string> hosts;

  void add(const store::PastRequest& request, const policy::Question& question) {
    if (!coverage.covers(question)) return;
    ++matches.requests;
    matches.last = std::max(matches.last, request.started);
    if (hosts.insert(request.origin.place.host).second) ++matches.hosts;
  }
};

}  // namespace

PastTraffic::PastTraffic(async::Loop& loop, std::filesystem::path project_dir, Deliver deliver)
    : loop_(loop), project_dir_(std::move(project_dir)), deliver_(std::move(deliver)) {}

PastTraffic::~PastTraffic() { stop_.store(true, std::memory_order_relaxed); }

void PastTraffic::want(proxy::QuestionId id, std::shared_ptr<const proxy::Inquiry> shown) {
  wanted_.emplace(id, std::move(shown));
  look();
}

void PastTraffic::look() {
  if (busy_ || wanted_.empty()) return;
  busy_ = true;
  Batch batch;
  for (const auto& question : wanted_)
    if (batch.size() < kAtOnce) batch.push_back(question);
  reader_.submit([this, batch = std::move(batch)] {
    loop_.post([this, batch, histories = count(batch)] {
      busy_ = false;
      for (std::size_t i = 0; i < batch.size(); ++i)
        if (wanted_.erase(batch[i].first) > 0) deliver_(batch[i].first, histories[i]);
      look();
    });
  });
}

std::vector<History> PastTraffic::count(const Batch& batch) const {
  std::vector<History> out(batch.size());
  std::vector<Tally> tallies;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    policy::Question question = batch[i].second->question();
    for (policy::AnswerScope scope : policy::kAnswerScopes) {
      auto coverage = policy::Coverage::of(question, scope);
      if (!coverage) continue;
      PastMatches& matches = out[i].scopes[static_cast<std::size_t>(scope)].emplace();
      tallies.push_back({std::move(*coverage), matches, {}});
    }
  }
  TimePoint until = steady_now() + kMostTime;
  bool complete = store::visit_newest(project_dir_, kMostRows, [&](const store::PastRequest& request) {
    policy::Question question{request.origin, request.method, request.target, request.opaque};
    for (Tally& tally : tallies) tally.add(request, question);
    return !stop_.load(std::memory_order_relaxed) && steady_now() < until;
  });
  for (History& history : out) history.complete = complete;
  return out;
}

}  // namespace weir::control
