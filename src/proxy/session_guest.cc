// Sessions: streams from the relay inside a virtual machine, which says first where they lead; and those of
// relays that say nothing, which the client's own first bytes have to.
#include "http/h1/head.h"
#include "proxy/session.h"

namespace weir::proxy {
namespace {

using net::GuestPreamble;

constexpr std::uint16_t kHttps = 443;
constexpr std::uint16_t kHttp = 80;
constexpr std::size_t kLengthBytes = 2;  // in front of a DNS message (RFC 1035 section 4.2.2)

std::size_t length_at(std::string_view bytes) {
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) << 8 |
         static_cast<unsigned char>(bytes[1]);
}

Failure nameless(std::string_view what) {
  return fail(Code::bad_target, "neither a preamble nor " + std::string(what) +
                                    " says where this connection of a guest leads; use weir-guest");
}

std::shared_ptr<const Process> process_of(const GuestPreamble& preamble) {
  Process out{.pid = preamble.pid, .name = preamble.process};
  if (preamble.pid == 0) out.unknown = "the guest's relay knows no process number";
  return std::make_shared<const Process>(std::move(out));
}

/// The answers to all whole messages at the start of `bytes`, which are taken off. Nothing when the stream is
/// to be closed: over TCP for what must not be answered. Datagrams are answered one by one, be it with
/// nothing, so that the relay can tell whose an answer is.
std::optional<std::string> take_and_answer(const Entrance& entrance, bool datagrams, std::string& bytes) {
  std::string out;
  std::size_t taken = 0;
  std::string_view rest = bytes;
  while (rest.size() >= kLengthBytes && rest.size() - kLengthBytes >= length_at(rest)) {
    std::size_t length = length_at(rest);
    std::string answer = entrance.answer_dns(rest.substr(kLengthBytes, length), datagrams);
    if (answer.empty() && !datagrams) return std::nullopt;
    out += static_cast<char>(answer.size() >> 8);
    out += static_cast<char>(answer.size() & 0xff);
    out += answer;
    taken += kLengthBytes + length;
    rest.remove_prefix(kLengthBytes + length);
  }
  bytes.erase(0, taken);
  return out;
}

}  // namespace

async::Task<Result<void>> Session::serve_guest() {
  std::string first;
  auto preamble = co_await read_preamble(first);
  if (!preamble && info(preamble.error().code()).phase != Phase::client) co_return pass(preamble);
  if (!preamble) co_return refuse_redirected(std::move(preamble).error());
  if (first.empty() && !*preamble) co_return Result<void>();  // it came and went
  if (!*preamble) co_return co_await serve_guest_connection(std::nullopt, std::move(first));
  note_guest_process(**preamble);
  if ((*preamble)->kind == GuestPreamble::Kind::connection)
    co_return co_await serve_guest_connection(std::move((*preamble)->to), std::move(first));
  bool datagrams = (*preamble)->kind == GuestPreamble::Kind::dns_datagrams;
  co_return co_await serve_guest_dns(datagrams, std::move(first));
}

// Reads until the preamble is there, and takes it off `bytes`; nothing when the first byte says that there is
// none.
async::Task<Result<std::optional<GuestPreamble>>> Session::read_preamble(std::string& bytes) {
  const wire::ServerLimits& limits = services_.options.limits;
  TimePoint deadline = services_.loop.now() + (bytes.empty() ? limits.idle_timeout : limits.head_timeout);
  for (;;) {
    if (!bytes.empty() && bytes[0] != '\0') co_return std::nullopt;
    auto read = net::read_guest_preamble(bytes);
    if (!read) co_return pass(read);
    if (*read) {
      bytes.erase(0, (*read)->size);
      co_return std::move((*read)->preamble);
    }
    auto more = co_await read_more(bytes, deadline);
    if (!more) co_return pass(more);
    if (!*more && bytes.empty()) co_return std::nullopt;
    if (!*more) co_return fail(Code::bad_request, "the connection ended within the preamble of a guest");
    if (silent_) deadline = services_.loop.now() + services_.options.limits.head_timeout;
    silent_ = false;
  }
}

void Session::note_guest_process(const GuestPreamble& preamble) {
  if (preamble.pid == 0 && preamble.process.empty()) return;
  services_.recorder.senders().set(client_.connection, process_of(preamble));
}

