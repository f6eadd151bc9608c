#include "wire/h2_client.h"

#include "base/ascii.h"
#include "base/secret_bytes.h"
#include "http/h2/head.h"

namespace weir::wire {
namespace {

// What an origin takes to say that it knows extended CONNECT: its SETTINGS come with its first bytes.
constexpr auto kGreeting = std::chrono::seconds(10);

}  // namespace

H2Outgoing::H2Outgoing(H2ClientConnection& connection)
    : connection_(connection), stream_(connection, 0), tunnel_(stream_, Side::upstream) {
  stream_.set_idle_limit(connection.client_.body_idle);
}

// RFC 8441 section 3: a :protocol is for those alone who have said that they take it.
async::Task<Result<void>> H2Outgoing::wait_for_consent() {
  if (co_await connection_.greeted_.wait(connection_.loop().now() + kGreeting) == async::Wake::timeout)
    co_return fail(Code::upstream_timeout, "HTTP/2: no SETTINGS came");
  if (stream_.failure()) co_return Failure(*stream_.failure());
  if (!connection_.takes_connect_protocol())
    co_return fail(Code::upstream_bad_response, "HTTP/2: the origin does not take extended CONNECT");
  co_return Result<void>();
}

async::Task<Result<void>> H2Outgoing::send(const http::RequestHead& head, Body* body) {
  if (stream_.failure()) co_return Failure(*stream_.failure());
  to_head_ = head.is("HEAD");
  upgrade_ = !head.upgrade.empty();
  if (upgrade_) {
    auto may = co_await wait_for_consent();
    if (!may) co_return may;
  }
  std::optional<std::string_view> first;
  if (body && body->ready()) {
    auto part = co_await body->read();
    if (!part) co_return pass(part);
    first = *part;
    if (first->empty() && body->trailers().empty()) body = nullptr;
    if (stream_.failure()) co_return Failure(*stream_.failure());
  }
  http::h2::HeaderBlock block = http::h2::block_of(head);
  if (body && body->length() && !head.fields.has("content-length"))
    block.fields.add("content-length", std::to_string(*body->length()));
  if (body && first) stream_.offer(*first, first->empty() || body->finished(), &body->trailers());
  auto id = connection_.session().submit_request(block, body || upgrade_, &stream_.events());
  if (block.secret_path) zero(block.path);
  if (!id) {
    connection_.leaving_ = true;
    co_return fail(Code::upstream_closed, "HTTP/2: the connection takes no more streams", Retry::yes);
  }
  stream_.set_id(*id);
  connection_.flush_soon();
  if (!body) {
    if (!upgrade_) stream_.set_sent();
    co_return Result<void>();
  }
  co_return co_await stream_.send_body(*body, first);
}

async::Task<Result<http::ResponseHead>> H2Outgoing::receive_head() {
  auto block = co_await stream_.head();
  if (!block) co_return pass(block);
  head_bytes_ += block->bytes;
  auto head = http::h2::response_head(std::move(*block));
  if (!head) co_return pass(head);
  if (head->informational()) {
    if (++interim_ > connection_.client_.interim_responses)
      co_return fail(Code::upstream_bad_response, "too many interim responses");
    co_return head;
  }
  switched_ = upgrade_ && head->status / 100 == 2;
  if (auto text = head->fields.get("content-length"); text && !to_head_)
    stream_.set_length(parse_decimal(*text));
  co_return head;
}

H2ClientConnection::H2ClientConnection(std::unique_ptr<net::Stream> stream, const ClientLimits& client,
                                       const H2Limits& h2)
    : H2Connection(*stream, http::h2::Role::client, h2), owned_(std::move(stream)), client_(client) {}

H2ClientConnection::~H2ClientConnection() = default;

bool H2ClientConnection::has_room() const { return !leaving() && live() < session_.peer_max_streams(); }

async::Task<void> H2ClientConnection::run() {
  Error why(Code::upstream_closed, {}, Retry::if_reused);
  while (!leaving() || live() > 0) {
    auto more = co_await read_frames();
    if (more && *more) continue;
    if (!more && more.error().code() == Code::cancelled && !stream_.cancelled()) continue;
    if (!more) why = std::move(more).error();
    break;
  }
  leaving_ = true;
  fail_streams(why);
  greeted_.set();
}

void H2ClientConnection::drain() {
  leaving_ = true;
  if (live() == 0) stream_.interrupt_read();
}

void H2ClientConnection::on_settings() {
  greeted_.set();
  if (auto call = std::exchange(greeting_call_, nullptr)) call();
}

void H2ClientConnection::live_changed() {
  if (leaving_ && live() == 0) stream_.interrupt_read();
  if (room_call_) room_call_();
}

async::Task<void> H2ClientConnection::close() {
  session().terminate(http::h2::ErrorCode::no_error);
  co_await finish_writing();
  if (!stream_.cancelled()) {
    auto ended = co_await stream_.shutdown();
    if (!ended) co_return;  // gone already, which is what was wanted
  }
}

}  // namespace weir::wire
