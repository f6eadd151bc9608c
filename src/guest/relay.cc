#include "guest/relay.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "guest/host.h"

namespace weir::guest {
namespace {

constexpr std::size_t kPart = 64 << 10;
constexpr int kMostParts = 16;  // of one connection, before the others have a turn

void reset_on_close(int socket) {
  linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

void reset(UniqueFd client) { reset_on_close(client.get()); }

void Relay::End::ready(std::uint32_t events) {
  gone |= (events & (EPOLLERR | EPOLLHUP)) != 0;
  readable |= gone || (events & (EPOLLIN | EPOLLRDHUP)) != 0;
  writable |= gone || (events & EPOLLOUT) != 0;
  relay.stir();
}

Relay::Relay(UniqueFd client, UniqueFd host, std::string preamble, Stirred& stirred)
    : stirred_(stirred), client_(*this, std::move(client)), host_(*this, std::move(host)) {
  up_.kept = std::move(preamble);
}

bool Relay::watch(Poller& poller) {
  constexpr std::uint32_t kAll = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  return poller.add(client_.fd.get(), kAll, client_) && poller.add(host_.fd.get(), kAll, host_);
}

void Relay::stir() {
  if (!queued_) stirred_.push_back(this);
  queued_ = true;
}

void Relay::carry() {
  queued_ = false;
  if (over_ || !connected()) return;
  bool more = move(up_);
  more = move(down_) || more;
  // What is still to come from the other side has nowhere to go.
  if ((up_.closed && client_.gone) || (down_.closed && host_.gone)) over_ = true;
  if (up_.closed && down_.closed) over_ = true;
  if (more && !over_) stir();
}

bool Relay::connected() {
  if (!connecting_) return true;
  if (!host_.writable) return false;
  connecting_ = false;
  refused_ = connection_error(host_.fd.get());
  if (refused_ != 0) fail();
  return refused_ == 0;
}

void Relay::fail() {
  over_ = true;
  reset_on_close(client_.fd.get());
}

// True when it stopped only to let others have a turn.
bool Relay::move(Way& way) {
  static char part[kPart];  // of the one thread
  for (int parts = 0; !over_ && !way.closed;) {
    if (!flush(way, std::exchange(way.kept, {}))) return false;
    if (way.ended) {
      way.closed = true;
      // The other side may be gone already; then its own direction tells.
      ::shutdown(way.to.fd.get(), SHUT_WR);
      return false;
    }
    if (!way.from.readable) return false;
    if (++parts > kMostParts) return true;
    ssize_t got = ::recv(way.from.fd.get(), part, sizeof part, 0);
    if (got == 0) {
      way.ended = true;
    } else if (got > 0) {
      if (!flush(way, {part, static_cast<std::size_t>(got)})) return false;
    } else if (errno == EAGAIN) {
      way.from.readable = false;
    } else if (errno != EINTR) {
      fail();
    }
  }
  return false;
}

/// Writes `bytes`. False when not all fits, which is kept, or when nobody takes it any more.
bool Relay::flush(Way& way, std::string_view bytes) {
  while (!bytes.empty() && way.to.writable) {
    ssize_t sent = ::send(way.to.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      way.to.writable = false;
    } else if (errno != EINTR) {
      // What the other side has sent before it went is still to be carried.
      way.closed = true;
      return false;
    }
  }
  way.kept = bytes;
  return bytes.empty();
}

}  // namespace weir::guest
