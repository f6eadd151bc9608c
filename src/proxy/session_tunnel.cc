// Sessions: what is inside a tunnel, and tunnels that nobody looks into.
#include <fmt/format.h>

#include "async/task_group.h"
#include "base/log.h"
#include "flow/process.h"
#include "proxy/rejection_advice.h"
#include "proxy/session.h"
#include "proxy/tunnel.h"

namespace weir::proxy {
namespace {

// A client that does not trust our certificate goes at once; one that goes later had other reasons.
constexpr auto kRightAfter = std::chrono::seconds(2);

// The alert of a client whose hidden hello was not read: no word about our certificate.
constexpr std::uint8_t kEchRequired = 121;

std::int64_t micros_since(TimePoint start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_now() - start).count();
}

}  // namespace

void Session::describe_tunnel(flow::Flow& flow, const HostPort& place, flow::Interception interception) {
  flow.kind = flow::Kind::tunnel;
  flow.interception = interception;
  flow.client_connection = client_.connection;
  flow.request.method = "CONNECT";
  flow.request.origin = {http::Scheme::https, place};
}

void Session::note_failure(Recording& recording, const Error& error) {
  bool cut = error.code() == Code::cancelled && stream_->cancelled();
  if (cut && client_.relay)
    if (auto stands = client_.relay->stands(wall_now()); !stands)
      return recording.fail(stands.error().code(), stands.error().context());
  recording.fail(cut ? Code::shutting_down : error.code(), error.context());
}

async::Task<Result<void>> Session::serve_socks(std::string first) {
  TimePoint deadline = services_.loop.now() + services_.options.limits.head_timeout;
  auto asked = co_await accept_socks(*stream_, std::move(first), services_.options.credentials, deadline);
  if (!asked) {
    note_refused_socks(asked.error());
    co_await linger();
    co_return pass(asked);
  }
  if (auto may = judge_place(asked->place); !may)
    co_return co_await refuse_socks_place(asked->place, std::move(may).error());
  if (!wants_interception(asked->place)) {
    bool refused = false;
    auto done = co_await pass_socks(asked->place, std::move(asked->rest), refused);
    if (refused) co_await linger();
    co_return done;
  }
  auto answered = co_await answer_socks(*stream_, wire::SocksReply::succeeded);
  if (!answered) co_return pass(answered);
  co_return co_await intercept(std::move(asked->place), std::move(asked->rest));
}

void Session::note_refused_socks(const Error& error) {
  Recording recording(services_.recorder);
  recording.flow().kind = flow::Kind::tunnel;
  recording.flow().request.method = "CONNECT";
  recording.flow().client_connection = client_.connection;
  recording.mark("socks5");
  note_failure(recording, error);
}

// As with CONNECT: dial first, so that a failure can still be said.
async::Task<Result<void>> Session::pass_socks(HostPort place, std::string first, bool& refused) {
  Recording recording(services_.recorder);
  describe_tunnel(recording.flow(), place, flow::Interception::passthrough);
  recording.mark("socks5");
  auto upstream = co_await dial_tunnel(recording, place, on_hangup());
  auto reply = upstream ? wire::SocksReply::succeeded : socks_reply_for(upstream.error());
  auto answered = co_await answer_socks(*stream_, reply);
  Result<void> done;
  refused = !upstream;
  if (!upstream) {
    done = pass(upstream);
  } else if (!answered) {
    services_.pool.tunnel_ended(*upstream);
    done = pass(answered);
  } else {
    done = co_await run_tunnel(recording, *stream_, std::move(*upstream), std::move(first));
  }
  if (!done) note_failure(recording, done.error());
  co_return done;
}

// As inside a tunnel to where the client believes to be connected.
async::Task<Result<void>> Session::serve_redirected() {
  auto address = destination(*entrance_, socket_);
  if (!address) co_return co_await refuse_direct(std::move(address).error());
  LoopGuard* loops = entrance_->loops;
  struct Noted {
    LoopGuard* loops;
    const std::string& from;
    std::string to;
    ~Noted() {
      if (loops != nullptr) loops->arrival_ended(from, to);
    }
  } noted{loops, connection_.peer, address->str()};
  if (loops != nullptr && !loops->arrived(noted.from, noted.to, services_.loop.now()))
    co_return refuse_redirected(Error(
        Code::loop_detected, "a rule redirects Weir's own connection to " + noted.to +
                                 " to Weir; leave out the user that Weir runs as (docs/transparent.md)"));
  auto place = named(*entrance_, std::move(*address));
  if (!place) co_return refuse_redirected(std::move(place).error());
  may_announce_ = entrance_->preambles;
  co_return co_await go_to(std::move(*place), std::string());
}

