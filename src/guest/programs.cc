#include "guest/programs.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace weir::guest {
namespace {

using sandbox::Endpoint;

std::optional<Endpoint> peer_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  Endpoint out;
  if (address.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    std::memcpy(out.address.data(), &v4.sin_addr, sizeof v4.sin_addr);
    out.port = ntohs(v4.sin_port);
    return out;
  }
  if (address.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof v6);
  std::memcpy(out.address.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  out.port = ntohs(v6.sin6_port);
  out.v6 = true;
  return out;
}

}  // namespace

Result<Programs> Programs::open() {
  auto sockets = sandbox::SocketOwner::open();
  if (!sockets) return pass(sockets);
  auto table = sandbox::ProcessTable::open();
  if (!table) return pass(table);
  return Programs(std::move(*sockets), std::move(*table));
}

Program Programs::find(int client, const HostPort& to) {
  auto local = peer_of(client), peer = Endpoint::parse(to.str());
  if (!local || !peer) return {};
  auto facts = sockets_.find({*local, *peer});
  // One that is gone already has no program, and a kernel that cannot tell is no reason not to serve it.
  if (!facts || !*facts || (*facts)->inode == 0) return {};
  table_.want({.inode = (*facts)->inode, .uid = (*facts)->uid});
  return search((*facts)->inode);
}

Program Programs::search(std::uint64_t inode) {
  TimePoint now = steady_now();
  saved_ = std::min(kMostSaved, saved_ + (now - saved_at_) / kShare);
  saved_at_ = now;
  table_.look_near(sandbox::ProcessTable::Reach::few);
  while (table_.wants_any() && saved_at_ - now < std::min(kPatience, saved_)) {
    table_.look_further();
    saved_at_ = steady_now();
  }
  saved_ -= saved_at_ - now;
  table_.forget(inode);
  [[maybe_unused]] auto missed = table_.take_missed();
  Program out;
  for (const auto& [found, process] : table_.take_found())
    if (found == inode) out = {process->pid, process->name};
  return out;
}

}  // namespace weir::guest
