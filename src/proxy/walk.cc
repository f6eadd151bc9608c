#include "proxy/walk.h"

#include <memory>

#include "async/task_group.h"
#include "http/h1/framing.h"
#include "proxy/error_response.h"
#include "proxy/tap.h"
#include "proxy/tunnel.h"

namespace weir::proxy {
namespace {

std::int64_t micros(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

void note_upstream(flow::Flow& flow, const wire::UpstreamConnection& connection, Duration waited) {
  const wire::UpstreamFacts& facts = connection.facts;
  flow.upstream_connection = facts.id;
  flow.upstream_reused = facts.requests > 1;
  if (flow.upstream_reused) {
    flow.timing.blocked = micros(waited);
    return;
  }
  flow.timing.dns = facts.dns_us;
  flow.timing.connect = facts.connect_us;
  flow.timing.tls = facts.tls_us;
}

// RFC 9110 section 9.2.2: a request is sent again only if a reused connection turned out to be stale, nothing
// of a response has come, it had no body that is spent now, and its method is idempotent.
bool may_retry(Exchange& exchange, const Error& error, bool reused) {
  return reused && error.side() == Side::upstream && error.retry() == Retry::if_reused &&
         !exchange.client_gone && !exchange.incoming().responded() &&
         exchange.flow().request_body.size == 0 && exchange.incoming().body().finished() &&
         http::is_idempotent(exchange.request().method);
}

}  // namespace

// The request's body on its way, side by side with the response.
struct Walk::Upload {
  Exchange& exchange;
  wire::Outgoing& out;
  wire::Body& body;
  TimePoint begun;
  Result<void> result;
  bool done = false;
};

async::Task<void> Walk::carry(wire::Incoming& incoming, const ClientSide& client,
                              net::Stream& client_stream) {
  Exchange exchange(incoming, client, recorder_);
  auto served = co_await serve(exchange, client_stream);
  incoming.on_client_gone(nullptr);
  if (served) co_return;
  Error error = std::move(served).error();
  // What ended the exchange from outside is the cause of whatever failed by it.
  bool cut = client_stream.cancelled() && (exchange.client_gone || error.code() == Code::cancelled);
  if (cut) {
    error = Error(Code::shutting_down);
  } else if (exchange.client_gone) {
    error = Error(Code::client_closed);
  }
  exchange.recording().fail(error.code(), error.context());
  // 0 and 499: nobody is there to read an answer.
  std::uint16_t status = info(error.code()).status;
  if (!incoming.responded() && status != 0 && status != 499) co_await explain(exchange, error);
}

Result<void> Walk::may_pass() const {
  if (options_.block_when_capture_fails && recorder_.sink().failing()) return fail(Code::capture_failed);
  return {};
}

async::Task<Result<void>> Walk::serve(Exchange& exchange, net::Stream& client_stream) {
  if (auto may = may_pass(); !may) co_return may;
  auto answer = co_await ask_filters(exchange);
  if (!answer) co_return pass(answer);
  if (*answer) co_return co_await give(exchange, std::move(**answer));
  co_return co_await forward(exchange, client_stream);
}

async::Task<Result<std::optional<Answer>>> Walk::ask_filters(Exchange& exchange) {
  for (Filter* filter : filters_.request()) {
    auto answer = co_await filter->on_request(exchange);
    if (!answer || *answer) co_return answer;
  }
  co_return std::nullopt;
}

async::Task<Result<void>> Walk::give(Exchange& exchange, Answer answer) {
  flow::Flow& flow = exchange.flow();
  flow.has_response = flow.synthesised = true;
  flow.response = answer.head;
  if (!answer.body) co_return co_await exchange.incoming().respond(answer.head, nullptr);
  Tap tap(*answer.body, exchange.recording(), flow.response_body);
  co_return co_await exchange.incoming().respond(answer.head, &tap);
}

async::Task<void> Walk::explain(Exchange& exchange, const Error& error) {
  ErrorResponse made = error_response(error, exchange.flow().request, exchange.flow().id);
  Answer answer{std::move(made.head), std::make_unique<wire::TextBody>(std::move(made.body))};
  // The cause is recorded already; that the client went away as well adds nothing.
  auto given = co_await give(exchange, std::move(answer));
  if (!given) exchange.recording().mark("answer_not_delivered");
}

async::Task<Result<void>> Walk::forward(Exchange& exchange, net::Stream& client_stream) {
  for (bool may_reuse = true;; may_reuse = false) {
    TimePoint begun = steady_now();
    auto connection = co_await pool_.acquire(exchange.route(), may_reuse);
    if (!connection) co_return pass(connection);
    wire::H1ClientConnection& http = *(*connection)->http;
    bool reused = (*connection)->facts.requests > 1;
    note_upstream(exchange.flow(), **connection, steady_now() - begun);
    exchange.incoming().on_client_gone([&exchange, &http] {
      exchange.client_gone = true;
      http.cancel();
    });
    http.begin(exchange.request().method, reused);
    auto done = co_await converse(exchange, http, client_stream);
    exchange.incoming().on_client_gone(nullptr);
    pool_.release(std::move(*connection));
    if (done || !may_retry(exchange, done.error(), reused)) co_return done;
    exchange.recording().mark("retried");
  }
}

async::Task<void> Walk::run_upload(Upload& upload) {
  upload.result = co_await upload.out.send(upload.exchange.request(), &upload.body);
  upload.done = true;
  note_sent(upload.exchange, upload.out, upload.begun);
  // When the client's body failed, the origin must not take what it got for the whole. When it was upstream
  // that stopped reading, its response may still say why.
  if (!upload.result && upload.result.error().side() != Side::upstream) upload.out.cancel();
}

// Request and response are under way at the same time: a response may come before the request's end.
async::Task<Result<void>> Walk::converse(Exchange& exchange, wire::Outgoing& out,
                                         net::Stream& client_stream) {
  flow::Flow& flow = exchange.flow();
  TimePoint begun = steady_now();
  if (exchange.incoming().body().finished()) {
    flow.request_body.complete = true;
    auto sent = co_await out.send(exchange.request(), nullptr);
    if (!sent) co_return pass(sent);
    note_sent(exchange, out, begun);
    co_return co_await respond(exchange, out, client_stream);
  }
  Tap tap(exchange.incoming().body(), exchange.recording(), flow.request_body);
  Upload upload{exchange, out, tap, begun, {}, false};
  async::TaskGroup group(loop_);
  group.spawn(run_upload(upload));
  auto responded = co_await respond(exchange, out, client_stream);
  if (!upload.done) {
    exchange.incoming().stop_body();
    out.cancel();
  }
  co_await group.join();
  if (tap.finished()) flow.request_trailers = tap.trailers();
  // The client's own failure is the cause, whatever upstream made of it.
  if (!responded && !upload.result && upload.result.error().side() == Side::client) co_return upload.result;
  co_return responded;
}

void Walk::note_sent(Exchange& exchange, wire::Outgoing& out, TimePoint begun) {
  exchange.sent = steady_now();
  exchange.flow().timing.send = micros(exchange.sent - begun);
  if (options_.response_timeout > Duration::zero())
    out.expect_head_by(loop_.now() + options_.response_timeout);
}

// Interim heads go straight to the client; returns the final one (or 101, where it was asked for).
async::Task<Result<http::ResponseHead>> Walk::final_head(Exchange& exchange, wire::Outgoing& out) {
  for (;;) {
    auto head = co_await out.receive_head();
    if (!head || !head->informational()) co_return head;
    if (head->status == 101) {
      if (!exchange.upgrade().empty()) co_return head;
      co_return fail(Code::upstream_bad_response, "101 Switching Protocols, though nobody asked");
    }
    http::h1::remove_hop_by_hop(head->fields);
    head->fields.remove("content-length");  // RFC 9110 section 8.6: none in 1xx
    auto told = co_await exchange.incoming().inform(*head);
    if (!told) co_return pass(told);
  }
}

async::Task<Result<void>> Walk::respond(Exchange& exchange, wire::Outgoing& out, net::Stream& client_stream) {
  auto head = co_await final_head(exchange, out);
  if (!head) co_return pass(head);
  flow::Flow& flow = exchange.flow();
  TimePoint first = steady_now();
  flow.timing.wait = exchange.sent == TimePoint() ? 0 : micros(first - exchange.sent);
  flow.has_response = true;
  flow.response = *head;
  flow.response_head_bytes = out.head_bytes();
  exchange.response() = std::move(*head);
  Result<void> done;
  if (exchange.response().status == 101) {
    done = co_await change_protocol(exchange, out, client_stream);
  } else {
    done = co_await pass_on(exchange, out);
  }
  flow.timing.receive = micros(steady_now() - first);
  co_return done;
}

async::Task<Result<void>> Walk::pass_on(Exchange& exchange, wire::Outgoing& out) {
  http::h1::remove_hop_by_hop(exchange.response().fields);
  for (Filter* filter : filters_.response()) {
    auto passed = co_await filter->on_response(exchange);
    if (!passed) co_return pass(passed);
  }
  flow::Flow& flow = exchange.flow();
  Tap tap(out.body(), exchange.recording(), flow.response_body);
  auto done = co_await exchange.incoming().respond(exchange.response(), &tap);
  flow.response_body.complete = tap.finished();
  if (tap.finished()) flow.response_trailers = tap.trailers();
  co_return done;
}

// Both sides leave HTTP; from here on bytes pass unread.
async::Task<Result<void>> Walk::change_protocol(Exchange& exchange, wire::Outgoing& out,
                                                net::Stream& client_stream) {
  exchange.incoming().on_client_gone(nullptr);
  auto left = co_await exchange.incoming().leave_http(exchange.response());
  if (!left) co_return pass(left);
  TunnelCounts counts;
  std::string early = out.take_buffered();
  std::string pipelined = exchange.incoming().take_buffered();
  auto done = co_await tunnel(client_stream, out.raw_stream(), pipelined, early, counts);
  flow::Flow& flow = exchange.flow();
  flow.request_body.size = counts.to_upstream;
  flow.response_body.size = counts.to_client;
  flow.request_body.complete = flow.response_body.complete = done.has_value();
  out.cancel();
  co_return done;
}

}  // namespace weir::proxy
