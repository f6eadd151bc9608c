// H1ClientConnection: HTTP/1 towards an upstream. One exchange at a time on one stream of its own.
#pragma once

#include <memory>
#include <string>

#include "base/secret_text.h"
#include "http/h1/head.h"
#include "wire/connection.h"
#include "wire/h1_body.h"
#include "wire/read_buffer.h"

namespace weir::wire {

struct ClientLimits {
  http::h1::Limits head;
  Duration response_timeout = std::chrono::seconds(300);  ///< request sent to response head; zero = none
  Duration body_idle = Duration::zero();
  std::size_t interim_responses = 64;  ///< 1xx heads before one final
};

class H1ClientConnection final : public Outgoing {
 public:
  /// `absolute_form`: requests go to a proxy, which wants the whole URL.
  H1ClientConnection(std::unique_ptr<net::Stream> stream, const ClientLimits& limits, bool absolute_form);

  /// Makes ready for another exchange. `proxy_authorization` is sent with each head; empty = none.
  void begin(std::string_view method, bool reused);
  /// What comes is a secret; its caller zeroes what it takes.
  void keep_answers_secret() { buffer_.keep_secret(); }
  void set_proxy_authorization(SecretText value) { proxy_authorization_ = std::move(value); }

  async::Task<Result<void>> send(const http::RequestHead& head, Body* body) override;
  async::Task<Result<http::ResponseHead>> receive_head() override;
  std::size_t head_bytes() const override { return head_bytes_; }
  Body& body() override { return body_; }
  bool switched() const override { return switched_; }
  net::Stream& tunnel() override { return *stream_; }
  std::string take_buffered() override;
  void cancel() override;
  void expect_head_by(TimePoint deadline) override {
    if (!received_) stream_->set_read_deadline(deadline);
  }

  /// True when the last exchange ended so that another may follow, and the peer has said nothing since.
  bool reusable();
  net::Stream& stream() { return *stream_; }
  bool reused() const { return reused_; }

 private:
  Result<http::ResponseHead> parse(std::size_t size);
  void add_framing(http::RequestHead& head, const Body* body);
  Result<void> judge_switch(const http::ResponseHead& head);

  std::unique_ptr<net::Stream> stream_;
  const ClientLimits& limits_;
  bool absolute_form_;
  SecretText proxy_authorization_;
  ReadBuffer buffer_;
  http::h1::HeadScanner scanner_;
  H1Body body_;
  std::string method_;
  std::size_t head_bytes_ = 0;
  std::size_t interim_ = 0;
  bool reused_ = false;
  bool sent_ = false;      // the whole request went out
  bool received_ = false;  // a final head has come
  bool keep_alive_ = false;
  bool upgrade_ = false;
  bool switched_ = false;
  std::string wanted_accept_;  // of a WebSocket handshake that we began ourselves
  bool spoiled_ = false;
};

}  // namespace weir::wire
