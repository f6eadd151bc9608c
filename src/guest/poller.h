// Poller: one thread's epoll, and who is called for each descriptor.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/fd.h"

namespace weir::guest {

/// Called for what happens on one descriptor. May not be destroyed within a round of Poller::wait.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void ready(std::uint32_t events) = 0;  ///< EPOLLIN and so on
};

class Poller {
 public:
  static Result<Poller> open();

  /// From now on `handler` is called for `events` of `fd`, until that is closed. False when the kernel has no
  /// room.
  bool add(int fd, std::uint32_t events, Handler& handler);
  /// Waits until something happens, or for so many milliseconds (-1: for ever), and makes the calls.
  void wait(int milliseconds);

 private:
  explicit Poller(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace weir::guest
