#include "async/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include <utility>

#include "base/log.h"

namespace weir::async {

Watch::Watch(Loop& loop, int fd) : loop_(loop), fd_(fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = this;
  if (epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    log::error("cannot watch descriptor {}: {}", fd, strerror(errno));
    cancelled_ = true;
  }
}

Watch::~Watch() { epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_DEL, fd_, nullptr); }

void Watch::cancel() {
  cancelled_ = true;
  if (reader_) reader_->wake(Wake::cancelled);
  if (writer_) writer_->wake(Wake::cancelled);
  // Who waits for something else on this peer's behalf must hear of it as well.
  if (hangup_) std::exchange(hangup_, nullptr)();
}

bool Watch::gone() const { return seen_ & (EPOLLERR | EPOLLHUP); }

bool Watch::hung_up() const { return gone() || (half_close_counts_ && (seen_ & EPOLLRDHUP)); }

void Watch::on_hangup(std::move_only_function<void()> call, bool half_close_counts) {
  half_close_counts_ = half_close_counts;
  hangup_ = std::move(call);
  if (hangup_ && hung_up()) std::exchange(hangup_, nullptr)();
}

void Watch::notice(std::uint32_t events) {
  seen_ |= events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP);
  bool gone = events & (EPOLLERR | EPOLLHUP);
  if (gone || (events & (EPOLLIN | EPOLLRDHUP))) {
    can_read_ = true;
    if (reader_) reader_->wake(Wake::ready);
  }
  if (gone || (events & EPOLLOUT)) {
    can_write_ = true;
    if (writer_) writer_->wake(Wake::ready);
  }
  if (edge_) edge_();
  if (hangup_ && hung_up()) std::exchange(hangup_, nullptr)();
}

}  // namespace weir::async
