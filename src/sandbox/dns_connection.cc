#include "sandbox/dns_connection.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

namespace weir::sandbox {
namespace {

constexpr std::size_t kReadAtOnce = 4096;

bool must_wait(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

std::size_t word_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])) << 8 |
         static_cast<unsigned char>(bytes[at + 1]);
}

}  // namespace

short DnsConnection::wanted() const { return output_.empty() ? POLLIN : POLLOUT; }

bool DnsConnection::serve(TimePoint now) {
  if (output_.empty() && !ended_ && !receive()) return false;
  answer();
  return flush(now) && !(ended_ && output_.empty());
}

bool DnsConnection::receive() {
  char bytes[kReadAtOnce];
  ssize_t count = ::recv(fd(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (count < 0) return must_wait(errno);
  ended_ = count == 0;
  input_.append(bytes, static_cast<std::size_t>(count));
  return true;
}

void DnsConnection::answer() {
  std::size_t taken = 0;
  std::string_view input = input_;
  while (input.size() - taken >= 2) {
    std::size_t length = word_at(input, taken);
    if (input.size() - taken - 2 < length) break;
    std::string answer = zone_->respond(input.substr(taken + 2, length), DnsTransport::tcp);
    taken += 2 + length;
    if (answer.empty()) {
      // Whatever this is, it is no DNS client, or we lost the place in it.
      ended_ = true;
      taken = input.size();
      break;
    }
    output_ += static_cast<char>(answer.size() >> 8);
    output_ += static_cast<char>(answer.size() & 0xff);
    output_ += answer;
  }
  input_.erase(0, taken);
}

bool DnsConnection::flush(TimePoint now) {
  while (!output_.empty()) {
    ssize_t count = ::send(fd(), output_.data(), output_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return must_wait(errno);
    output_.erase(0, static_cast<std::size_t>(count));
    deadline_ = now + idle_;
  }
  return true;
}

}  // namespace weir::sandbox
