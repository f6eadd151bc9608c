#include "guest/poller.h"

#include <errno.h>
#include <sys/epoll.h>

namespace weir::guest {

constexpr int kMostEvents = 256;

Result<Poller> Poller::open() {
  UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!fd) return fail_errno(Code::io, "epoll", errno);
  return Poller(std::move(fd));
}

bool Poller::add(int fd, std::uint32_t events, Handler& handler) {
  epoll_event event{.events = events, .data = {.ptr = &handler}};
  return ::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::wait(int milliseconds) {
  epoll_event events[kMostEvents];
  int count = ::epoll_wait(fd_.get(), events, kMostEvents, milliseconds);
  for (int i = 0; i < count; ++i) static_cast<Handler*>(events[i].data.ptr)->ready(events[i].events);
}

}  // namespace weir::guest
