#include "proxy/entrance.h"

#include "net/original_destination.h"

namespace weir::proxy {
namespace {

constexpr auto kMemory = std::chrono::seconds(10);

void remove_one(std::unordered_multiset<std::string>& from, const std::string& value) {
  if (auto found = from.find(value); found != from.end()) from.erase(found);
}

bool is_any(std::string_view host) { return host == "0.0.0.0" || host == "::"; }

bool is_listener(const HostPort& listener, const HostPort& place) {
  return place.port == listener.port && (place.host == listener.host || is_any(listener.host));
}

}  // namespace

void LoopGuard::forget_before(TimePoint time) {
  for (; !order_.empty() && order_.front().first < time; order_.pop_front())
    remove_one(made_, order_.front().second);
}

bool LoopGuard::arrived(const std::string& peer, TimePoint now) {
  std::lock_guard lock(mutex_);
  forget_before(now - kMemory);
  arrived_.insert(peer);
  return !made_.contains(peer);
}

void LoopGuard::arrival_ended(const std::string& peer) {
  std::lock_guard lock(mutex_);
  remove_one(arrived_, peer);
}

bool LoopGuard::made(const std::string& local, TimePoint now) {
  std::lock_guard lock(mutex_);
  forget_before(now - kMemory);
  made_.insert(local);
  order_.emplace_back(now, local);
  return !arrived_.contains(local);
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
  return named(entrance, std::move(*place));
}

}  // namespace weir::proxy
