#include "proxy/session.h"

#include "async/task_group.h"
#include "flow/redaction.h"
#include "proxy/error_response.h"
#include "proxy/sniff.h"
#include "proxy/tunnel.h"

namespace weir::proxy {
namespace {

constexpr std::size_t kFirstRead = 4096;
constexpr auto kRoomPoll = std::chrono::milliseconds(5);

std::int64_t micros_since(TimePoint start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_now() - start).count();
}

}  // namespace

Session::Session(Services& services, UniqueFd socket) : services_(services) {
  auto tcp = std::make_unique<net::TcpStream>(services.loop, std::move(socket), Side::client);
  socket_ = tcp.get();
  stream_ = std::move(tcp);
  client_.connection = services.recorder.next_connection();
  connection_.id = client_.connection;
  connection_.leg = flow::Leg::client;
  connection_.opened = wall_now();
  connection_.local = socket_->local_address();
  connection_.peer = socket_->peer_address();
}

void Session::drain() {
  draining_ = true;
  if (http_) http_->close_after_this();
  if (http_ ? http_->idle() : silent_) stream_->interrupt_read();
}

void Session::cancel() { stream_->cancel(); }

void Session::note_connection(bool ended) {
  connection_.bytes_in = socket_->bytes_in();
  connection_.bytes_out = socket_->bytes_out();
  if (ended) connection_.closed = wall_now();
  services_.recorder.sink().connection(std::make_unique<flow::Connection>(connection_));
}

async::Task<void> Session::run() {
  note_connection(false);
  co_await serve();
  http_ = nullptr;
  note_connection(true);
}

async::Task<void> Session::serve() {
  std::string first;
  TimePoint deadline = services_.loop.now() + services_.options.limits.idle_timeout;
  auto more = co_await read_more(first, deadline);
  silent_ = false;
  if (!more || !*more) co_return;
  wire::H1ServerConnection http(*stream_, services_.options.limits, {});
  http.prepend(first);
  Protocol protocol = sniff(first);
  if (protocol == Protocol::tls || protocol == Protocol::socks || protocol == Protocol::http2) {
    const char* what = protocol == Protocol::tls ? "TLS on the proxy port; use http:// in the proxy's URL"
                       : protocol == Protocol::socks
                           ? "SOCKS, which this version does not speak; use an HTTP proxy URL"
                           : "HTTP/2 without TLS, which this version does not speak";
    co_return co_await refuse(http, Error(Code::bad_request, what));
  }
  first = std::string();
  http_ = &http;
  auto served = co_await serve_http(http);
  if (!served && served.error().code() != Code::cancelled) {
    connection_.error = served.error().code();
    connection_.error_detail = served.error().context();
  }
  http_ = nullptr;
}

async::Task<void> Session::wait_for_room() {
  while (services_.options.wait_for_capture && !services_.recorder.sink().has_room() && !draining_)
    co_await async::sleep_until(services_.loop, services_.loop.now() + kRoomPoll);
}

// One request after another, on the proxy port or inside a tunnel.
async::Task<Result<void>> Session::serve_http(wire::H1ServerConnection& http) {
  for (;;) {
    auto incoming = co_await http.next();
    if (!incoming) {
      if (incoming.error().code() == Code::cancelled && draining_) co_await stream_->shutdown();
      if (incoming.error().code() == Code::cancelled ||
          info(incoming.error().code()).phase == Phase::client_tls)
        co_return pass(incoming);
      co_await refuse(http, incoming.error());
      co_return pass(incoming);
    }
    if (!*incoming) break;
    ++connection_.requests;
    co_await wait_for_room();
    if ((*incoming)->head().method == "CONNECT") co_return co_await connect(http, **incoming);
    co_await services_.walk.carry(**incoming, client_, *stream_);
    if (draining_) http.close_after_this();
  }
  co_await http.linger();
  co_return Result<void>();
}

// Something that is no request we can carry: answered if the client can read an answer, and recorded.
async::Task<void> Session::refuse(wire::H1ServerConnection& http, Error error) {
  bool answered = co_await tell_refusal(http, std::move(error));
  // The account is closed by now: how long the client takes to go is no part of it.
  if (answered) co_await http.linger();
}