// Nobody redirected this client: it takes us for a proxy, or is lost. One that speaks HTTP can be told so.
async::Task<Result<void>> Session::refuse_direct(Error error) {
  std::string first;
  TimePoint patience = services_.loop.now() + services_.options.sniff_timeout;
  for (Result<bool> more = true; more && *more && sniff(first) == Protocol::need_more;)
    more = co_await read_more(first, patience);
  silent_ = false;
  if (stream_->cancelled()) co_return fail(Code::cancelled);
  if (sniff(first) != Protocol::http1) co_return refuse_redirected(std::move(error));
  wire::H1ServerConnection http(*stream_, services_.options.limits, {});
  http.prepend(first);
  co_await refuse(http, error);
  co_return Failure(std::move(error));
}

// A connection whose destination is not to be had. Its client cannot be told.
Failure Session::refuse_redirected(Error error) {
  Recording recording(services_.recorder);
  recording.flow().kind = flow::Kind::tunnel;
  recording.flow().request.method = "CONNECT";
  recording.flow().client_connection = client_.connection;
  note_failure(recording, error);
  stream_->reset_on_close();
  return Failure(std::move(error));
}

// `first` is what has come of a client that knows nothing of us.
async::Task<Result<void>> Session::go_to(HostPort place, std::string first) {
  if (auto may = judge_place(place); !may) co_return refuse_redirected(std::move(may).error());
  // A name in the ClientHello may still say otherwise of an address.
  if (!is_ip_literal(place.host) && !wants_interception(place))
    co_return co_await pass_unread(std::move(place), std::move(first), "");
  co_return co_await intercept(std::move(place), std::move(first));
}

// Reads until the protocol inside the tunnel is known, and goes on with it.
async::Task<Result<void>> Session::intercept(HostPort place, std::string first) {
  silent_ = first.empty();
  TimePoint silence = services_.loop.now() + services_.options.sniff_timeout;
  TimePoint patience = services_.loop.now() + services_.options.limits.head_timeout;
  while (sniff(first) == Protocol::need_more) {
    auto more = co_await read_more(first, first.empty() ? silence : patience);
    bool silent = !more && more.error().code() == Code::client_timeout && first.empty();
    if (silent) co_return co_await server_first(place);
    if (!more) co_return pass(more);
    if (!*more) break;
  }
  silent_ = false;
  if (first.empty()) co_return Result<void>();
  if (std::exchange(may_announce_, false) && net::begins_with_guest_mark(first) != false)
    co_return co_await serve_announced(std::move(place), std::move(first));
  switch (sniff(first)) {
    case Protocol::tls: co_return co_await intercept_tls({http::Scheme::https, place}, std::move(first));
    case Protocol::http1: co_return co_await intercept_plain(place, Protocol::http1, std::move(first));
    case Protocol::http2: co_return co_await intercept_plain(place, Protocol::http2, std::move(first));
    default: break;
  }
  Recording recording(services_.recorder);
  describe_tunnel(recording.flow(), place, flow::Interception::opaque);
  auto done = co_await opaque(recording, place, std::move(first));
  if (!done) note_failure(recording, done.error());
  co_return done;
}

async::Task<Result<tls::ClientHello>> Session::read_hello(std::string& bytes) {
  TimePoint deadline = services_.loop.now() + services_.options.tls_timeout;
  for (;;) {
    auto hello = tls::parse_client_hello(bytes);
    if (!hello) co_return pass(hello);
    if (*hello) co_return std::move(**hello);
    auto more = co_await read_more(bytes, deadline);
    if (!more) co_return pass(more);
    if (!*more) co_return fail(Code::bad_client_hello, "the connection ended within the ClientHello");
  }
}

