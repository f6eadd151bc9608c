#include "tests/support/fake_upstream.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/ascii.h"
#include "net/listener.h"

namespace weir::testing {
namespace {

void make_blocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK); }

std::size_t length_of(std::string_view head) {
  std::size_t at = lower(head).find("\r\ncontent-length: ");
  if (at == std::string::npos) return 0;
  std::string_view rest = head.substr(at + 18);
  return parse_decimal(rest.substr(0, rest.find('\r'))).value_or(0);
}

}  // namespace

UpstreamSocket::UpstreamSocket(UniqueFd socket, tls::SslPtr tls)
    : socket_(std::move(socket)), tls_(std::move(tls)) {
  if (socket_) make_blocking(socket_.get());
}

std::string UpstreamSocket::read_message() {
  for (;;) {
    std::size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      std::size_t size = end + 4 + length_of(std::string_view(buffer_).substr(0, end + 2));
      if (buffer_.size() >= size) {
        std::string out = buffer_.substr(0, size);
        buffer_.erase(0, size);
        return out;
      }
    }
    char part[16 * 1024];
    ssize_t got = tls_ ? SSL_read(tls_.get(), part, sizeof part) : recv(socket_.get(), part, sizeof part, 0);
    if (got <= 0) return "";
    buffer_.append(part, static_cast<std::size_t>(got));
  }
}

bool UpstreamSocket::write(std::string_view text) {
  while (!text.empty()) {
    ssize_t sent = tls_ ? SSL_write(tls_.get(), text.data(), static_cast<int>(text.size()))
                        : send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool UpstreamSocket::start_tls(tls::SslPtr session) {
  tls_ = std::move(session);
  SSL_set_fd(tls_.get(), socket_.get());
  return SSL_do_handshake(tls_.get()) == 1;
}

FakeUpstream::FakeUpstream(Serve serve, const tls::testing::Origin* tls)
    : serve_(std::move(serve)),
      tls_(tls),
      listener_(*net::listen_tcp("127.0.0.1", 0, false)),
      port_(net::bound_port(listener_.get())) {
  signal(SIGPIPE, SIG_IGN);  // OpenSSL's own sockets know no MSG_NOSIGNAL
  make_blocking(listener_.get());
  acceptor_ = std::thread([this] { accept_all(); });
}

FakeUpstream::~FakeUpstream() {
  shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    std::lock_guard lock(mutex_);
    for (int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

void FakeUpstream::accept_all() {
  for (;;) {
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return;
    ++connections_;
    std::lock_guard lock(mutex_);
    open_.push_back(fd.get());
    threads_.emplace_back([this, fd = std::move(fd)]() mutable {
      int number = fd.get();
      UpstreamSocket socket(std::move(fd), nullptr);
      if (!tls_ || socket.start_tls(tls_->new_session())) serve_(socket);
      std::lock_guard ended(mutex_);
      std::erase(open_, number);
    });
  }
}

FakeUpstream::Serve always(std::string response) {
  return [response = std::move(response)](UpstreamSocket& socket) {
    while (!socket.read_message().empty())
      if (!socket.write(response)) return;
  };
}

}  // namespace weir::testing
