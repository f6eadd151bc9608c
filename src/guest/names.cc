#include "guest/names.h"

#include <errno.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "net/guest_preamble.h"

namespace weir::guest {
namespace {

constexpr std::size_t kHeader = 12;          // RFC 1035 section 4.1.1
constexpr std::size_t kMostDatagram = 4096;  // no query is as long; what is gets cut, and so refused
constexpr std::size_t kLengthBytes = 2;
constexpr std::size_t kPart = 16 << 10;
constexpr int kMostAtOnce = 256;  // datagrams of one socket, before the others have a turn

std::string length_of(std::string_view message) {
  return {static_cast<char>(message.size() >> 8), static_cast<char>(message.size() & 0xff)};
}

std::size_t length_at(std::string_view bytes) {
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) << 8 |
         static_cast<unsigned char>(bytes[1]);
}

/// The end of the question that begins at kHeader; npos when it is none.
std::size_t end_of_question(std::string_view query) {
  std::size_t at = kHeader;
  while (at < query.size() && query[at] != 0) {
    auto label = static_cast<unsigned char>(query[at]);
    if (label > 63) return query.npos;
    at += label + 1U;
  }
  std::size_t end = at + 1 + 4;  // the root, type and class
  return end <= query.size() ? end : query.npos;
}

}  // namespace

std::string server_failure(std::string_view query) {
  constexpr char kResponse = '\x80', kFailure = 2;
  if (query.size() < kHeader || (query[2] & kResponse) != 0) return {};
  bool asks = query[4] == 0 && query[5] == 1;
  std::size_t end = asks ? end_of_question(query) : kHeader;
  if (end == query.npos) end = kHeader;
  std::string out(query.substr(0, end));
  out[2] = static_cast<char>(out[2] | kResponse);
  out[3] = kFailure;
  std::fill(out.begin() + 4, out.begin() + kHeader, '\0');
  out[5] = end > kHeader;
  return out;
}

Result<std::unique_ptr<Names>> Names::open(Poller& poller, const HostAddress& host,
                                           std::vector<UniqueFd> sockets) {
  std::unique_ptr<Names> out(new Names(poller, host, std::move(sockets)));
  for (const UniqueFd& socket : out->sockets_)
    if (!poller.add(socket.get(), EPOLLIN, *out)) return fail_errno(Code::io, "epoll", errno);
  return out;
}

void Names::ready(std::uint32_t) { stirred_ = true; }

void Names::work() {
  if (!std::exchange(stirred_, false)) return;
  if (stream_) read();
  for (const UniqueFd& socket : sockets_)
    for (int i = 0; i < kMostAtOnce && receive(socket.get()); ++i) {
    }
  if (stream_) send();
}

bool Names::receive(int socket) {
  static char message[kMostDatagram];  // of the one thread
  Query query{.socket = socket, .size = sizeof query.from};
  ssize_t got = ::recvfrom(socket, message, sizeof message, MSG_DONTWAIT,
                           reinterpret_cast<sockaddr*>(&query.from), &query.size);
  if (got < 0) return false;
  query.message.assign(message, static_cast<std::size_t>(got));
  ask(std::move(query));
  return true;
}

void Names::ask(Query query) {
  auto refuse = [&] {
    std::string answer = server_failure(query.message);
    ::sendto(query.socket, answer.data(), answer.size(), MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&query.from), query.size);
  };
  if (asked_.size() >= kMostAsked || (!stream_ && !connect())) return refuse();
  out_ += length_of(query.message);
  out_ += query.message;
  asked_.push_back(std::move(query));
}

bool Names::connect() {
  auto stream = host_.connect();
  bool watched = stream && poller_.add(stream->get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, *this);
  if (!watched) {
    lose(stream ? std::string(std::strerror(errno)) : stream.error().context());
    return false;
  }
  stream_ = std::move(*stream);
  out_ = net::guest_preamble_bytes({.kind = net::GuestPreamble::Kind::dns_datagrams});
  return true;
}

void Names::send() {
  while (!out_.empty()) {
    ssize_t sent = ::send(stream_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      out_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == ENOTCONN) {
      return check_connection();
    } else if (errno != EINTR) {
      return lose(std::strerror(errno));
    }
  }
}

void Names::read() {
  char part[kPart];
  for (;;) {
    ssize_t got = ::recv(stream_.get(), part, sizeof part, MSG_DONTWAIT);
    if (got > 0) {
      in_.append(part, static_cast<std::size_t>(got));
      answer_all();
      if (!stream_) return;
    } else if (got == 0) {
      return lose(asked_.empty() ? std::string_view() : "the host closed the stream of DNS");
    } else if (errno == EAGAIN || errno == ENOTCONN) {
      return check_connection();
    } else if (errno != EINTR) {
      return lose(std::strerror(errno));
    }
  }
}

// AF_VSOCK keeps saying that a stream is not connected when connecting has failed.
void Names::check_connection() {
  if (int error = connection_error(stream_.get()); error != 0) lose(std::strerror(error));
}

void Names::answer_all() {
  std::string_view rest = in_;
  while (rest.size() >= kLengthBytes && rest.size() - kLengthBytes >= length_at(rest)) {
    std::string_view answer = rest.substr(kLengthBytes, length_at(rest));
    if (asked_.empty()) return lose("the host answered what was not asked");
    Query query = std::move(asked_.front());
    asked_.pop_front();
    // A program that has gone, or whose queue is full, asks again if it still wants to know.
    if (!answer.empty())
      ::sendto(query.socket, answer.data(), answer.size(), MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&query.from), query.size);
    rest.remove_prefix(kLengthBytes + answer.size());
    told_ = false;
  }
  in_.erase(0, in_.size() - rest.size());
}

void Names::lose(std::string_view why) {
  stream_.reset();
  in_.clear();
  out_.clear();
  for (const Query& query : std::exchange(asked_, {})) {
    std::string answer = server_failure(query.message);
    ::sendto(query.socket, answer.data(), answer.size(), MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&query.from), query.size);
  }
  if (!why.empty() && !std::exchange(told_, true))
    log::warn("names cannot be looked up: {}: {}; programs are told SERVFAIL", host_.text(), why);
}

}  // namespace weir::guest