async::Task<Result<void>> Session::intercept_tls(http::Origin origin, std::string first) {
  const HostPort& place = origin.place;
  TimePoint begun = steady_now();
  auto recorded = [&](Error error) {
    Recording recording(services_.recorder);
    describe_tunnel(recording.flow(), place, flow::Interception::intercepted);
    recording.fail(error.code(), error.context());
    return Failure(std::move(error));
  };
  auto hello = co_await read_hello(first);
  if (!hello) co_return recorded(std::move(hello).error());
  if (auto may = judge_place({hello->sni, place.port}); !may)
    co_return co_await refuse_server_name(place, std::move(may).error());
  // The client checks our leaf against the name it put into its hello; upstream is asked for that name as
  // well, at the place the client wanted to reach. Where that was a bare address, the name says where to go.
  HostPort name = hello->sni.empty() ? place : HostPort{hello->sni, place.port};
  wire::Route route{{http::Scheme::https, name}, is_ip_literal(place.host) ? name : place};
  if (client_.reverse) route = {origin, place};
  if (passes_unread(route)) co_return co_await pass_unread(route.dial, std::move(first), "auto_passthrough");
  if (!client_.reverse && is_ip_literal(place.host) && !wants_interception(route.dial))
    co_return co_await pass_unread(route.dial, std::move(first), "");
  judging_ = client_.reverse ? name : route.dial;
  auto leaf = co_await services_.minter.leaf(services_.loop, name.host);
  if (!leaf) co_return recorded(std::move(leaf).error());
  auto session = services_.tls.new_session(**leaf);
  if (!session) co_return recorded(std::move(session).error());
  connection_.sni = hello->sni;
  auto shaken = co_await handshake(std::move(*session), std::move(first), begun);
  if (!shaken) {
    if (shaken.error().code() == Code::cancelled) co_return pass(shaken);
    co_return Failure(co_await note_rejection(place, *hello, std::move(shaken).error()));
  }
  if (hides_its_name(*hello, place)) co_return co_await let_retry(place, hello->sni);
  TimePoint shown = services_.loop.now();
  std::uint32_t before = connection_.requests;
  auto served = co_await serve_secured(std::move(route));
  if (connection_.requests != before) co_return served;
  // TLS 1.3: a client that does not trust the leaf says so only after our side of the handshake is done, or
  // it goes without a word.
  bool at_once = !draining_ && services_.loop.now() - shown < kRightAfter && judges_late(*hello);
  bool gone = served ? at_once : served.error().code() == Code::client_reset;
  if (served && at_once) served = fail(Code::client_closed);
  if (!served && (info(served.error().code()).phase == Phase::client_tls || (gone && at_once)))
    co_return Failure(co_await note_rejection(place, *hello, std::move(served).error()));
  if (gone) co_return recorded(std::move(served).error());
  co_return served;
}

// The name in clear is a cover for the one that the client wants (Encrypted Client Hello), or made to look
// like one. Which tunnel it asked for is known.
bool Session::hides_its_name(const tls::ClientHello& hello, const HostPort& place) const {
  return hello.has_ech && !client_.reverse && !hello.sni.empty() && hello.sni != place.host &&
         !is_ip_literal(place.host);
}

// The certificate of the cover name says to the client that nobody here reads its hidden hello: it ends the
// connection and asks again in clear. Nothing that it may send instead is carried.
async::Task<Result<void>> Session::let_retry(const HostPort& place, std::string_view cover) {
  Recording recording(services_.recorder);
  describe_tunnel(recording.flow(), place, flow::Interception::intercepted);
  recording.mark("ech_retry");
  Error told(
      Code::client_tls_failed,
      fmt::format("the client asked for {} behind the name {} (ECH), which is not spoken here; clients try "
                  "again without it",
                  place.host, cover));
  recording.fail(told.code(), told.context());
  std::string rest;
  TimePoint deadline = services_.loop.now() + services_.options.tls_timeout;
  for (bool more = true; more; rest.clear()) more = (co_await read_more(rest, deadline)).value_or(false);
  co_return Failure(std::move(told));
}

// A client that keeps rejecting our certificate may have itself tunnelled, where nobody forbids it. One that
// asks for one host and names another to it might pass the rules of either: it may not. In front of an origin
// of our own the certificate is ours, too.
bool Session::passes_unread(const wire::Route& route) {
  const SessionOptions& options = services_.options;
  return options.auto_passthrough && !closed_door_ && !client_.reverse && route.origin.place == route.dial &&
         services_.gate.lets_pass_unread(route.origin) &&
         services_.rejections.passes_until(connection_.peer, route.dial, services_.loop.now());
}

async::Task<Error> Session::note_rejection(HostPort place, const tls::ClientHello& hello, Error error) {
  Recording recording(services_.recorder);
  flow::Flow& flow = recording.flow();
  describe_tunnel(flow, place, flow::Interception::intercepted);
  auto how = tls_->alert() == kEchRequired ? std::nullopt : refusal_in(error, !tls_->ended_cleanly());
  if (how) {
    Standing standing =
        services_.rejections.rejected(connection_.peer, *judging_, *how, services_.loop.now());
    auto sender = co_await services_.recorder.senders().inspected(client_.connection);
    Rejection seen{.host = *judging_,
                   .alert = tls_->alert(),
                   .hello = hello,
                   .standing = standing,
                   .sender = sender.get(),
                   .auto_passthrough = services_.options.auto_passthrough && !client_.reverse,
                   .closed_door = closed_door_};
    error = rejection_error(seen);
    flow.rejection = std::make_shared<const flow::Rejection>(rejection_account(seen));
    flow::set_sender(flow, std::move(sender));
    if (error.code() == Code::client_rejected_certificate) note_news(flow, error);
  }
  recording.fail(error.code(), error.context());
  co_return error;
}

