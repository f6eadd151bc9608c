#include "net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include <algorithm>
#include <cstring>

#include "tls/handshake_error.h"

namespace weir::net {
namespace {

// Plain bytes given to OpenSSL in one try_write: four records, sent with one system call.
constexpr std::size_t kPlainPerWrite = 64 * 1024;
// The most that one TLS record carries.
constexpr std::size_t kRecord = 16 * 1024;

// Where the BIO gathers ciphertext during one call into OpenSSL. One a thread: it is always emptied, into the
// inner stream or into `unsent_`, before the call's owner returns.
thread_local std::string t_gathered;

// OpenSSL wants its queue of errors empty before a call. Nearly always it is, and emptying it visits all
// slots.
void clear_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

// Whether OpenSSL met the end of the stream where TLS does not allow one.
bool at_early_end() {
  unsigned long reason = ERR_peek_error();
  return reason == 0 || ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

}  // namespace

struct StreamBio {
  static TlsStream& stream(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, std::size_t size, std::size_t* got) {
    TlsStream& self = stream(bio);
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (self.prefix_used_ < self.prefix_.size()) {
      *got = std::min(size, self.prefix_.size() - self.prefix_used_);
      std::memcpy(into, self.prefix_.data() + self.prefix_used_, *got);
      self.prefix_used_ += *got;
      if (self.prefix_used_ == self.prefix_.size()) {
        self.prefix_ = std::string();
        self.prefix_used_ = 0;
      }
      return 1;
    }
    auto bytes = self.read_inner({into, size});
    if (!bytes) {
      self.inner_error_ = std::move(bytes).error();
      return 0;
    }
    if (!*bytes) {
      BIO_set_retry_read(bio);
      return 0;
    }
    *got = **bytes;
    return *got > 0 ? 1 : 0;  // 0 without retry is the end of the stream
  }

