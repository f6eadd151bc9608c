#include "net/dialer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <optional>

#include "async/task_group.h"

namespace weir::net {
namespace {

constexpr auto kStagger = std::chrono::milliseconds(250);

std::int64_t micros(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

Failure connect_failure(int error, const Address& address) {
  std::string context = address.str() + ": " + strerror(error);
  Code code = Code::connect_failed;
  if (error == ECONNREFUSED) code = Code::connect_refused;
  if (error == ETIMEDOUT) code = Code::connect_timeout;
  if (error == ENETUNREACH || error == EHOSTUNREACH || error == EADDRNOTAVAIL)
    code = Code::connect_unreachable;
  return fail(code, std::move(context), Retry::yes);
}

// IPv6 and IPv4 in turn, beginning with the family the resolver put first.
std::vector<Address> interleaved(const std::vector<Address>& sorted) {
  std::vector<Address> first;
  std::vector<Address> second;
  for (const Address& address : sorted)
    (address.family() == sorted.front().family() ? first : second).push_back(address);
  std::vector<Address> out;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) out.push_back(first[i]);
    if (i < second.size()) out.push_back(second[i]);
  }
  return out;
}

// The first refusal, if there was one.
std::optional<Error> drop_refused(std::vector<Address>& addresses, const AddressCheck& check) {
  std::optional<Error> first;
  std::erase_if(addresses, [&](const Address& address) {
    auto passes = check(address);
    if (!passes && !first) first = std::move(passes).error();
    return !passes;
  });
  return first;
}

std::optional<Address> peer_of(int fd) {
  Address out;
  out.size = sizeof out.storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&out.storage), &out.size) != 0) return std::nullopt;
  return out;
}

}  // namespace

struct Dialer::Race {
  explicit Race(async::Loop& loop) : changed(loop) {}
  async::Event changed;  // an attempt ended
  std::unique_ptr<TcpStream> winner;
  std::vector<TcpStream*> running;  // attempts that wait for their handshake
  std::size_t failed = 0;
  Error error{Code::connect_failed};
};

async::Task<Result<Dialed>> Dialer::dial(HostPort to, TimePoint deadline, AddressCheck check) {
  TimePoint start = steady_now();
  auto addresses = co_await resolver_.resolve(to.host, deadline);
  if (!addresses) co_return Failure(std::move(addresses.error()).with_retry(Retry::yes));
  Dialed out;
  TimePoint resolved = steady_now();
  if (!is_ip_literal(to.host)) out.dns_us = micros(resolved - start);
  for (Address& address : *addresses) address.set_port(to.port);
  if (cancelled_) co_return fail(Code::cancelled);
  if (check) {
    auto refused = drop_refused(*addresses, check);
    if (addresses->empty()) co_return Failure(std::move(*refused));
  }
  auto stream = co_await race(interleaved(*addresses), deadline);
  if (cancelled_) co_return fail(Code::cancelled);
  if (!stream)
    co_return Failure(
        Error(stream.error().code(), to.str() + " (" + stream.error().context() + ")", Retry::yes));
  out.stream = std::move(*stream);
  out.peer = peer_of(out.stream->fd());
  out.connect_us = micros(steady_now() - resolved);
  co_return out;
}

async::Task<Result<std::unique_ptr<TcpStream>>> Dialer::connect(Address address, TimePoint deadline,
                                                                Race* race) {
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) co_return connect_failure(errno, address);
  keep_alive(fd.get());
  int status = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address.storage), address.size);
  if (status != 0 && errno != EINPROGRESS) co_return connect_failure(errno, address);
  auto stream = std::make_unique<TcpStream>(loop_, std::move(fd), Side::upstream);
  if (status == 0) co_return stream;
  stream->watch().write_full();
  if (race) race->running.push_back(stream.get());
  connecting_.push_back(stream.get());
  async::Wake why = co_await stream->watch().writable(deadline);
  if (race) std::erase(race->running, stream.get());
  std::erase(connecting_, stream.get());
  if (why == async::Wake::cancelled) co_return fail(Code::cancelled);
  if (why == async::Wake::timeout) co_return connect_failure(ETIMEDOUT, address);
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(stream->fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) co_return connect_failure(error, address);
  co_return stream;
}

void Dialer::cancel() {
  cancelled_ = true;
  for (TcpStream* stream : connecting_) stream->cancel();
  resolver_.cancel();
}

async::Task<void> Dialer::run(Race& race, Address address, TimePoint deadline) {
  auto stream = co_await connect(address, deadline, &race);
  if (!stream) {
    race.error = std::move(stream).error();
    ++race.failed;
  } else if (!race.winner) {
    race.winner = std::move(*stream);
  }
  race.changed.set();
}

async::Task<Result<std::unique_ptr<TcpStream>>> Dialer::race(std::vector<Address> addresses,
                                                             TimePoint deadline) {
  if (addresses.size() == 1) co_return co_await connect(addresses.front(), deadline, nullptr);
  Race race(loop_);
  async::TaskGroup attempts(loop_);
  std::size_t started = 0;
  while (!race.winner && !cancelled_ && race.failed < addresses.size()) {
    if (started < addresses.size()) attempts.spawn(run(race, addresses[started++], deadline));
    race.changed.reset();
    TimePoint turn = started < addresses.size() ? loop_.now() + kStagger : kNever;
    co_await race.changed.wait(turn);
  }
  for (TcpStream* loser : race.running) loser->cancel();
  co_await attempts.join();
  if (race.winner) co_return std::move(race.winner);
  co_return Failure(std::move(race.error));
}

}  // namespace weir::net
