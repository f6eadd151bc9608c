// Sessions: the far side of a relay: a WebSocket in which a client's own connection lies, in chunks.
#include <fmt/format.h>

#include "flow/text.h"
#include "http/h1/head.h"
#include "http/ws/handshake.h"
#include "proxy/gateway.h"
#include "proxy/relay_head.h"
#include "proxy/session.h"

namespace weir::proxy {
namespace {

constexpr std::string_view kCaPath = "/v1/code/upstreamproxy/ca-cert";
constexpr std::string_view kSocketPath = "/v1/code/upstreamproxy/ws";
constexpr std::string_view kHealthPath = "/healthz";

bool names_token(const http::Fields& fields, std::string_view field, std::string_view token) {
  bool found = false;
  for (auto each : fields)
    if (iequals(each.name, field))
      for_each_element(each.value, [&](std::string_view element) { found |= iequals(element, token); });
  return found;
}

/// Whether a request opens a relay's WebSocket (RFC 6455 section 4.2.1), but for its token.
Result<void> check_upgrade(const http::RequestHead& head) {
  const http::Fields& fields = head.fields;
  if (!names_token(fields, "upgrade", "websocket") || !names_token(fields, "connection", "upgrade"))
    return fail(Code::upgrade_required,
                "this path takes WebSockets of relays only, such as `weir relay` opens");
  if (fields.get("sec-websocket-version") != "13" || fields.count("sec-websocket-version") != 1)
    return fail(Code::upgrade_required, "Sec-WebSocket-Version must be 13");
  if (head.version != http::Version::http11)
    return fail(Code::bad_request, "a WebSocket is opened by HTTP/1.1 (RFC 6455 section 4.1)");
  if (fields.count("sec-websocket-key") != 1 || !http::ws::valid_key(*fields.get("sec-websocket-key")))
    return fail(Code::bad_request, "Sec-WebSocket-Key must be 16 bytes in base64 (RFC 6455 section 4.1)");
  if (fields.get("content-type") != "application/proto" || fields.count("content-type") != 1)
    return fail(Code::bad_request, "Content-Type must be application/proto");
  if (fields.has("transfer-encoding") || fields.get("content-length").value_or("0") != "0")
    return fail(Code::bad_request, "a request that opens a WebSocket has no body");
  return {};
}

http::ResponseHead head_of(std::uint16_t status, std::string_view type) {
  http::ResponseHead out;
  out.status = status;
  out.reason = http::reason_phrase(status);
  out.fields.add("Content-Type", type);
  out.fields.add("Cache-Control", "no-store");
  return out;
}

}  // namespace

/// Counts a tunnel of its session for as long as it is there.
struct Session::Relayed {
  explicit Relayed(RelaySession& of) : session(of) {
    session.counts.open.fetch_add(1, std::memory_order_relaxed);
  }
  ~Relayed() { session.counts.open.fetch_sub(1, std::memory_order_relaxed); }
  RelaySession& session;
};

async::Task<Result<void>> Session::serve_gateway() {
  const Gateway& gateway = *entrance_->gateway;
  if (gateway.tls) {
    auto session = gateway.tls->new_session(*gateway.identity);
    if (!session) co_return pass(session);
    auto shaken = co_await handshake(std::move(*session), std::string(), steady_now());
    if (!shaken) co_return pass(shaken);
  }
  auto session = co_await open_relay();
  if (!session) co_return pass(session);
  if (!*session) co_return Result<void>();
  client_.relay = std::move(*session);
  stream_ = gateway.unwrap(std::move(stream_), client_.relay);
  services_.recorder.senders().set_device(client_.connection, client_.relay->id);
  silent_ = true;
  co_return co_await serve_relayed();
}

// Reads up to the end of a head at the start of `text`, which has room for the largest, and cuts it to what
// has come. The head's length; 0 when the client went before its first byte.
async::Task<Result<std::size_t>> Session::read_token_head(std::string& text) {
  http::h1::Limits limits = services_.options.limits.head;
  limits.head_bytes = text.size();
  limits.target_bytes = std::min(limits.target_bytes, text.size());
  http::h1::HeadScanner scanner(limits);
  stream_->set_read_deadline(services_.loop.now() + services_.options.limits.head_timeout);
  std::size_t came = 0;
  for (;;) {
    auto got = co_await stream_->read_some(std::span(text).subspan(came));
    if (!got) co_return pass(got);
    silent_ = false;
    came += *got;
    auto size = scanner.scan(std::string_view(text).substr(0, came));
    if (!size) co_return pass(size);
    if (!*size && came == text.size())
      co_return fail(Code::head_too_large, fmt::format("over {} bytes", text.size()));
    if (!*size && *got > 0) continue;
    if (!*size && came > 0) co_return fail(Code::bad_request, "the connection ended within the request head");
    text.resize(came);
    co_return size->value_or(0);
  }
}

// What cannot be read is refused without a word of what was in it: there may be a token.
async::Task<Result<void>> Session::refuse_unread(Error error) {
  if (error.code() == Code::cancelled && draining_) co_await stream_->shutdown();
  if (info(error.code()).status == 0 || stream_->cancelled()) co_return Failure(std::move(error));
  wire::H1ServerConnection http(*stream_, services_.options.limits, {});
  co_await refuse(http, error);
  co_return Failure(std::move(error));
}

// The session that a WebSocket was opened for; null when the request was another one, and was answered.
async::Task<Result<RelaySessionPtr>> Session::open_relay() {
  TokenHead first;
  auto size = co_await read_token_head(first.text);
  if (!size) co_return pass(co_await refuse_unread(std::move(size).error()));
  if (*size == 0) co_return RelaySessionPtr();
  ShownToken shown = take_bearer(first.text, *size);
  take_basic(first.text, *size);  // nobody asks for it here; then it is to stay nowhere
  bool early = first.text.size() > *size;
  first.text.resize(*size);
  http::Origin here{entrance_->gateway->tls ? http::Scheme::https : http::Scheme::http, entrance_->listener};
  wire::H1ServerConnection http(*stream_, services_.options.limits, http::Door{&here, true});
  http.prepend(first.text);
  http.close_after_this();
  auto incoming = co_await http.next();
  if (!incoming) {
    co_await refuse(http, incoming.error());
    co_return pass(incoming);
  }
  if (!*incoming) co_return RelaySessionPtr();
  note_request();
  auto session = co_await answer_relay(**incoming, shown, early);
  if (session && !*session) co_await http.linger();
  co_return session;
}

async::Task<Result<RelaySessionPtr>> Session::answer_relay(wire::Incoming& incoming, const ShownToken& shown,
                                                           bool early) {
  const Gateway& gateway = *entrance_->gateway;
  http::RequestHead& head = incoming.head();
  std::string_view path = std::string_view(head.target).substr(0, head.target.find('?'));
  bool ours = path.starts_with(gateway.prefix);
  std::string_view place = ours ? path.substr(gateway.prefix.size()) : "";
  bool reads = head.is("GET") || head.is("HEAD");
  if (place == kSocketPath && head.is("GET")) {
    auto session = admit_relay(head, shown, early);
    if (session) co_return co_await switch_to_websocket(incoming, std::move(*session));
    co_await refuse_relay(incoming, std::move(session).error());
    co_return RelaySessionPtr();
  }
  bool known = place == kCaPath || place == kSocketPath || path == kHealthPath;
  std::uint16_t status = !known ? 404 : !reads || place == kSocketPath ? 405 : 200;
  http::ResponseHead answer = head_of(
      status, place == kCaPath && status == 200 ? "application/x-pem-file" : "text/plain; charset=utf-8");
  if (status == 405) answer.fields.add("Allow", "GET");
  std::string text = status == 404      ? "Weir: a gateway of relays; there is nothing at this path\n"
                     : status == 405    ? "Weir: this path takes GET only\n"
                     : place == kCaPath ? gateway.ca
                                        : "ok\n";
  wire::TextBody body(std::move(text));
  auto sent = co_await incoming.respond(answer, &body);
  if (!sent) co_return pass(sent);
  co_return RelaySessionPtr();
}

Result<RelaySessionPtr> Session::admit_relay(const http::RequestHead& head, const ShownToken& shown,
                                             bool early) {
  if (auto upgrade = check_upgrade(head); !upgrade) return pass(upgrade);
  if (early) return fail(Code::bad_request, "bytes of a WebSocket that is not open yet");
  return entrance_->gateway->sessions->admit(shown.digest, connection_.peer, services_.loop.now(),
                                             wall_now());
}

async::Task<Result<RelaySessionPtr>> Session::switch_to_websocket(wire::Incoming& incoming,
                                                                  RelaySessionPtr session) {
  http::ResponseHead consent;
  consent.status = 101;
  consent.reason = http::reason_phrase(101);
  consent.fields.add("Upgrade", "websocket");
  consent.fields.add("Connection", "Upgrade");
  consent.fields.add("Sec-WebSocket-Accept",
                     http::ws::accept_key(*incoming.head().fields.get("sec-websocket-key")));
  auto answered = co_await incoming.leave_http(consent);
  if (!answered) co_return pass(answered);
  co_return session;
}

// Who tries many tokens is recorded as long as he is heard.
async::Task<void> Session::refuse_relay(wire::Incoming& incoming, Error error) {
  entrance_->gateway->sessions->refusals.note(error);
  std::uint16_t status = info(error.code()).status;
  http::ResponseHead answer = head_of(status, "text/plain; charset=utf-8");
  switch (status) {
    case 401: answer.fields.add("WWW-Authenticate", "Bearer realm=\"weir gateway\""); break;
    case 403: answer.fields.add("X-Deny-Reason", deny_reason(error)); break;
    case 426:
      answer.fields.add("Upgrade", "websocket");
      answer.fields.add("Sec-WebSocket-Version", "13");
      break;
    case 429: answer.fields.add("Retry-After", "1"); break;
    default: break;
  }
  std::string text = "Weir: " + error.context() + "\n";
  std::optional<Recording> recording;
  if (status != 429) {
    recording.emplace(services_.recorder);
    flow::Flow& flow = recording->flow();
    flow.client_connection = client_.connection;
    flow.request = incoming.head();
    recording->fail(error.code(), error.context());
    flow.has_response = flow.synthesised = true;
    flow.response = answer;
    flow.response_body = {.bytes = text, .size = text.size(), .truncated = false, .complete = true};
  }
  wire::TextBody body(std::move(text));
  auto answered = co_await incoming.respond(answer, &body);
  if (!answered && recording) recording->mark("answer_not_delivered");
}

// The client's own connection begins with a CONNECT, which the relay has put its session into.
async::Task<Result<void>> Session::serve_relayed() {
  std::optional<TokenHead> first(std::in_place);
  auto size = co_await read_token_head(first->text);
  if (!size) co_return co_await refuse_unread(std::move(size).error());
  if (*size == 0) co_return Result<void>();
  ShownToken shown = take_basic(first->text, *size);
  take_bearer(first->text, *size);
  wire::H1ServerConnection http(*stream_, services_.options.limits, {});
  add_host(first->text, *size);
  http.prepend(first->text);
  first.reset();
  http1_ = &http;
  if (draining_) http.close_after_this();
  auto served = co_await connect_relayed(http, shown);
  http1_ = nullptr;
  co_return served;
}

async::Task<Result<void>> Session::connect_relayed(wire::H1ServerConnection& http, const ShownToken& shown) {
  auto incoming = co_await http.next();
  if (incoming && *incoming && !(*incoming)->head().is("CONNECT"))
    incoming = fail(Code::bad_request, "a relay's tunnel begins with a CONNECT");
  if (!incoming) {
    co_await refuse(http, incoming.error());
    co_return pass(incoming);
  }
  if (!*incoming) co_return Result<void>();
  note_request();
  co_await wait_for_room();
  RelaySession& session = *client_.relay;
  std::expected<void, RelayDenial> may;
  {
    Relayed counted(session);
    may = judge_relayed((*incoming)->head().origin.place, shown);
    if (may) {
      session.counts.tunnels.fetch_add(1, std::memory_order_relaxed);
      co_return co_await connect(http, **incoming);
    }
  }
  http.close_after_this();
  co_await deny(**incoming, std::move(may).error());
  co_await http.linger();
  co_return Result<void>();
}

// What can be said before the tunnel stands: afterwards there is no 403 for a CONNECT.
std::expected<void, RelayDenial> Session::judge_relayed(const HostPort& place, const ShownToken& shown) {
  const Gateway& gateway = *entrance_->gateway;
  RelaySession& session = *client_.relay;
  auto denied = [](Error error) { return std::unexpected(RelayDenial{std::move(error), {}, {}}); };
  auto shows =
      gateway.sessions->confirm(session, shown.session, shown.digest, connection_.peer, services_.loop.now());
  if (!shows) return denied(std::move(shows).error());
  if (auto may = session.may_reach(place, wall_now()); !may) return denied(std::move(may).error());
  if (session.counts.open.load(std::memory_order_relaxed) > gateway.most_tunnels)
    return denied(Error(Code::session_limit,
                        fmt::format("session {} has {} tunnels open", session.id, gateway.most_tunnels)));
  if (!wants_interception(place)) return {};  // judged when it is dialled
  flow::Flow flow;
  auto may = services_.gate.judge_host(flow, {http::Scheme::https, place});
  if (may) return {};
  return std::unexpected(RelayDenial{std::move(may).error(), flow.filter_action, flow.filter_reason});
}

async::Task<void> Session::deny(wire::Incoming& incoming, RelayDenial denial) {
  Recording recording(services_.recorder);
  flow::Flow& flow = recording.flow();
  describe_tunnel(flow, incoming.head().origin.place, flow::Interception::passthrough);
  flow.request = incoming.head();
  flow.filter_action = denial.filter_action;
  flow.filter_reason = denial.filter_reason;
  recording.fail(denial.error.code(), denial.error.context());
  ErrorResponse made = prepare_answer(recording, denial.error);
  wire::TextBody body(std::move(made.body));
  auto answered = co_await incoming.respond(made.head, &body);
  if (!answered) recording.mark("answer_not_delivered");
}

bool Session::may_go_on(WallNanos now) {
  if (!client_.relay || client_.relay->stands(now)) return true;
  cancel();
  return false;
}

}  // namespace weir::proxy
