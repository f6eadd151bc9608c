// PastTraffic: for each open question, what an answer at each of its scopes would have been about (mission
// L5).
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "async/loop.h"
#include "async/offload.h"
#include "control/ask_protocol.h"

namespace weir::control {

/// Belongs to its loop's thread, and reads what the project has recorded on a thread of its own: one pass at
/// a time, over the newest kMostRows rows and for kMostTime at most, for kAtOnce questions together.
class PastTraffic {
 public:
  static constexpr std::size_t kMostRows = 50'000;
  static constexpr auto kMostTime = std::chrono::seconds(1);
  static constexpr std::size_t kAtOnce = 16;

  /// Called on the loop's thread, once for each question that was not dropped before.
  using Deliver = std::function<void(proxy::QuestionId, const History&)>;
  PastTraffic(async::Loop& loop, std::filesystem::path project_dir, Deliver deliver);
  /// Waits for a pass that is under way to stop. The loop must not run any more.
  ~PastTraffic();

  /// `shown` as without_secrets() makes it: the record holds no more.
  void want(proxy::QuestionId id, std::shared_ptr<const proxy::Inquiry> shown);
  void drop(proxy::QuestionId id) { wanted_.erase(id); }

 private:
  using Batch = std::vector<std::pair<proxy::QuestionId, std::shared_ptr<const proxy::Inquiry>>>;
  void look();
  std::vector<History> count(const Batch& batch) const;

  async::Loop& loop_;
  const std::filesystem::path project_dir_;
  Deliver deliver_;
  std::map<proxy::QuestionId, std::shared_ptr<const proxy::Inquiry>> wanted_;
  bool busy_ = false;
  std::atomic<bool> stop_{false};
  async::WorkerPool reader_{1};  // ends first
};

}  // namespace weir::control
