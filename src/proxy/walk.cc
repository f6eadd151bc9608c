#include "proxy/walk.h"

#include <fmt/format.h>

#include <memory>

#include "async/task_group.h"
#include "base/ascii.h"
#include "base/secret_bytes.h"
#include "http/h1/framing.h"
#include "proxy/error_response.h"
#include "proxy/tap.h"
#include "proxy/tunnel.h"
#include "proxy/websocket_tap.h"

namespace weir::proxy {
namespace {

std::int64_t micros(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

void note_upstream(Recording& recording, const wire::UpstreamLease& lease, Duration waited) {
  flow::Flow& flow = recording.flow();
  const wire::UpstreamFacts& facts = lease.facts();
  // Each attempt comes by here: a request that was sent again is marked once.
  if (!facts.mark.empty() && !flow.marks.contains(facts.mark)) recording.mark(facts.mark);
  flow.upstream_connection = facts.id;
  flow.upstream_reused = lease.reused();
  if (flow.upstream_reused) {
    flow.timing.blocked = micros(waited);
    return;
  }
  flow.timing.dns = facts.dns_us;
  flow.timing.connect = facts.connect_us;
  flow.timing.tls = facts.tls_us;
}

// How often one request is sent at most, whatever the reasons.
constexpr int kMaxAttempts = 3;

// A request is sent again if nothing of a response has come and no part of its body is spent, and either the
// peer has said that it did not look at it (RFC 9113 section 8.7), or a reused connection turned out to be
// stale and the method is idempotent (RFC 9110 section 9.2.2).
bool may_retry(Exchange& exchange, const Error& error, bool reused) {
  if (exchange.client_gone || exchange.incoming().responded() || exchange.flow().request_body.size > 0 ||
      !exchange.incoming().body().finished())
    return false;  // a body that was read ahead is there still
  if (error.side() != Side::upstream) return false;
  if (error.retry() == Retry::yes) return true;
  return reused && error.retry() == Retry::if_reused && http::is_idempotent(exchange.request().method);
}

// Who the origin is was checked, or it gets no secret.
Result<void> may_disclose(Exchange& exchange, const wire::UpstreamFacts& facts) {
  if (exchange.disclosure() == nullptr || (facts.tls && facts.tls->problem.empty())) return {};
  return fail(
      Code::credential_failed,
      fmt::format("{} showed a certificate that is not valid ({}), and secrets are for nobody whose is "
                  "accepted all the same (tls.insecure_hosts)",
                  facts.host, facts.tls ? facts.tls->problem : "no TLS"));
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

async::Task<void> Walk::carry(wire::Incoming& incoming, const ClientSide& client) {
  Exchange exchange(incoming, client, recorder_);
  auto served = co_await serve(exchange);
  incoming.on_client_gone(nullptr);
  if (!served) co_await end_in_error(exchange, std::move(served).error());
  exchange.end();
}

async::Task<void> Walk::end_in_error(Exchange& exchange, Error error) {
  wire::Incoming& incoming = exchange.incoming();
  // What ended the exchange from outside is the cause of whatever failed by it.
  bool cut = incoming.cut() && (exchange.client_gone || error.code() == Code::cancelled);
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

async::Task<Result<void>> Walk::serve(Exchange& exchange) {
  if (auto may = may_pass(); !may) co_return may;
  auto answer = co_await ask_filters(exchange);
  if (!answer) co_return pass(answer);
  if (*answer) co_return co_await give(exchange, std::move(**answer));
  if (onlookers_ != nullptr) exchange.show_to(*onlookers_);
  co_return co_await forward(exchange);
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

async::Task<Result<void>> Walk::forward(Exchange& exchange) {
  bool may_reuse = true;
  for (int attempt = 1;; ++attempt) {
    TimePoint begun = steady_now();
    auto lease = co_await pool_.acquire(exchange.route(), exchange.request(), may_reuse);
    if (!lease) co_return pass(lease);
    wire::Outgoing& http = lease->http();
    note_upstream(exchange.recording(), *lease, steady_now() - begun);
    if (auto may = may_disclose(exchange, lease->facts()); !may) co_return may;
    exchange.incoming().on_client_gone([&exchange, &http] {
      exchange.client_gone = true;
      http.cancel();
    });
    auto done = co_await converse(exchange, http);
    exchange.incoming().on_client_gone(nullptr);
    if (done || attempt == kMaxAttempts || !may_retry(exchange, done.error(), lease->reused()))
      co_return done;
    exchange.recording().mark("retried");
    // A stale connection says that others of its age may be stale; a refusal does not.
    may_reuse = done.error().retry() == Retry::yes;
  }
}

async::Task<void> Walk::run_upload(Upload& upload) {
  upload.result = co_await send(upload.exchange, upload.out, &upload.body);
  upload.done = true;
  note_sent(upload.exchange, upload.out, upload.begun);
  // When the client's body failed, the origin must not take what it got for the whole. When it was upstream
  // that stopped reading, its response may still say why.
  if (!upload.result && upload.result.error().side() != Side::upstream) upload.out.cancel();
}

// The secrets are put in here, where nobody looks any more but the origin.
async::Task<Result<void>> Walk::send(Exchange& exchange, wire::Outgoing& out, wire::Body* body) {
  Disclosure* disclosure = exchange.disclosure();
  if (disclosure == nullptr) co_return co_await out.send(exchange.request(), body);
  auto head = disclosure->disclose(exchange.request());
  if (!head) co_return pass(head);
  auto sent = co_await out.send(*head, body);
  if (head->secret_target) zero(head->target);
  co_return sent;
}

// Request and response are under way at the same time: a response may come before the request's end.
async::Task<Result<void>> Walk::converse(Exchange& exchange, wire::Outgoing& out) {
  flow::Flow& flow = exchange.flow();
  TimePoint begun = steady_now();
  if (wire::Body& body = exchange.body(); body.finished() && body.trailers().empty()) {
    flow.request_body.complete = true;
    auto sent = co_await send(exchange, out, nullptr);
    if (!sent) co_return pass(sent);
    note_sent(exchange, out, begun);
    co_return co_await respond(exchange, out);
  }
  Tap tap(exchange.body(), exchange.recording(), flow.request_body, exchange.onlooker());
  Upload upload{exchange, out, tap, begun, {}, false};
  async::TaskGroup group(loop_);
  group.spawn(run_upload(upload));
  auto responded = co_await respond(exchange, out);
  if (!upload.done) {
    exchange.incoming().stop_body();
    out.cancel();
  }
  co_await group.join();
  if (tap.finished()) flow.request_trailers = tap.trailers();
  // A failure of the client's, or a no of ours, is the cause, whatever upstream made of it.
  if (!responded && !upload.result && upload.result.error().side() != Side::upstream &&
      upload.result.error().code() != Code::cancelled)
    co_return upload.result;
  co_return responded;
}

void Walk::note_sent(Exchange& exchange, wire::Outgoing& out, TimePoint begun) {
  exchange.sent = steady_now();
  if (Onlooker* onlooker = exchange.onlooker()) onlooker->request_sent(exchange.sent);
  exchange.flow().timing.send = micros(exchange.sent - begun);
  if (options_.response_timeout > Duration::zero())
    out.expect_head_by(loop_.now() + options_.response_timeout);
}

// Interim heads go straight to the client; returns the final one (or 101, where it was asked for).
async::Task<Result<http::ResponseHead>> Walk::final_head(Exchange& exchange, wire::Outgoing& out) {
  for (;;) {
    auto head = co_await out.receive_head();
    if (!head || !head->informational()) co_return head;
    if (head->status == 101) co_return head;
    http::h1::remove_hop_by_hop(head->fields);
    head->fields.remove("content-length");  // RFC 9110 section 8.6: none in 1xx
    auto told = co_await exchange.incoming().inform(*head);
    if (!told) co_return pass(told);
  }
}

async::Task<Result<void>> Walk::respond(Exchange& exchange, wire::Outgoing& out) {
  auto head = co_await final_head(exchange, out);
  if (!head) co_return pass(head);
  flow::Flow& flow = exchange.flow();
  TimePoint first = steady_now();
  flow.timing.wait = exchange.sent == TimePoint() ? 0 : micros(first - exchange.sent);
  flow.has_response = true;
  flow.response = *head;
  flow.response_head_bytes = out.head_bytes();
  if (Onlooker* onlooker = exchange.onlooker()) onlooker->response_head(flow.response, first);
  if (Disclosure* disclosure = exchange.disclosure()) disclosure->answered(head->status);
  exchange.response() = std::move(*head);
  Result<void> done;
  if (out.switched()) {
    done = co_await change_protocol(exchange, out);
  } else {
    done = co_await pass_on(exchange, out);
  }
  flow.timing.receive = micros(steady_now() - first);
  co_return done;
}

async::Task<Result<void>> Walk::pass_on(Exchange& exchange, wire::Outgoing& out) {
  http::ResponseHead& head = exchange.response();
  // RFC 9110 section 15.5.22: a 426 without it would not say what is required.
  std::string required(head.status == 426 ? head.fields.get("upgrade").value_or("") : "");
  http::h1::remove_hop_by_hop(head.fields);
  if (!required.empty() && exchange.request().version != http::Version::h2) {
    head.fields.add("Connection", "Upgrade");
    head.fields.add("Upgrade", required);
  }
  for (Filter* filter : filters_.response()) {
    auto passed = co_await filter->on_response(exchange);
    if (!passed) co_return pass(passed);
  }
  flow::Flow& flow = exchange.flow();
  Tap tap(out.body(), exchange.recording(), flow.response_body, exchange.onlooker());
  auto done = co_await exchange.incoming().respond(exchange.response(), &tap);
  flow.response_body.complete = tap.finished();
  if (tap.finished()) flow.response_trailers = tap.trailers();
  co_return done;
}

// Both sides leave HTTP; from here on bytes pass as they are.
async::Task<Result<void>> Walk::change_protocol(Exchange& exchange, wire::Outgoing& out) {
  exchange.incoming().on_client_gone(nullptr);
  auto left = co_await exchange.incoming().leave_http(exchange.response());
  if (!left) co_return pass(left);
  TunnelCounts counts;
  std::string early = out.take_buffered();
  std::string pipelined = exchange.incoming().take_buffered();
  flow::Flow& flow = exchange.flow();
  std::optional<WebSocketTap> tap;
  // Of a list, an HTTP/1 origin says what it chose.
  std::string_view chosen = flow.response.fields.get("upgrade").value_or(exchange.request().upgrade);
  bool websocket = iequals(chosen, "websocket");
  if (websocket)
    tap.emplace(exchange.recording(), flow.response.fields, options_.wait_for_capture, exchange.onlooker());
  std::unique_ptr<TunnelGuard> guard;
  if (auto search = std::exchange(exchange.tunnel_search(), std::nullopt))
    guard = websocket ? guard_messages(std::move(*search), flow.response.fields)
                      : guard_bytes(std::move(*search));
  auto done = co_await tunnel(exchange.incoming().tunnel(), out.tunnel(), pipelined, early, counts,
                              tap ? &*tap : nullptr, guard.get());
  if (tap) tap->finish();
  flow.request_body.size = counts.to_upstream;
  flow.response_body.size = counts.to_client;
  flow.request_body.complete = flow.response_body.complete = done.has_value();
  out.cancel();
  co_return done;
}

}  // namespace weir::proxy
