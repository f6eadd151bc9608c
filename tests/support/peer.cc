#include "tests/support/peer.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "http/h1/head.h"
#include "tests/support/sockets.h"

namespace weir::testing {
namespace {

// One line of text a line of output, control bytes spelled out.
std::string spelled(std::string_view text) {
  std::string out = "  | ";
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      out += i + 1 < text.size() ? "\\n\n  | " : "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20 || c >= 0x7F) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += text[i];
    }
    if (i == 4000) return out + "...";
  }
  return out;
}

std::string difference(std::string_view wanted, std::string_view got) {
  std::size_t same = 0;
  while (same < wanted.size() && same < got.size() && wanted[same] == got[same]) ++same;
  return fmt::format("expected\n{}\nbut got\n{}\nwhich differs from byte {} on, at\n{}", spelled(wanted),
                     spelled(got), same, spelled(got.substr(same, 60)));
}

}  // namespace

Peer::Peer(Stage& stage, bool& broken, UniqueFd socket, std::string name)
    : stage_(stage), broken_(broken), socket_(std::move(socket)), name_(std::move(name)) {
  signal(SIGPIPE, SIG_IGN);  // OpenSSL's own sockets know no MSG_NOSIGNAL
}

void Peer::complain(const Where& where, const std::string& text) {
  broken_ = true;
  ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << name_ << ": " << text;
}

void Peer::sends(std::string_view given, Where where) {
  if (broken_) return;
  std::string text = stage_.fill(std::string(given));
  std::string_view left = text;
  while (!left.empty()) {
    ssize_t sent = write_some(left);
    if (sent < 0)
      return complain(where, fmt::format("cannot send the last {} bytes: {}", left.size(), strerror(errno)));
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
}

ssize_t Peer::write_some(std::string_view bytes) {
  if (tls_) {
    ERR_clear_error();
    int returned = SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (returned > 0) return returned;
    return want(returned) ? 0 : -1;
  }
  ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  return errno == EAGAIN && stage_.wait(socket_.get(), POLLOUT) ? 0 : -1;
}

bool Peer::want(int returned) {
  int why = SSL_get_error(tls_.get(), returned);
  if (why == SSL_ERROR_WANT_READ) return stage_.wait(socket_.get(), POLLIN);
  if (why == SSL_ERROR_WANT_WRITE) return stage_.wait(socket_.get(), POLLOUT);
  return false;
}

Peer::Read Peer::read_now() {
  if (ended_ || !socket_) return Read::end;
  char part[16 * 1024];
  if (tls_) {
    ERR_clear_error();
    int got = SSL_read(tls_.get(), part, sizeof part);
    if (got > 0) {
      received_.append(part, static_cast<std::size_t>(got));
      return Read::some;
    }
    int why = SSL_get_error(tls_.get(), got);
    if (why == SSL_ERROR_WANT_READ) return Read::nothing;
    reset_ = why != SSL_ERROR_ZERO_RETURN;
    ended_ = true;
    return Read::end;
  }
  ssize_t got = recv(socket_.get(), part, sizeof part, 0);
  if (got > 0) {
    received_.append(part, static_cast<std::size_t>(got));
    return Read::some;
  }
  if (got < 0 && errno == EAGAIN) return Read::nothing;
  reset_ = got < 0;
  ended_ = true;
  return Read::end;
}

bool Peer::read_more() {
  for (;;) {
    Read read = read_now();
    if (read != Read::nothing) return read == Read::some;
    if (!stage_.wait(socket_.get(), POLLIN)) return false;
  }
}

void Peer::expects(std::string_view given, Where where) {
  if (broken_) return;
  std::string text = stage_.fill(std::string(given));
  while (received_.size() < text.size() && text.starts_with(received_) && read_more()) {
  }
  if (received_.starts_with(text)) {
    received_.erase(0, text.size());
    return;
  }
  complain(where, difference(text, received_) + (ended_ ? (reset_ ? "\nand a reset" : "\nand the end") : ""));
}

void Peer::expects_last(std::string_view text, Where where) {
  expects(text, where);
  expects_end(where);
}

Answer Peer::expects_answer(Where where) {
  Answer out;
  if (broken_) return out;
  std::size_t end;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos && read_more()) {
  }
  if (end == std::string::npos) {
    complain(where, "expected a response but got\n" + spelled(received_));
    return out;
  }
  auto head = http::h1::parse_response_head(received_.substr(0, end + 4), {});
  if (!head) {
    complain(where, head.error().message() + "\n" + spelled(received_));
    return out;
  }
  received_.erase(0, end + 4);
  out.head = std::move(*head);
  std::size_t length = parse_decimal(out.head.fields.get("content-length").value_or("0")).value_or(0);
  while (received_.size() < length && read_more()) {
  }
  if (received_.size() < length)
    complain(where, "the body of the response is incomplete\n" + spelled(received_));
  out.body = received_.substr(0, length);
  received_.erase(0, length);
  return out;
}

