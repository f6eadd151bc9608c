#include "proxy/session.h"

#include <string.h>

#include "base/wipe_freed.h"
#include "flow/redaction.h"
#include "net/original_destination.h"

namespace weir::proxy {
namespace {

constexpr std::size_t kFirstRead = 4096;
constexpr auto kRoomPoll = std::chrono::milliseconds(5);

}  // namespace

Session::Session(Services& services, UniqueFd socket, const Entrance& entrance)
    : services_(services),
      entrance_(&entrance),
      socket_(socket.get()),
      closed_door_(services.options.closed_door || entrance.kind == EntranceKind::guest ||
                   entrance.kind == EntranceKind::gateway) {
  auto tcp = std::make_unique<net::TcpStream>(services.loop, std::move(socket), Side::client);
  introduce(tcp->local_address(), tcp->peer_address());
  stream_ = std::move(tcp);
  bottom_ = stream_.get();
  find_sender();
}

Session::Session(Services& services, std::unique_ptr<net::Stream> stream, const Session& outer)
    : services_(services),
      stream_(std::move(stream)),
      bottom_(stream_.get()),
      closed_door_(outer.closed_door_) {
  introduce(outer.connection_.local, outer.connection_.peer);
  client_.caller = outer.client_.caller;
  client_.relay = outer.client_.relay;
  services_.recorder.senders().share(client_.connection, outer.client_.connection);
}

Session::~Session() { services_.recorder.senders().forget(client_.connection); }

void Session::introduce(std::string local, std::string peer) {
  client_.connection = services_.recorder.next_connection();
  client_.http2 = services_.options.upstream_http2;
  bool redirected = entrance_ != nullptr && entrance_->kind == EntranceKind::transparent;
  client_.caller = closed_door_ || redirected ? wire::Caller::foreign : caller_at(peer);
  connection_.id = client_.connection;
  connection_.leg = flow::Leg::client;
  connection_.opened = wall_now();
  connection_.local = std::move(local);
  connection_.peer = std::move(peer);
}

// Asked at once, while the program is there to be found. The kernel knows a redirected connection by the
// place that its client asked for. A guest's relay says for itself who it speaks for.
void Session::find_sender() {
  ClientFinder* clients = services_.clients;
  if (clients == nullptr || entrance_->kind == EntranceKind::guest) return;
  if (!clients->may_find(connection_.local, connection_.peer)) return;
  std::string to = connection_.local;
  if (entrance_->kind == EntranceKind::transparent)
    if (auto place = net::original_destination(socket_)) to = place->str();
  services_.recorder.senders().ask(client_.connection, *clients, connection_.peer, to);
}

void Session::drain() {
  draining_ = true;
  for (Session* inner : inside_) inner->drain();
  if (http2_) return http2_->drain();
  if (http1_) http1_->close_after_this();
  if (http1_ ? http1_->idle() : silent_) stream_->interrupt_read();
}

void Session::cancel() { stream_->cancel(); }

void Session::note_connection(bool ended) {
  connection_.bytes_in = bottom_->bytes_in();
  connection_.bytes_out = bottom_->bytes_out();
  if (ended) connection_.closed = wall_now();
  services_.recorder.tell(std::make_unique<flow::Connection>(connection_));
}

async::Task<void> Session::run() {
  note_connection(false);
  co_await serve();
  note_connection(true);
}

async::Task<void> Session::run_inside(HostPort place) {
  note_connection(false);
  note_end(co_await intercept(std::move(place), std::string()));
  note_connection(true);
}

async::Task<void> Session::serve() {
  if (entrance_->kind == EntranceKind::transparent) {
    note_end(co_await serve_redirected());
    co_return;
  }
  if (entrance_->kind == EntranceKind::guest) {
    note_end(co_await serve_guest());
    co_return;
  }
  if (entrance_->kind == EntranceKind::gateway) {
    note_end(co_await serve_gateway());
    co_return;
  }
  std::string first;
  TimePoint deadline = services_.loop.now() + services_.options.limits.idle_timeout;
  Protocol protocol = Protocol::need_more;
  while (protocol == Protocol::need_more) {
    auto more = co_await read_more(first, deadline);
    if (silent_) deadline = services_.loop.now() + services_.options.limits.head_timeout;
    silent_ = false;
    if (!more || (!*more && first.empty())) co_return;
    protocol = sniff(first);
    if (!*more) break;
  }
  note_end(co_await serve_first(std::move(first)));
}

async::Task<Result<void>> Session::serve_first(std::string first) {
  Protocol protocol = sniff(first);
  if (services_.options.reverse) co_return co_await serve_reverse(protocol, std::move(first));
  if (protocol == Protocol::http2) co_return co_await serve_http2({}, std::move(first));
  if (protocol == Protocol::socks) co_return co_await serve_socks(std::move(first));
  if (protocol != Protocol::tls) co_return co_await serve_http1({}, std::move(first));
  const char* what = "TLS on the proxy port; use http:// in the proxy's URL";
  wire::H1ServerConnection http(*stream_, services_.options.limits, {});
  http.prepend(first);
  co_await refuse(http, Error(Code::bad_request, what));
  co_return Result<void>();
}

// Every request goes to the one origin we stand before, whatever name the client knows us by.
async::Task<Result<void>> Session::serve_reverse(Protocol protocol, std::string first) {
  const http::Origin& origin = *services_.options.reverse;
  client_.reverse = true;
  client_.caller = wire::Caller::settings;
  client_.keep_host = services_.options.reverse_keep_host;
  client_.tunnel = wire::Route{origin, origin.place};
  if (protocol == Protocol::tls) co_return co_await intercept_tls(origin, std::move(first));
  http::Door door{&client_.tunnel->origin, true};
  if (protocol == Protocol::http2) co_return co_await serve_http2(door, std::move(first));
  co_return co_await serve_http1(door, std::move(first));
}

void Session::note_end(const Result<void>& served) {
  if (served || served.error().code() == Code::cancelled) return;
  connection_.error = served.error().code();
  connection_.error_detail = served.error().context();
}

async::Task<void> Session::wait_for_room() {
  while (services_.options.wait_for_capture && !services_.recorder.sink().has_room() && !draining_)
    co_await async::sleep_until(services_.loop, services_.loop.now() + kRoomPoll);
}

async::Task<void> Session::linger() {
  wire::H1ServerConnection http(*stream_, services_.options.limits, {});
  co_await http.linger();
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
  ErrorResponse made = prepare_answer(recording, error);
  auto sent = co_await http.refuse(std::move(made.head), made.body);
  co_return sent.has_value();
}

// The answer to `error`, recorded as what the client gets.
ErrorResponse Session::prepare_answer(Recording& recording, const Error& error) {
  flow::Flow& flow = recording.flow();
  ErrorResponse made = error_response(error, flow.request, flow.id);
  if (client_.relay && info(error.code()).phase == Phase::policy) {
    client_.relay->deny(error);
    made.head.fields.add("X-Deny-Reason", deny_reason(error));
  }
  flow.has_response = flow.synthesised = true;
  flow.response = made.head;
  flow.response_body = {.bytes = made.body, .size = made.body.size(), .truncated = false, .complete = true};
  return made;
}

// Appends what comes next. False at the end of the stream.
async::Task<Result<bool>> Session::read_more(std::string& bytes, TimePoint deadline) {
  stream_->set_read_deadline(deadline);
  for (;;) {
    char part[kFirstRead];
    auto got = stream_->try_read(part);
    if (!got) co_return pass(got);
    if (*got) {
      WipeFreed wipe;  // what comes may show who may use the proxy
      bytes.append(part, **got);
      if (services_.options.credentials.wanted()) ::explicit_bzero(part, **got);
      co_return **got > 0;
    }
    auto ready = co_await stream_->wait_readable();
    if (!ready) co_return pass(ready);
  }
}

}  // namespace weir::proxy