async::Task<bool> Session::tell_refusal(wire::H1ServerConnection& http, Error error) {
  Recording recording(services_.recorder);
  flow::Flow& flow = recording.flow();
  flow.client_connection = client_.connection;
  flow.interception = client_.interception;
  if (client_.tunnel) flow.request.origin = client_.tunnel->origin;
  flow.request_body.bytes = flow::redacted_line(http.unparsed());
  flow.request_body.size = flow.request_body.bytes.size();
  recording.fail(error.code(), error.context());
  std::uint16_t status = info(error.code()).status;
  if (status == 0 || status == 499) co_return false;
  co_return co_await answer_error(recording, http, error);
}

async::Task<bool> Session::answer_error(Recording& recording, wire::H1ServerConnection& http,
                                        const Error& error) {
  flow::Flow& flow = recording.flow();
  ErrorResponse made = error_response(error, flow.request, flow.id);
  flow.has_response = flow.synthesised = true;
  flow.response = made.head;
  flow.response_body = {.bytes = made.body, .size = made.body.size(), .truncated = false, .complete = true};
  auto sent = co_await http.refuse(std::move(made.head), made.body);
  co_return sent.has_value();
}

void Session::note_failure(Recording& recording, const Error& error) {
  bool cut = error.code() == Code::cancelled && stream_->cancelled();
  recording.fail(cut ? Code::shutting_down : error.code(), error.context());
}

void Session::describe_tunnel(flow::Flow& flow, const HostPort& place, flow::Interception interception) {
  flow.kind = flow::Kind::tunnel;
  flow.interception = interception;
  flow.client_connection = client_.connection;
  flow.request.method = "CONNECT";
  flow.request.origin = {http::Scheme::https, place};
}

