#include "proxy/entrance.h"

#include "base/log.h"
#include "net/original_destination.h"

namespace weir::proxy {
namespace {

constexpr auto kMemory = std::chrono::seconds(10);

std::string key(const std::string& from, const std::string& to) { return from + ' ' + to; }

bool is_any(std::string_view host) { return host == "0.0.0.0" || host == "::"; }

bool is_listener(const HostPort& listener, const HostPort& place) {
  return place.port == listener.port && (place.host == listener.host || is_any(listener.host));
}

}  // namespace

void LoopGuard::forget_before(TimePoint time) {
  for (; !order_.empty() && order_.front().first < time; order_.pop_front()) {
    auto found = made_.find(order_.front().second);
    if (found != made_.end() && found->second == order_.front().first) made_.erase(found);
  }
}

// Said once: the client of a redirected connection cannot be told.
bool LoopGuard::passes(bool looped) {
  if (looped && !std::exchange(told_, true))
    log::warn(
        "a rule of this machine redirects Weir's own connections to Weir: they are refused; leave out the "
        "user that Weir runs as (docs/transparent.md)");
  return !looped;
}

bool LoopGuard::arrived(const std::string& from, const std::string& to, TimePoint now) {
  std::lock_guard lock(mutex_);
  forget_before(now - kMemory);
  return passes(made_.contains(*arrived_.insert(key(from, to))));
}

void LoopGuard::arrival_ended(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  if (auto found = arrived_.find(key(from, to)); found != arrived_.end()) arrived_.erase(found);
}

bool LoopGuard::made(const std::string& from, const std::string& to, TimePoint now) {
  std::lock_guard lock(mutex_);
  forget_before(now - kMemory);
  order_.emplace_back(now, key(from, to));
  made_.insert_or_assign(order_.back().second, now);
  return passes(arrived_.contains(order_.back().second));
}

void LoopGuard::made_ended(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  made_.erase(key(from, to));
}

Result<HostPort> named(const Entrance& entrance, HostPort place) {
  if (!entrance.name_of) return place;
  auto name = entrance.name_of(place.host);
  if (!name) return pass(name);
  if (*name) place.host = **name;
  return place;
}

Result<HostPort> destination(const Entrance& entrance, int socket) {
  auto place = net::original_destination(socket);
  // TPROXY leaves the packets as they are: the socket is bound to where they were sent.
  if (!place) {
    place = net::local_place(socket);
    if (!place) return fail(Code::internal, "a connection without an address of its own");
    if (is_listener(entrance.listener, *place))
      return fail(Code::loop_detected, "a direct connection to " + place->str() +
                                           ", which takes redirected connections only; a client that knows "
                                           "of a proxy wants a listener of --listen");
  }
  return std::move(*place);
}

}  // namespace weir::proxy