  static int write(BIO*, const char* from, std::size_t size, std::size_t* sent) {
    t_gathered.append(from, size);
    *sent = size;
    return 1;
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return 0;
    if (command == BIO_CTRL_FLUSH) return 1;
    (void)bio;
    return 0;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir stream");
      BIO_meth_set_read_ex(made, read);
      BIO_meth_set_write_ex(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return method;
  }
};

TlsStream::TlsStream(std::unique_ptr<Stream> inner, tls::SslPtr ssl, std::string prefix, std::string peer)
    : Stream(inner->side()),
      inner_(std::move(inner)),
      ssl_(std::move(ssl)),
      prefix_(std::move(prefix)),
      peer_(std::move(peer)) {
  BIO* bio = BIO_new(StreamBio::method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

void TlsStream::forget_what_is_read() { SSL_set_options(ssl_.get(), SSL_OP_CLEANSE_PLAINTEXT); }

TlsStream::~TlsStream() {
  // Tell OpenSSL that the session ended well, or it drops it from the resumption cache; nothing is sent here.
  if (!dead_ && !abrupt_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Result<bool> TlsStream::flush() {
  // Usually all of it goes out from the thread's buffer; a stream keeps a buffer of its own only while its
  // peer is slow. The buffer is taken out meanwhile: the inner stream may be TLS and gather, too.
  std::string gathered;
  gathered.swap(t_gathered);
  bool was_stuck = !unsent_.empty();
  if (was_stuck) unsent_.append(gathered);
  std::string_view bytes = was_stuck ? unsent_ : gathered;
  Result<std::size_t> sent = 1;
  while (!bytes.empty()) {
    sent = inner_->try_write(std::span(&bytes, 1));
    if (!sent || *sent == 0) break;
    bytes.remove_prefix(*sent);
  }
  std::string rest(bytes);
  unsent_ = std::move(rest);
  gathered.clear();
  t_gathered.swap(gathered);
  if (!sent) return pass(sent);
  if (!unsent_.empty()) return false;
  return inner_->flush_pending();
}

Result<std::optional<std::size_t>> TlsStream::read_inner(std::span<char> into) {
  if (t_gathered.empty()) return inner_->try_read(into);
  // The inner stream may be TLS, and flush what it gathers: not what we have gathered so far.
  std::string aside;
  aside.swap(t_gathered);
  auto bytes = inner_->try_read(into);
  aside.swap(t_gathered);
  return bytes;
}

Failure TlsStream::ssl_failure() {
  dead_ = true;
  if (inner_error_) {
    clear_errors();
    return Failure(*std::exchange(inner_error_, std::nullopt));
  }
  truncated_ = at_early_end();
  alert_ = tls::received_alert();
  return Failure(tls::handshake_error(ssl_.get(), side_, peer_));
}

Failure TlsStream::write_failure(Error error) {
  if (dead_ || error.code() == Code::cancelled) return Failure(std::move(error));
  dead_ = true;
  char byte;
  std::size_t got = 0;
  clear_errors();
  int returned = SSL_peek_ex(ssl_.get(), &byte, 1, &got);
  bool told = returned != 1 && SSL_get_error(ssl_.get(), returned) == SSL_ERROR_SSL && tls::received_alert();
  t_gathered.clear();  // nobody will read an answer
  inner_error_.reset();
  if (told) return ssl_failure();
  clear_errors();
  return Failure(std::move(error));
}

async::Task<Result<void>> TlsStream::handshake(TimePoint deadline) {
  inner_->set_read_deadline(deadline);
  inner_->set_write_deadline(deadline);
  for (;;) {
    clear_errors();
    int returned = SSL_do_handshake(ssl_.get());
    int why = returned == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), returned);
    bool wants_more = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    std::optional<Failure> failure;
    if (why != SSL_ERROR_NONE && !wants_more) failure.emplace(ssl_failure());
    auto flushed = flush();  // an alert, too, must reach the peer
    if (failure) co_return *failure;
    while (flushed && !*flushed) {
      auto ready = co_await inner_->wait_writable();
      if (!ready) co_return pass(ready);
      flushed = flush();
    }
    if (!flushed) co_return pass(flushed);
    if (why == SSL_ERROR_NONE) break;
    auto ready = co_await inner_->wait_readable();
    if (!ready) co_return pass(ready);
  }
  inner_->set_read_deadline(kNever);
  inner_->set_write_deadline(kNever);
  co_return Result<void>();
}

Result<std::optional<std::size_t>> TlsStream::try_read(std::span<char> into) {
  std::size_t total = 0;
  // Records are at most 16 KiB: go on while whole ones are there and fit, so that one pull moves many.
  while (total < into.size()) {
    std::size_t got = 0;
    clear_errors();
    int returned = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &got);
    int why = returned == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), returned);
    // Reading can make TLS write: an answer to a key update, or a warning alert.
    if (!t_gathered.empty()) {
      auto flushed = flush();
      if (!flushed) return pass(flushed);
    }
    if (why == SSL_ERROR_NONE) {
      total += got;
      if (!SSL_has_pending(ssl_.get())) break;
      continue;
    }
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) break;
    if (total > 0) break;  // the error will come again
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    // A close without close_notify: HTTP's own framing says whether something is missing.
    if (!inner_error_ && at_early_end()) {
      clear_errors();
      dead_ = truncated_ = true;
      return 0;
    }
    return ssl_failure();
  }
  if (total == 0) return std::nullopt;
  bytes_in_ += total;
  return total;
}

Result<std::size_t> TlsStream::try_write(std::span<const std::string_view> pieces) {
  if (!unsent_.empty()) {
    auto flushed = flush();
    if (!flushed) return write_failure(std::move(flushed).error());
    if (!*flushed) return 0;
  }
  // Small pieces (a head and the start of its body, a chunk line and its data) share records: what is shorter
  // than a record is copied together; the rest, and what comes alone, goes to OpenSSL where it lies. What was
  // copied on the way to an origin is overwritten: it may hold a secret.
  char joined[kRecord];
  std::size_t size = 0, joint = 0;
  std::size_t taken = 0;
  for (std::string_view piece : pieces) {
    while (!piece.empty() && taken < kPlainPerWrite) {
      std::size_t room =
          std::min(size == 0 ? kPlainPerWrite - taken : kRecord - size, kPlainPerWrite - taken);
      std::size_t part = std::min(piece.size(), room);
      taken += part;
      if (size == 0 && (part >= kRecord || pieces.size() == 1)) {
        if (auto sealed = seal(piece.substr(0, part)); !sealed) return pass(sealed);
      } else {
        std::memcpy(joined + size, piece.data(), part);
        size += part;
        joint = std::max(joint, size);
        if (size == kRecord) {
          if (auto sealed = seal({joined, size}); !sealed) return pass(sealed);
          size = 0;
        }
      }
      piece.remove_prefix(part);
    }
  }
  if (auto sealed = seal({joined, size}); !sealed) return pass(sealed);
  if (joint > 0 && !SSL_is_server(ssl_.get())) ::explicit_bzero(joined, joint);
  auto flushed = flush();
  if (!flushed) return write_failure(std::move(flushed).error());
  bytes_out_ += taken;
  return taken;
}

Result<void> TlsStream::seal(std::string_view plain) {
  while (!plain.empty()) {
    std::size_t sent = 0;
    clear_errors();
    if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &sent) != 1) {
      t_gathered.clear();
      return ssl_failure();
    }
    plain.remove_prefix(sent);
  }
  return {};
}

async::Task<Result<void>> TlsStream::wait_readable() {
  inner_->set_read_deadline(read_deadline_);
  co_return co_await inner_->wait_readable();
}

async::Task<Result<void>> TlsStream::wait_writable() {
  inner_->set_write_deadline(write_deadline_);
  co_return co_await inner_->wait_writable();
}

async::Task<Result<void>> TlsStream::shutdown() {
  if (!dead_) {
    clear_errors();
    if (SSL_shutdown(ssl_.get()) < 0) clear_errors();
  }
  inner_->set_write_deadline(write_deadline_);
  auto flushed = flush();
  while (flushed && !*flushed) {
    auto ready = co_await inner_->wait_writable();
    if (!ready) co_return pass(ready);
    flushed = flush();
  }
  if (!flushed) co_return pass(flushed);
  co_return co_await inner_->shutdown();
}

bool TlsStream::quiet() {
  if (dead_) return false;
  char byte;
  std::size_t got = 0;
  clear_errors();
  // Takes in what TLS itself has to say (session tickets) and sees application data and the end.
  int returned = SSL_peek_ex(ssl_.get(), &byte, 1, &got);
  if (returned == 1) return false;
  bool waits = SSL_get_error(ssl_.get(), returned) == SSL_ERROR_WANT_READ;
  clear_errors();
  inner_error_.reset();
  if (!t_gathered.empty() && !flush()) return false;  // an answer to a key update
  return waits;
}

}  // namespace weir::net
