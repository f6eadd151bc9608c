// Sessions: requests, one after another over HTTP/1, side by side over HTTP/2.
#include "async/task_group.h"
#include "base/secret_bytes.h"
#include "net/borrowed_stream.h"
#include "proxy/session.h"

namespace weir::proxy {

// A request has come, so the client has taken our certificate, if there was one.
void Session::note_request() {
  ++connection_.requests;
  if (judging_) services_.rejections.accepted(connection_.peer, *judging_);
  judging_.reset();
}

async::Task<Result<void>> Session::serve_http1(http::Door door, std::string first) {
  wire::H1ServerConnection http(*stream_, services_.options.limits, door);
  bool asked = !client_.tunnel && services_.options.credentials.wanted();
  if (asked) http.keep_heads_secret();
  http.prepend(first);
  if (asked) zero(first);
  first = std::string();
  http1_ = &http;
  if (draining_) http.close_after_this();
  auto served = co_await carry_each(http);
  http1_ = nullptr;
  co_return served;
}

async::Task<Result<void>> Session::carry_each(wire::H1ServerConnection& http) {
  for (;;) {
    auto incoming = co_await http.next();
    if (!incoming) {
      if (incoming.error().code() == Code::cancelled && draining_) co_await stream_->shutdown();
      bool unused = judging_.has_value();  // then intercept_tls() tells of it
      if (incoming.error().code() == Code::cancelled ||
          info(incoming.error().code()).phase == Phase::client_tls ||
          (unused && incoming.error().code() == Code::client_reset))
        co_return pass(incoming);
      co_await refuse(http, incoming.error());
      co_return pass(incoming);
    }
    if (!*incoming) break;
    note_request();
    co_await wait_for_room();
    if (!co_await admit(**incoming)) continue;
    if ((*incoming)->head().method == "CONNECT") co_return co_await connect(http, **incoming);
    co_await services_.walk.carry(**incoming, client_);
    if (draining_) http.close_after_this();
  }
  // A connection that left HTTP and was cut has nothing more to say, and no orderly end.
  if (!stream_->cancelled()) co_await http.linger();
  co_return Result<void>();
}

async::Task<Result<void>> Session::serve_http2(http::Door door, std::string first) {
  wire::H2ServerConnection http(*stream_, services_.options.limits, services_.options.h2, door);
  if (!first.empty()) http.prepend(first);
  first = std::string();
  http2_ = &http;
  if (draining_) http.drain();
  async::TaskGroup exchanges(services_.loop);
  Result<void> served;
  for (;;) {
    auto arrival = co_await http.next();
    if (!arrival) served = pass(arrival);
    if (!arrival || (!arrival->incoming && !arrival->fault)) break;
    note_request();
    co_await wait_for_room();
    exchanges.spawn(serve_stream(std::move(*arrival)));
  }
  for (Session* inner : inside_) inner->cancel();
  co_await exchanges.join();
  co_await http.close();
  http2_ = nullptr;
  // What ended the connection for a fault of the client has no exchange to be told in.
  if (!served && (served.error().code() == Code::bad_request || served.error().code() == Code::flood))
    co_await refuse_stream({nullptr, served.error()});
  co_return served;
}

async::Task<void> Session::serve_stream(wire::H2ServerConnection::Arrival arrival) {
  if (arrival.fault) co_return co_await refuse_stream(std::move(arrival));
  wire::H2Incoming& incoming = *arrival.incoming;
  if (!co_await admit(incoming)) co_return;
  if (incoming.head().is("CONNECT")) co_return co_await connect_stream(incoming);
  co_await services_.walk.carry(incoming, client_);
}

async::Task<void> Session::refuse_stream(wire::H2ServerConnection::Arrival arrival) {
  Recording recording(services_.recorder);
  flow::Flow& flow = recording.flow();
  flow.client_connection = client_.connection;
  flow.interception = client_.interception;
  if (client_.tunnel) flow.request.origin = client_.tunnel->origin;
  flow.request.version = http::Version::h2;
  recording.fail(arrival.fault->code(), arrival.fault->context());
  if (!arrival.incoming) co_return;
  ErrorResponse made = prepare_answer(recording, *arrival.fault);
  wire::TextBody body(std::move(made.body));
  auto sent = co_await arrival.incoming->respond(made.head, &body);
  if (!sent) recording.mark("answer_not_delivered");
}

async::Task<bool> Session::admit(wire::Incoming& incoming) {
  if (client_.tunnel) co_return true;  // who is inside a tunnel was asked when it was opened
  auto admitted = services_.options.credentials.admit(incoming.head().fields);
  if (admitted) co_return true;
  Recording recording(services_.recorder);
  flow::Flow& flow = recording.flow();
  flow.client_connection = client_.connection;
  flow.request = incoming.head();
  if (flow.request.is("CONNECT")) flow.kind = flow::Kind::tunnel;
  recording.fail(admitted.error().code(), admitted.error().context());
  ErrorResponse made = prepare_answer(recording, admitted.error());
  made.head.fields.add("Proxy-Authenticate", Credentials::kChallenge);
  flow.response = made.head;
  wire::TextBody body(std::move(made.body));
  auto answered = co_await incoming.respond(made.head, &body);
  if (!answered) recording.mark("answer_not_delivered");
  co_return false;
}

bool Session::wants_interception(const HostPort& place) const {
  const SessionOptions& options = services_.options;
  bool wanted = options.intercept.empty() || options.intercept.matches(place);
  return wanted && !options.passthrough.matches(place);
}

async::Task<Result<void>> Session::connect(wire::H1ServerConnection& http, wire::Incoming& incoming) {
  HostPort place = incoming.head().origin.place;
  if (auto may = judge_place(place); !may) {
    http.close_after_this();
    co_await refuse_place(incoming, may.error());
    if (incoming.responded()) co_await http.linger();
    co_return may;
  }
  if (!wants_interception(place)) {
    http.close_after_this();
    Result<void> done;
    {
      Recording recording(services_.recorder);
      describe_tunnel(recording.flow(), place, flow::Interception::passthrough);
      recording.flow().request.fields = incoming.head().fields;
      done = co_await pass_through(recording, place, incoming);
      if (!done) note_failure(recording, done.error());
    }
    if (!done && incoming.responded() && !stream_->cancelled()) co_await http.linger();
    co_return done;
  }
  http::ResponseHead established;
  established.status = 200;
  established.reason = "Connection established";
  auto answered = co_await incoming.leave_http(established);
  if (!answered) co_return pass(answered);
  std::string first = incoming.take_buffered();
  http1_ = nullptr;
  co_return co_await intercept(place, std::move(first));
}

// A tunnel in a stream is a connection of its own, inside the one that carries it.
async::Task<void> Session::connect_stream(wire::H2Incoming& incoming) {
  HostPort place = incoming.head().origin.place;
  if (auto may = judge_place(place); !may) co_return co_await refuse_place(incoming, may.error());
  if (!wants_interception(place)) {
    Recording recording(services_.recorder);
    describe_tunnel(recording.flow(), place, flow::Interception::passthrough);
    recording.flow().request.fields = incoming.head().fields;
    recording.flow().request.version = http::Version::h2;
    auto done = co_await pass_through(recording, place, incoming);
    if (!done) note_failure(recording, done.error());
    co_return;
  }
  http::ResponseHead established;
  established.status = 200;
  auto answered = co_await incoming.leave_http(established);
  if (!answered) co_return;  // the client has taken its request back: there is nothing to tell of yet
  Session inner(services_, std::make_unique<net::BorrowedStream>(incoming.tunnel()), *this);
  inside_.insert(&inner);
  if (draining_) inner.drain();
  co_await inner.run_inside(std::move(place));
  inside_.erase(&inner);
}

}  // namespace weir::proxy
