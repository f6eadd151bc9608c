// TlsStream: TLS over any Stream.
//
// OpenSSL reads through a BIO of our own that drains a rewound prefix (the ClientHello that was read to find
// the name) and then calls the inner stream's try_read; what it writes is gathered and sent with one call.
// Reading and writing therefore cost no copy beyond OpenSSL's own, and the stream below may be a socket,
// another TlsStream (an upstream proxy spoken to by TLS), or memory in a test.
#pragma once

#include <memory>
#include <string>

#include "net/stream.h"
#include "tls/facts.h"
#include "tls/handles.h"

namespace weir::net {

class TlsStream final : public Stream {
 public:
  /// Takes the inner stream and a session from a tls::ServerContext or tls::ClientContext. `prefix` are bytes
  /// read from `inner` already. `peer` names the other end in error texts.
  TlsStream(std::unique_ptr<Stream> inner, tls::SslPtr ssl, std::string prefix, std::string peer);
  ~TlsStream() override;

  /// What the peer sends is a secret: OpenSSL overwrites its own copies once they were read.
  void forget_what_is_read();
  /// Must succeed before anything else. Errors: see tls::handshake_error; time-outs are the deadline's.
  async::Task<Result<void>> handshake(TimePoint deadline);

  Result<std::optional<std::size_t>> try_read(std::span<char> into) override;
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override;
  async::Task<Result<void>> wait_readable() override;
  async::Task<Result<void>> wait_writable() override;
  Result<bool> flush_pending() override { return unsent_.empty() ? inner_->flush_pending() : flush(); }
  async::Task<Result<void>> shutdown() override;
  void cancel() override { inner_->cancel(); }
  bool cancelled() const override { return inner_->cancelled(); }
  void interrupt_read() override { inner_->interrupt_read(); }
  void reset_on_close() override {
    abrupt_ = true;
    inner_->reset_on_close();
  }
  void on_hangup(std::move_only_function<void()> call, bool half_close_counts) override {
    inner_->on_hangup(std::move(call), half_close_counts);
  }
  bool half_close_means_gone() const override { return true; }
  bool quiet() override;
  void set_read_deadline(TimePoint deadline) override {
    read_deadline_ = deadline;
    inner_->set_read_deadline(deadline);
  }
  bool ended_cleanly() const override { return !truncated_; }
  async::Loop& loop() const override { return inner_->loop(); }

  tls::TlsFacts facts() const { return tls::facts(ssl_.get()); }
  /// The alert (RFC 8446 section 6) that ended it, where the peer sent one.
  std::optional<std::uint8_t> alert() const { return alert_; }
  Stream& inner() { return *inner_; }
  /// Bytes on the wire, TLS included.
  std::uint64_t wire_bytes_in() const { return inner_->bytes_in(); }
  std::uint64_t wire_bytes_out() const { return inner_->bytes_out(); }

 private:
  friend struct StreamBio;
  /// Sends gathered ciphertext. True when all is gone.
  Result<bool> flush();
  /// What OpenSSL failed with.
  Result<std::optional<std::size_t>> read_inner(std::span<char> into);
  Failure ssl_failure();
  /// Why writing failed: the peer may have sent an alert before it closed.
  Failure write_failure(Error error);
  /// Encrypts `plain` into the gathered bytes.
  Result<void> seal(std::string_view plain);

  std::unique_ptr<Stream> inner_;
  tls::SslPtr ssl_;
  std::string prefix_;
  std::size_t prefix_used_ = 0;
  std::string peer_;
  std::string unsent_;                // ciphertext the inner stream had no room for
  std::optional<Error> inner_error_;  // what the BIO met, told after OpenSSL returns
  bool dead_ = false;                 // after a fatal error SSL_shutdown must not be called
  bool abrupt_ = false;
  std::optional<std::uint8_t> alert_;
  bool truncated_ = false;  // the peer ended without close_notify
};

}  // namespace weir::net