async::Task<Result<void>> Session::serve_guest_connection(std::optional<HostPort> to, std::string first) {
  Result<HostPort> place = HostPort();
  if (to) {
    place = named(*entrance_, std::move(*to));
  } else {
    place = co_await find_destination(first);
    if (place && place->port == 0) co_return co_await serve_http1({}, std::move(first));
  }
  if (!place && place.error().code() == Code::cancelled) co_return pass(place);
  if (!place) co_return refuse_redirected(std::move(place).error());
  co_return co_await go_to(std::move(*place), std::move(first));
}

// Where the client's first bytes say that it wants to go. A port of 0 where it knows that it speaks to a
// proxy: then each of its requests says so.
async::Task<Result<HostPort>> Session::find_destination(std::string& first) {
  TimePoint patience = services_.loop.now() + services_.options.limits.head_timeout;
  while (sniff(first) == Protocol::need_more) {
    auto more = co_await read_more(first, patience);
    if (!more) co_return pass(more);
    if (!*more) co_return nameless("anything else");
  }
  if (sniff(first) == Protocol::http1) co_return co_await find_host(first);
  if (sniff(first) != Protocol::tls) co_return nameless("TLS or HTTP/1");
  auto hello = co_await read_hello(first);
  if (!hello) co_return pass(hello);
  if (hello->sni.empty()) co_return nameless("a name in the ClientHello");
  co_return HostPort{hello->sni, kHttps};
}

async::Task<Result<HostPort>> Session::find_host(std::string& first) {
  const http::h1::Limits& limits = services_.options.limits.head;
  TimePoint patience = services_.loop.now() + services_.options.limits.head_timeout;
  http::h1::HeadScanner scanner(limits);
  for (;;) {
    auto size = scanner.scan(first);
    if (!size) co_return HostPort();  // answered as any request with that fault
    if (*size) {
      http::Origin nowhere;
      auto head = http::h1::parse_request_head(std::string_view(first).substr(0, **size), limits,
                                               http::Door{&nowhere, true});
      bool to_proxy = !head || head->origin.place != nowhere.place;
      co_return to_proxy ? HostPort() : parse_host_port(head->fields.get("Host").value_or(""), kHttp);
    }
    auto more = co_await read_more(first, patience);
    if (!more) co_return pass(more);
    if (!*more) co_return HostPort();
  }
}

async::Task<Result<void>> Session::serve_guest_dns(bool datagrams, std::string bytes) {
  if (!entrance_->answer_dns)
    co_return refuse_redirected(
        Error(Code::bad_target, "a guest asks for names, which are not answered here"));
  for (;;) {
    auto answers = take_and_answer(*entrance_, datagrams, bytes);
    if (!answers) co_return fail(Code::bad_request, "what is no DNS came where DNS was announced");
    TimePoint patience = services_.loop.now() + services_.options.limits.idle_timeout;
    stream_->set_write_deadline(patience);
    if (auto sent = co_await stream_->write(*answers); !sent) co_return pass(sent);
    silent_ = true;  // a drain may end it here
    if (draining_) co_return Result<void>();
    // The relay keeps the stream of all its datagrams open, to know that somebody is here.
    auto more = co_await read_more(bytes, datagrams ? kNever : patience);
    silent_ = false;
    if (!more && more.error().code() == Code::client_timeout) co_return Result<void>();
    if (!more) co_return pass(more);
    if (!*more) co_return Result<void>();
  }
}

// Redirected, and of a relay that says whose it is; or of something else that begins with NUL.
async::Task<Result<void>> Session::serve_announced(HostPort place, std::string first) {
  TimePoint patience = services_.loop.now() + services_.options.limits.head_timeout;
  auto marked = net::begins_with_guest_mark(first);
  for (bool more = true; more && !marked; marked = net::begins_with_guest_mark(first)) {
    auto read = co_await read_more(first, patience);
    if (!read) co_return pass(read);
    more = *read;
  }
  if (marked != true) co_return co_await intercept(std::move(place), std::move(first));
  auto preamble = co_await read_preamble(first);
  if (!preamble && info(preamble.error().code()).phase != Phase::client) co_return pass(preamble);
  if (!preamble) co_return refuse_redirected(std::move(preamble).error());
  note_guest_process(**preamble);
  if ((*preamble)->kind != GuestPreamble::Kind::connection) co_return co_await serve_guest_dns(false, {});
  co_return co_await go_to((*preamble)->to.value_or(std::move(place)), std::move(first));
}

}  // namespace weir::proxy