// One line in the log for each program and library, however often it tries.
void Session::note_news(const flow::Flow& flow, const Error& error) {
  std::string_view who = flow.process.empty() ? std::string_view(connection_.peer) : flow.process;
  if (flow.process.empty()) who = who.substr(0, who.rfind(':'));
  if (services_.rejections.is_news(std::string(who) + " " + flow.rejection->library))
    log::warn("{}", error.context());
}

async::Task<Result<void>> Session::handshake(tls::SslPtr session, std::string first, TimePoint begun) {
  auto secured = std::make_unique<net::TlsStream>(std::move(stream_), std::move(session), std::move(first),
                                                  connection_.peer);
  tls_ = secured.get();
  stream_ = std::move(secured);
  auto shaken = co_await tls_->handshake(services_.loop.now() + services_.options.tls_timeout);
  connection_.timing.tls = micros_since(begun);
  if (!shaken) co_return pass(shaken);
  tls::TlsFacts facts = tls_->facts();
  connection_.tls_version = facts.version;
  connection_.cipher = facts.cipher;
  connection_.alpn = facts.alpn;
  connection_.resumed = facts.resumed;
  note_connection(false);
  co_return Result<void>();
}

async::Task<Result<void>> Session::serve_secured(wire::Route route) {
  client_.interception = flow::Interception::intercepted;
  client_.tunnel = std::move(route);
  http::Door door{&client_.tunnel->origin, client_.reverse || is_ip_literal(client_.tunnel->dial.host)};
  if (connection_.alpn == "h2") co_return co_await serve_http2(door, std::string());
  co_return co_await serve_http1(door, std::string());
}

async::Task<Result<void>> Session::intercept_plain(HostPort place, Protocol protocol, std::string first) {
  client_.interception = flow::Interception::intercepted;
  client_.tunnel = wire::Route{{http::Scheme::http, place}, place};
  http::Door door{&client_.tunnel->origin, is_ip_literal(client_.tunnel->dial.host)};
  if (protocol == Protocol::http2) co_return co_await serve_http2(door, std::move(first));
  co_return co_await serve_http1(door, std::move(first));
}

// The client asked for a tunnel that is not ours to open: dial first, so that a failure can still be said.
async::Task<Result<void>> Session::pass_through(Recording& recording, HostPort place,
                                                wire::Incoming& incoming) {
  auto on_gone = [&incoming](std::move_only_function<void()> call) {
    incoming.on_client_gone(std::move(call));
  };
  auto upstream = co_await dial_tunnel(recording, place, on_gone);
  if (!upstream && upstream.error().code() == Code::client_closed) co_return pass(upstream);
  if (!upstream) {
    ErrorResponse made = prepare_answer(recording, upstream.error());
    wire::TextBody body(std::move(made.body));
    auto answered = co_await incoming.respond(made.head, &body);
    if (!answered) recording.mark("answer_not_delivered");
    co_return pass(upstream);
  }
  http::ResponseHead established;
  established.status = 200;
  established.reason = "Connection established";
  auto answered = co_await incoming.leave_http(established);
  if (!answered) co_return pass(answered);
  http1_ = nullptr;
  co_return co_await run_tunnel(recording, incoming.tunnel(), std::move(*upstream), incoming.take_buffered());
}

async::Task<Result<wire::UpstreamTunnel>> Session::dial_tunnel(Recording& recording, HostPort place,
                                                               OnGone on_gone) {
  http::Origin origin{http::Scheme::https, place};
  if (client_.relay)
    if (auto may = client_.relay->may_reach(place, wall_now()); !may) co_return pass(may);
  auto judged = co_await services_.gate.judge_tunnel(recording.flow(), origin, std::move(on_gone));
  if (!judged) co_return pass(judged);
  if (auto may = services_.walk.may_pass(); !may) co_return pass(may);
  co_return co_await services_.pool.connect_tunnel(std::move(place), client_.caller);
}

OnGone Session::on_hangup() {
  return [this](std::move_only_function<void()> call) {
    stream_->on_hangup(std::move(call), stream_->half_close_means_gone());
  };
}

