// RemoteChannel: brings batches of entries to one receiver, whatever it speaks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "store/remote_entry.h"

namespace weir::store {

/// How far a batch came: of its first `sent` + `refused` entries so many are with the receiver, the others
/// never will be; the rest is to be tried again, or at once where there is no error.
struct RemoteDelivery {
  std::size_t sent = 0, refused = 0;
  std::optional<Error> error;                 ///< why not all were sent; never has a secret in it
  std::chrono::milliseconds wait_at_least{};  ///< the receiver asked for it
};

/// What a receiver says it will not have of a batch that it has answered with success.
struct RemoteRefusal {
  std::size_t entries = 0;
  std::string why;  ///< in its words, safe to print; may be empty
};

/// When all waiting must end. Moved forward from another thread as Weir ends.
using RemoteDeadline = std::atomic<TimePoint>;

/// Used by one thread.
class RemoteChannel {
 public:
  virtual ~RemoteChannel() = default;
  /// Blocks, for as long as the channel's own limits and `deadline` say. `batch` is not empty.
  virtual RemoteDelivery send(std::span<const RemoteEntry> batch, const RemoteDeadline& deadline) = 0;
  /// Nothing more will be sent: waits until what was handed to the system has left it, as far as that can be
  /// known.
  virtual void finish(const RemoteDeadline&) {}
};

}  // namespace weir::store
