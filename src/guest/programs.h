// Programs: which program of the guest holds the other end of an accepted connection.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/host_port.h"
#include "sandbox/process_table.h"
#include "sandbox/socket_owner.h"

namespace weir::guest {

struct Program {
  std::int32_t pid = 0;  ///< 0 = not found
  std::string name;
};

/// One thread. A lookup blocks: some 50 microseconds for a program that was seen before, never more than
/// kPatience, and all together a fifth of the time: who opens thousands at once is served before it is named.
class Programs {
 public:
  static constexpr Duration kPatience = std::chrono::milliseconds(5);
  static constexpr Duration kMostSaved = std::chrono::milliseconds(100);  ///< of time to look in
  static constexpr int kShare = 5;

  static Result<Programs> open();
  /// `client`: accepted; `to`: where its program meant to go.
  Program find(int client, const HostPort& to);

 private:
  Programs(sandbox::SocketOwner sockets, sandbox::ProcessTable table)
      : sockets_(std::move(sockets)), table_(std::move(table)) {}
  Program search(std::uint64_t inode);

  Duration saved_ = kMostSaved;
  TimePoint saved_at_ = steady_now();
  sandbox::SocketOwner sockets_;
  sandbox::ProcessTable table_;
};

}  // namespace weir::guest