void Peer::expects_silence(Where where) {
  if (broken_) return;
  std::string came = leftover();
  if (!came.empty()) complain(where, "expected nothing but got\n" + spelled(came));
  if (ended_) complain(where, "expected nothing but the connection ended");
}

void Peer::expects_end(Where where) {
  if (broken_) return;
  while (read_more()) {
  }
  if (!received_.empty()) return complain(where, "expected the end but got\n" + spelled(received_));
  if (!ended_) return complain(where, "expected the end but the connection stays open");
  if (reset_) complain(where, "expected the end but the connection was cut");
}

void Peer::expects_reset(Where where) {
  if (broken_) return;
  while (read_more()) {
  }
  if (!received_.empty()) return complain(where, "expected a reset but got\n" + spelled(received_));
  if (!ended_) return complain(where, "expected a reset but the connection stays open");
  if (!reset_) complain(where, "expected a reset but the connection ended in order");
}

std::string Peer::reads_all(Where where) {
  if (broken_) return "";
  while (read_more()) {
  }
  if (!ended_) complain(where, "expected the end but the connection stays open after\n" + spelled(received_));
  return std::exchange(received_, {});
}

std::string Peer::takes(bool wait) {
  if (broken_) return "";
  if (!wait) leftover();
  if (wait && received_.empty()) read_more();
  return std::exchange(received_, {});
}

std::size_t Peer::pushes(std::string_view bytes) {
  std::size_t pushed = 0;
  while (!broken_ && pushed < bytes.size()) {
    ssize_t sent = write_some(bytes.substr(pushed));
    if (sent < 0) break;
    pushed += static_cast<std::size_t>(sent);
  }
  stage_.wait(-1, 0);
  return pushed;
}

std::string Peer::leftover() {
  stage_.wait(-1, 0);
  while (read_now() == Read::some) {
  }
  return received_;
}

bool Peer::tries_tls(tls::SslPtr session) {
  tls_ = std::move(session);
  SSL_set_fd(tls_.get(), socket_.get());
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  for (;;) {
    ERR_clear_error();
    int returned = SSL_do_handshake(tls_.get());
    if (returned == 1) return true;
    if (!want(returned)) return false;
  }
}

void Peer::starts_tls(tls::SslPtr session, Where where) {
  if (broken_) return;
  if (!tries_tls(std::move(session)))
    complain(where, "the TLS handshake failed: " + tls::take_openssl_error());
}

void Peer::half_closes() {
  if (tls_) SSL_shutdown(tls_.get());
  shutdown(socket_.get(), SHUT_WR);
}

void Peer::closes() {
  if (tls_ && socket_) SSL_shutdown(tls_.get());
  socket_.reset();
}

void Peer::resets() {
  if (socket_) reset_on_close(socket_.get());
  socket_.reset();
}

}  // namespace weir::testing
