// ProcessClients: the clients of this machine, or of a sandbox, as sandbox::ProcessFinder finds them.
#pragma once

#include <sys/types.h>

#include <memory>

#include "proxy/senders.h"
#include "sandbox/process_finder.h"

namespace weir::app {

class ProcessClients final : public proxy::ClientFinder {
 public:
  /// Of this machine, as far as they connect from it: others are not asked for. `confined`: as
  /// sandbox::ProcessFinder::Options has it.
  static Result<std::unique_ptr<ProcessClients>> here(bool confined);
  /// All that come from the network namespace that `diagnosis`, a NETLINK_SOCK_DIAG socket, was opened in.
  static Result<std::unique_ptr<ProcessClients>> of(UniqueFd diagnosis, bool confined);

  /// Any thread: the process that clients most likely descend from.
  void set_root(pid_t root) { space_->set_root(root); }

  bool may_find(const std::string& local, const std::string& peer) const override;
  bool find(const std::string& from, const std::string& to, Answer answer) override;
  bool inspect(std::shared_ptr<const Process> process, Answer answer) override {
    return finder_->inspect(std::move(process), std::move(answer));
  }

 private:
  ProcessClients(std::shared_ptr<sandbox::ClientSpace> space, std::unique_ptr<sandbox::ProcessFinder> finder,
                 bool all)
      : space_(std::move(space)), finder_(std::move(finder)), all_(all) {}

  std::shared_ptr<sandbox::ClientSpace> space_;
  std::unique_ptr<sandbox::ProcessFinder> finder_;
  const bool all_;
};

}  // namespace weir::app