async::Task<Result<void>> Session::connect(wire::H1ServerConnection& http, wire::Incoming& incoming) {
  HostPort place = incoming.head().origin.place;
  const SessionOptions& options = services_.options;
  bool wanted = options.intercept.empty() || options.intercept.matches(place);
  if (!wanted || options.passthrough.matches(place)) {
    Recording recording(services_.recorder);
    describe_tunnel(recording.flow(), place, flow::Interception::passthrough);
    recording.flow().request.fields = incoming.head().fields;
    auto done = co_await pass_through(recording, place, http, incoming);
    if (!done) note_failure(recording, done.error());
    co_return done;
  }
  http::ResponseHead established;
  established.status = 200;
  established.reason = "Connection established";
  auto answered = co_await incoming.leave_http(established);
  if (!answered) co_return pass(answered);
  std::string first = http.take_buffered();
  http_ = nullptr;
  co_return co_await intercept(place, std::move(first));
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
  switch (sniff(first)) {
    case Protocol::tls: co_return co_await intercept_tls(place, std::move(first));
    case Protocol::http1: co_return co_await intercept_http(place, std::move(first));
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

async::Task<Result<void>> Session::intercept_tls(HostPort place, std::string first) {
  TimePoint begun = steady_now();
  auto recorded = [&](Error error) {
    Recording recording(services_.recorder);
    describe_tunnel(recording.flow(), place, flow::Interception::intercepted);
    recording.fail(error.code(), error.context());
    return Failure(std::move(error));
  };
  auto hello = co_await read_hello(first);
  if (!hello) co_return recorded(std::move(hello).error());
  // The client checks our leaf against the name it put into its hello; upstream is asked for that name as
  // well, at the place the client wanted to reach. Where that was a bare address, the name says where to go.
  HostPort name = hello->sni.empty() ? place : HostPort{hello->sni, place.port};
  HostPort dial = is_ip_literal(place.host) ? name : place;
  auto leaf = co_await services_.minter.leaf(services_.loop, name.host);
  if (!leaf) co_return recorded(std::move(leaf).error());
  auto session = services_.tls.new_session(**leaf);
  if (!session) co_return recorded(std::move(session).error());
  auto secured = std::make_unique<net::TlsStream>(std::move(stream_), std::move(*session), std::move(first),
                                                  connection_.peer);
  tls_ = secured.get();
  stream_ = std::move(secured);
  auto shaken = co_await tls_->handshake(services_.loop.now() + services_.options.tls_timeout);
  connection_.timing.tls = micros_since(begun);
  connection_.sni = hello->sni;
  if (!shaken) {
    if (shaken.error().code() == Code::cancelled) co_return pass(shaken);
    co_return recorded(std::move(shaken).error());
  }
  tls::TlsFacts facts = tls_->facts();
  connection_.tls_version = facts.version;
  connection_.cipher = facts.cipher;
  connection_.alpn = facts.alpn;
  connection_.resumed = facts.resumed;
  note_connection(false);
  client_.interception = flow::Interception::intercepted;
  client_.tunnel = wire::Route{{http::Scheme::https, name}, dial};
  wire::H1ServerConnection http(*stream_, services_.options.limits, {&client_.tunnel->origin});
  http_ = &http;
  if (draining_) http.close_after_this();
  auto served = co_await serve_http(http);
  http_ = nullptr;
  // TLS 1.3: a client that does not trust the leaf says so only after our side of the handshake is done.
  if (!served && info(served.error().code()).phase == Phase::client_tls && connection_.requests == 1)
    co_return recorded(std::move(served).error());
  co_return served;
}

async::Task<Result<void>> Session::intercept_http(HostPort place, std::string first) {
  client_.interception = flow::Interception::intercepted;
  client_.tunnel = wire::Route{{http::Scheme::http, place}, place};
  wire::H1ServerConnection http(*stream_, services_.options.limits, {&client_.tunnel->origin});
  http.prepend(first);
  http_ = &http;
  if (draining_) http.close_after_this();
  auto served = co_await serve_http(http);
  http_ = nullptr;
  co_return served;
}

// The client asked for a tunnel that is not ours to open: dial first, so that a failure can still be said.
async::Task<Result<void>> Session::pass_through(Recording& recording, HostPort place,
                                                wire::H1ServerConnection& http, wire::Incoming& incoming) {
  auto upstream = co_await dial_tunnel(place);
  if (!upstream) {
    bool answered = co_await answer_error(recording, http, upstream.error());
    if (answered) co_await http.linger();
    co_return pass(upstream);
  }
  http::ResponseHead established;
  established.status = 200;
  established.reason = "Connection established";
  auto answered = co_await incoming.leave_http(established);
  if (!answered) co_return pass(answered);
  std::string first = http.take_buffered();
  http_ = nullptr;
  co_return co_await run_tunnel(recording, std::move(*upstream), std::move(first));
}

async::Task<Result<wire::UpstreamTunnel>> Session::dial_tunnel(HostPort place) {
  if (auto may = services_.walk.may_pass(); !may) co_return pass(may);
  co_return co_await services_.pool.connect_tunnel(std::move(place));
}

async::Task<Result<void>> Session::opaque(Recording& recording, HostPort place, std::string first) {
  auto upstream = co_await dial_tunnel(place);
  if (!upstream) {
    stream_->reset_on_close();
    co_return pass(upstream);
  }
  co_return co_await run_tunnel(recording, std::move(*upstream), std::move(first));
}

async::Task<Result<void>> Session::run_tunnel(Recording& recording, wire::UpstreamTunnel upstream,
                                              std::string first) {
  flow::Flow& flow = recording.flow();
  flow.upstream_connection = upstream.facts.id;
  flow.timing.dns = upstream.facts.dns_us;
  flow.timing.connect = upstream.facts.connect_us;
  flow.has_response = true;
  flow.response.status = 200;
  flow.response.reason = "Connection established";
  TunnelCounts counts;
  auto done = co_await tunnel(*stream_, *upstream.stream, first, upstream.early, counts);
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
  auto upstream = co_await dial_tunnel(place);
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
  auto done = co_await run_tunnel(recording, std::move(*upstream), std::string());
  if (done) co_return false;
  note_failure(recording, done.error());
  co_return pass(done);
}

// Appends what comes next. False at the end of the stream.
async::Task<Result<bool>> Session::read_more(std::string& bytes, TimePoint deadline) {
  stream_->set_read_deadline(deadline);
  for (;;) {
    char part[kFirstRead];
    auto got = stream_->try_read(part);
    if (!got) co_return pass(got);
    if (*got) {
      bytes.append(part, **got);
      co_return **got > 0;
    }
    auto ready = co_await stream_->wait_readable();
    if (!ready) co_return pass(ready);
  }
}

}  // namespace weir::proxy