async::Task<Result<void>> Session::pass_unread(HostPort place, std::string first, std::string_view mark) {
  Recording recording(services_.recorder);
  describe_tunnel(recording.flow(), place, flow::Interception::passthrough);
  if (!mark.empty()) recording.mark(mark);
  auto done = co_await opaque(recording, place, std::move(first));
  if (!done) note_failure(recording, done.error());
  co_return done;
}

async::Task<Result<void>> Session::opaque(Recording& recording, HostPort place, std::string first) {
  auto upstream = co_await dial_tunnel(recording, place, on_hangup());
  if (upstream) co_return co_await run_tunnel(recording, *stream_, std::move(*upstream), std::move(first));
  bool refused = info(upstream.error().code()).phase == Phase::policy;
  if (refused && sniff(first) == Protocol::tls) {
    auto told = co_await stream_->write(kAccessDenied);
    if (told) co_await linger();
  } else {
    stream_->reset_on_close();
  }
  co_return pass(upstream);
}

async::Task<Result<void>> Session::run_tunnel(Recording& recording, net::Stream& client,
                                              wire::UpstreamTunnel upstream, std::string first) {
  flow::Flow& flow = recording.flow();
  flow.upstream_connection = upstream.facts.id;
  if (!upstream.facts.mark.empty()) recording.mark(upstream.facts.mark);
  flow.timing.dns = upstream.facts.dns_us;
  flow.timing.connect = upstream.facts.connect_us;
  flow.has_response = true;
  flow.response.status = 200;
  flow.response.reason = "Connection established";
  TunnelCounts counts;
  auto guard = guard_tunnel(flow.request.origin.place);
  auto done = co_await tunnel(client, *upstream.stream, first, upstream.early, counts, nullptr, guard.get());
  flow.request_body.size = counts.to_upstream;
  flow.response_body.size = counts.to_client;
  flow.request_body.complete = flow.response_body.complete = done.has_value();
  services_.pool.tunnel_ended(upstream);
  co_return done;
}

namespace {

// A fresh connection counts as readable until somebody has looked: only what is there to be read tells who
// spoke.
async::Task<void> tell_when_readable(net::Stream& stream, bool& readable, async::Event& event) {
  Result<void> ready;
  while (ready && stream.quiet()) ready = co_await stream.wait_readable();
  readable = ready.has_value();
  event.set();
}

}  // namespace

// The client says nothing: perhaps it waits for the server's greeting (SSH, SMTP). Upstream is dialled, and
// who speaks first decides. A client that was merely slow is read like any other: silence is no way past us.
async::Task<Result<void>> Session::server_first(HostPort place) {
  auto client_spoke = co_await listen_for_server(place);
  if (!client_spoke) co_return pass(client_spoke);
  if (*client_spoke) co_return co_await intercept(place, std::string());
  co_return Result<void>();
}

// The tunnel of a server that spoke first, to its end; true when the client did, and nothing was carried.
async::Task<Result<bool>> Session::listen_for_server(HostPort place) {
  Recording recording(services_.recorder);
  describe_tunnel(recording.flow(), place, flow::Interception::opaque);
  auto upstream = co_await dial_tunnel(recording, place, on_hangup());
  if (!upstream) {
    note_failure(recording, upstream.error());
    stream_->reset_on_close();
    co_return pass(upstream);
  }
  bool from_client = false;
  bool from_upstream = !upstream->early.empty();
  TimePoint patience = services_.loop.now() + services_.options.limits.idle_timeout;
  stream_->set_read_deadline(patience);
  upstream->stream->set_read_deadline(patience);
  if (!from_upstream) {
    async::Event spoke(services_.loop);
    async::TaskGroup waits(services_.loop);
    waits.spawn(tell_when_readable(*stream_, from_client, spoke));
    waits.spawn(tell_when_readable(*upstream->stream, from_upstream, spoke));
    co_await spoke.wait();
    stream_->interrupt_read();
    upstream->stream->interrupt_read();
    co_await waits.join();
  }
  silent_ = false;
  if (!from_client && !from_upstream) {
    recording.fail(Code::client_closed, "nobody said anything");
    services_.pool.tunnel_ended(*upstream);
    co_return fail(Code::cancelled);
  }
  if (from_client && !from_upstream) {
    recording.mark("client_spoke_late");
    services_.pool.tunnel_ended(*upstream);
    co_return true;
  }
  auto done = co_await run_tunnel(recording, *stream_, std::move(*upstream), std::string());
  if (done) co_return false;
  note_failure(recording, done.error());
  co_return pass(done);
}

}  // namespace weir::proxy
