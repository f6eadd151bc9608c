#include "async/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstdlib>

#include "async/watch.h"
#include "base/log.h"

namespace weir::async {
namespace {

thread_local Loop* t_current = nullptr;
constexpr int kEventsPerPoll = 256;

}  // namespace

void Timer::schedule(TimePoint at) {
  if (at == kNever) return cancel();
  TimePoint old = at_;
  at_ = at;
  if (armed()) {
    if (at < old) {
      loop_->heap_up(index_);
    } else {
      loop_->heap_down(index_);
    }
    return;
  }
  loop_->heap_.push_back(this);
  index_ = loop_->heap_.size() - 1;
  loop_->heap_up(index_);
}

void Timer::cancel() {
  if (armed()) loop_->heap_remove(index_);
}

Loop::Loop(Time time)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      time_(time),
      now_(steady_now()) {
  if (!epoll_ || !event_) {
    log::error("cannot make an event loop: {}", strerror(errno));
    std::abort();
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_.get(), &event);
}

Loop::~Loop() = default;

Loop& Loop::current() { return *t_current; }

void Loop::post(std::move_only_function<void()> work) {
  bool first;
  {
    std::lock_guard lock(posted_mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  // Only the first post of a round has to wake the loop. An eventfd write fails only when its counter is
  // full, and then the loop is awake already.
  if (first) eventfd_write(event_.get(), 1);
}

void Loop::stop() {
  post([this] {
    std::lock_guard lock(posted_mutex_);
    stop_ = true;
  });
}

void Loop::run() {
  t_current = this;
  for (;;) {
    {
      std::lock_guard lock(posted_mutex_);
      if (stop_) break;
    }
    poll(ready_.empty() ? poll_timeout() : 0);
    fire_timers();
    run_posted();
    run_ready();
  }
  stop_ = false;
}

void Loop::run_until_idle() {
  t_current = this;
  for (;;) {
    poll(0);
    fire_timers();
    bool more_posted = run_posted();
    if (ready_.empty() && !more_posted) return;
    run_ready();
  }
}

void Loop::advance(Duration by) { now_ += by; }

int Loop::poll_timeout() const {
  if (heap_.empty()) return -1;
  auto left = heap_.front()->at_ - steady_now();
  if (left <= Duration::zero()) return 0;
  auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<std::int64_t>(ms, 60'000));
}

void Loop::poll(int timeout_ms) {
  epoll_event events[kEventsPerPoll];
  int count = epoll_wait(epoll_.get(), events, kEventsPerPoll, timeout_ms);
  if (time_ == Time::steady) now_ = steady_now();
  for (int i = 0; i < count; ++i) {
    if (auto* watch = static_cast<Watch*>(events[i].data.ptr)) {
      watch->notice(events[i].events);
    } else {
      eventfd_t value;
      eventfd_read(event_.get(), &value);
    }
  }
}

void Loop::run_ready() {
  // One round: what the resumed coroutines make ready runs after the next poll, so sockets are never starved.
  running_.swap(ready_);
  for (std::size_t i = 0; i < running_.size(); ++i) running_[i].resume();
  running_.clear();
}

bool Loop::run_posted() {
  std::vector<std::move_only_function<void()>> work;
  {
    std::lock_guard lock(posted_mutex_);
    if (posted_.empty()) return false;
    work.swap(posted_);
  }
  for (auto& item : work) item();
  return true;
}

void Loop::fire_timers() {
  while (!heap_.empty() && heap_.front()->at_ <= now_) {
    Timer* timer = heap_.front();
    heap_remove(0);
    timer->fire();
  }
}

void Loop::heap_put(std::size_t at, Timer* timer) {
  heap_[at] = timer;
  timer->index_ = at;
}

void Loop::heap_up(std::size_t at) {
  Timer* timer = heap_[at];
  while (at > 0) {
    std::size_t parent = (at - 1) / 2;
    if (heap_[parent]->at_ <= timer->at_) break;
    heap_put(at, heap_[parent]);
    at = parent;
  }
  heap_put(at, timer);
}

void Loop::heap_down(std::size_t at) {
  Timer* timer = heap_[at];
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->at_ < heap_[child]->at_) ++child;
    if (timer->at_ <= heap_[child]->at_) break;
    heap_put(at, heap_[child]);
    at = child;
  }
  heap_put(at, timer);
}

void Loop::heap_remove(std::size_t at) {
  heap_[at]->index_ = Timer::kIdle;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (at == heap_.size()) return;
  heap_put(at, last);
  heap_up(at);
  heap_down(last->index_);
}

void Waiter::wake(Wake why) {
  if (!handle_) return;
  cancel();
  result_ = why;
  loop().resume_soon(std::exchange(handle_, nullptr));
}

}  // namespace weir::async
