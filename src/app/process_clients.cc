#include "app/process_clients.h"

#include <array>

namespace weir::app {
namespace {

bool is_loopback(const sandbox::Endpoint& end) {
  if (!end.v6) return end.address[0] == 127;
  return end.address == std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

}  // namespace

Result<std::unique_ptr<ProcessClients>> ProcessClients::here(bool confined) {
  auto space = sandbox::ProcessFinder::space_here();
  if (!space) return pass(space);
  auto finder = sandbox::ProcessFinder::start({.confined = confined});
  if (!finder) return pass(finder);
  return std::unique_ptr<ProcessClients>(new ProcessClients(std::move(*space), std::move(*finder), false));
}

Result<std::unique_ptr<ProcessClients>> ProcessClients::of(UniqueFd diagnosis, bool confined) {
  auto finder = sandbox::ProcessFinder::start({.confined = confined});
  if (!finder) return pass(finder);
  auto space = sandbox::ProcessFinder::space_of(std::move(diagnosis));
  return std::unique_ptr<ProcessClients>(new ProcessClients(std::move(space), std::move(*finder), true));
}

// What came to a loopback address was sent here, and so was what comes from the address it came to.
bool ProcessClients::may_find(const std::string& local, const std::string& peer) const {
  auto ours = sandbox::Endpoint::parse(local), theirs = sandbox::Endpoint::parse(peer);
  if (!ours || !theirs) return false;  // a Unix socket
  return all_ || is_loopback(*theirs) || is_loopback(*ours) || ours->address == theirs->address;
}

bool ProcessClients::find(const std::string& from, const std::string& to, Answer answer) {
  auto local = sandbox::Endpoint::parse(from), peer = sandbox::Endpoint::parse(to);
  if (!local || !peer) return false;
  return finder_->find(space_, {*local, *peer}, std::move(answer));
}

}  // namespace weir::app
