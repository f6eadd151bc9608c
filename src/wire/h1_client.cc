#include "wire/h1_client.h"

#include <array>

#include "base/ascii.h"
#include "base/hash.h"
#include "base/secret_bytes.h"
#include "http/h1/encoder.h"
#include "http/h1/framing.h"
#include "http/ws/handshake.h"
#include "wire/h1_writer.h"

namespace weir::wire {

H1ClientConnection::H1ClientConnection(std::unique_ptr<net::Stream> stream, const ClientLimits& limits,
                                       bool absolute_form)
    : stream_(std::move(stream)),
      limits_(limits),
      absolute_form_(absolute_form),
      scanner_(limits.head),
      body_(*stream_, buffer_) {
  body_.set_idle_limit(limits.body_idle);
}

void H1ClientConnection::begin(std::string_view method, bool reused) {
  method_ = method;
  reused_ = reused;
  sent_ = received_ = keep_alive_ = upgrade_ = switched_ = false;
  wanted_accept_.clear();
  head_bytes_ = interim_ = 0;
  scanner_.reset();
  stream_->set_read_deadline(kNever);
  stream_->set_write_deadline(kNever);
}

async::Task<Result<void>> H1ClientConnection::send(const http::RequestHead& head, Body* body) {
  std::string text;
  text.reserve(512);
  Writing how;
  how.idle_limit = limits_.body_idle;
  how.chunked = body && !body->length();
  how.secret = head.secret();
  bool length_missing = body && body->length() && !head.fields.has("content-length");
  upgrade_ = !head.upgrade.empty();
  bool extra = how.chunked || length_missing || upgrade_ || !proxy_authorization_.empty();
  if (extra || head.fields.has("te")) {
    http::RequestHead framed = head;
    add_framing(framed, body);
    how.secret = framed.secret();
    http::h1::append_request_head(text, framed, absolute_form_);
    if (framed.secret_target) zero(framed.target);
  } else {
    http::h1::append_request_head(text, head, absolute_form_);
  }
  auto sent = co_await write_message(*stream_, std::move(text), body, how);
  sent_ = sent.has_value();
  co_return sent;
}

// What belongs to this connection alone.
void H1ClientConnection::add_framing(http::RequestHead& head, const Body* body) {
  if (body && !body->length()) {
    head.fields.add("Transfer-Encoding", "chunked");
  } else if (body && !head.fields.has("content-length")) {
    head.fields.add("Content-Length", std::to_string(*body->length()));
  }
  // RFC 9110 sections 7.6.1, 7.8 and 10.1.4: both are named in Connection.
  bool trailers = head.fields.has("te");
  if (upgrade_) {
    head.fields.add("Connection", trailers ? "Upgrade, TE" : "Upgrade");
    head.fields.add("Upgrade", head.upgrade);
    // RFC 8441 section 5: an HTTP/2 client has no key to send.
    if (head.version == http::Version::h2 && iequals(head.upgrade, "websocket")) {
      std::array<char, 16> nonce;
      fill_random(nonce.data(), nonce.size());
      std::string key = base64({nonce.data(), nonce.size()});
      wanted_accept_ = http::ws::accept_key(key);
      head.fields.add("Sec-WebSocket-Key", key);
    }
  } else if (trailers) {
    head.fields.add("Connection", "TE");
  }
  if (!proxy_authorization_.empty()) {
    head.fields.remove("proxy-authorization");
    head.fields.add_secret("Proxy-Authorization", proxy_authorization_.reveal());
  }
}

Result<void> H1ClientConnection::judge_switch(const http::ResponseHead& head) {
  if (!upgrade_) return fail(Code::upstream_bad_response, "101 Switching Protocols, though nobody asked");
  if (!wanted_accept_.empty() && !head.fields.has_token("upgrade", "websocket"))
    return fail(Code::upstream_bad_response, "101 to another protocol than websocket");
  if (!wanted_accept_.empty() && head.fields.get("sec-websocket-accept") != wanted_accept_)
    return fail(Code::upstream_bad_response,
                "Sec-WebSocket-Accept does not answer the key (RFC 6455 section 4.1)");
  switched_ = true;
  return {};
}

async::Task<Result<http::ResponseHead>> H1ClientConnection::receive_head() {
  bool begun = false;
  scanner_.reset();
  for (;;) {
    if (!buffer_.empty()) {
      begun = true;
      auto size = scanner_.scan(buffer_.data());
      if (!size) co_return fail(Code::upstream_bad_response, size.error().context());
      if (*size) co_return parse(**size);
    }
    auto got = co_await buffer_.fill(*stream_);
    Retry retry = begun || interim_ > 0 ? Retry::never : Retry::if_reused;
    if (!got) {
      if (got.error().code() == Code::upstream_reset)
        co_return Failure(std::move(got.error()).with_retry(retry));
      co_return pass(got);
    }
    if (*got > 0) continue;
    if (begun) co_return fail(Code::upstream_bad_response, "the connection ended within the response head");
    co_return fail(Code::upstream_closed, {}, retry);
  }
}

Result<http::ResponseHead> H1ClientConnection::parse(std::size_t size) {
  auto head = http::h1::parse_response_head(buffer_.data().substr(0, size), limits_.head);
  if (!head) return pass(head);
  buffer_.consume(size);
  head_bytes_ += size;
  if (head->informational() && head->status != 101) {
    if (++interim_ > limits_.interim_responses)
      return fail(Code::upstream_bad_response, "too many interim responses");
    return head;
  }
  if (head->status == 101) {
    if (auto judged = judge_switch(*head); !judged) return pass(judged);
  }
  auto length = http::h1::response_body_length(*head, method_);
  if (!length) return pass(length);
  received_ = true;
  keep_alive_ = length->kind != http::h1::BodyLength::Kind::until_close && head->status != 101 &&
                http::h1::keeps_alive(head->version, head->fields);
  body_.begin(*length);
  stream_->set_read_deadline(kNever);
  return head;
}

std::string H1ClientConnection::take_buffered() {
  std::string out(buffer_.data());
  buffer_.consume(out.size());
  buffer_.release();
  return out;
}

void H1ClientConnection::cancel() {
  spoiled_ = true;
  stream_->cancel();
}

bool H1ClientConnection::reusable() {
  if (!sent_ || !received_ || !keep_alive_ || spoiled_ || !body_.finished() || !buffer_.empty()) return false;
  buffer_.release();
  return stream_->quiet();
}

}  // namespace weir::wire
