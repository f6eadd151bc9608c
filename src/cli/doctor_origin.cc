#include "cli/doctor_origin.h"

#include "net/tls_stream.h"
#include "tls/client_hello.h"
#include "tls/leaf.h"

namespace weir::cli {
namespace {

// A client that connects and says nothing must not hold up the end.
constexpr auto kPatience = std::chrono::seconds(5);

constexpr std::string_view kHandshakeRecord = "\x16";

}  // namespace

Result<std::unique_ptr<DoctorOrigin>> DoctorOrigin::start(const std::string& folder) {
  auto authority = tls::Authority::load_or_create(folder);
  if (!authority) return pass(authority);
  auto context = tls::ServerContext::make();
  if (!context) return pass(context);
  auto socket = net::listen_tcp("127.0.0.1", 0, false);
  if (!socket) return pass(socket);
  return std::unique_ptr<DoctorOrigin>(
      new DoctorOrigin(std::move(*authority), std::move(*context), std::move(*socket)));
}

DoctorOrigin::DoctorOrigin(tls::Authority authority, tls::ServerContext context, UniqueFd socket)
    : authority_(std::move(authority)),
      context_(std::move(context)),
      port_(net::bound_port(socket.get())),
      listener_(loop_, std::move(socket)),
      tasks_(loop_),
      finishing_(loop_) {
  tasks_.spawn(accept());
  thread_ = std::thread([this] { loop_.run(); });
}

DoctorOrigin::~DoctorOrigin() {
  loop_.post([this] { finishing_.spawn(finish()); });
  thread_.join();
}

async::Task<void> DoctorOrigin::finish() {
  listener_.cancel();
  co_await tasks_.join();
  loop_.stop();
}

async::Task<void> DoctorOrigin::accept() {
  for (;;) {
    auto socket = co_await listener_.accept();
    if (!socket) co_return;
    tasks_.spawn(serve(std::move(*socket)));
  }
}

// The first bytes, whatever they are; nothing when the client went without any.
async::Task<std::string> DoctorOrigin::first_bytes(net::Stream& stream) {
  std::string bytes(4096, '\0');
  stream.set_read_deadline(loop_.now() + kPatience);
  for (;;) {
    auto got = stream.try_read(bytes);
    bytes.resize(got && *got ? **got : 0);
    if (!got || *got) co_return bytes;
    bytes.resize(4096);
    if (auto ready = co_await stream.wait_readable(); !ready) co_return std::string();
  }
}

async::Task<void> DoctorOrigin::serve(UniqueFd socket) {
  auto tcp = std::make_unique<net::TcpStream>(loop_, std::move(socket), Side::client);
  std::string first = co_await first_bytes(*tcp);
  if (first.starts_with(kHandshakeRecord))
    co_return co_await serve_tls(std::move(tcp), {"localhost", port_}, std::move(first));
  wire::ServerLimits limits;
  limits.idle_timeout = kPatience;
  auto proxy = std::make_unique<wire::H1ServerConnection>(*tcp, limits, http::Door());
  proxy->prepend(first);
  auto incoming = co_await proxy->next();
  if (!incoming || !*incoming) co_return;
  if (!(*incoming)->head().is("CONNECT")) co_return co_await answer(*proxy, **incoming);
  HostPort place = (*incoming)->head().origin.place;
  http::ResponseHead established{.status = 200, .reason = "Connection established"};
  if (auto left = co_await (*incoming)->leave_http(established); !left) co_return;
  first = (*incoming)->take_buffered();
  proxy.reset();
  if (first.empty()) first = co_await first_bytes(*tcp);
  if (first.starts_with(kHandshakeRecord))
    co_return co_await serve_tls(std::move(tcp), std::move(place), std::move(first));
  http::Origin origin{http::Scheme::http, std::move(place)};
  co_await serve_http(*tcp, origin, std::move(first));
}

// As whoever the client asks for in its ClientHello, or else as `place`.
async::Task<void> DoctorOrigin::serve_tls(std::unique_ptr<net::TcpStream> tcp, HostPort place,
                                          std::string first) {
  auto hello = tls::parse_client_hello(first);
  while (hello && !*hello) {
    std::string more = co_await first_bytes(*tcp);
    if (more.empty()) co_return;
    first += more;
    hello = tls::parse_client_hello(first);
  }
  if (!hello) co_return;
  if (!(*hello)->sni.empty()) place.host = (*hello)->sni;
  auto leaf = tls::mint(authority_, place.host);
  if (!leaf) co_return;
  auto session = context_.new_session(**leaf);
  if (!session) co_return;
  net::TlsStream stream(std::move(tcp), std::move(*session), std::move(first), "client");
  if (auto shaken = co_await stream.handshake(loop_.now() + kPatience); !shaken) co_return;
  http::Origin origin{http::Scheme::https, std::move(place)};
  co_await serve_http(stream, origin, std::string());
}

async::Task<void> DoctorOrigin::serve_http(net::Stream& stream, const http::Origin& origin,
                                           std::string first) {
  wire::ServerLimits limits;
  limits.idle_timeout = kPatience;
  wire::H1ServerConnection http(stream, limits, {&origin, true});
  http.prepend(first);
  auto incoming = co_await http.next();
  if (incoming && *incoming) co_await answer(http, **incoming);
}

async::Task<void> DoctorOrigin::answer(wire::H1ServerConnection& http, wire::Incoming& incoming) {
  http::ResponseHead head;
  head.status = 200;
  head.fields.add("Content-Type", "text/plain");
  // git asks for references; anything else is content with the greeting.
  bool git = incoming.head().target.starts_with("/weir.git/info/refs");
  std::string text =
      git ? std::string(40, '1') + "\trefs/heads/" + std::string(kGreeting) + "\n" : std::string(kGreeting);
  wire::TextBody body(std::move(text));
  http.close_after_this();
  auto sent = co_await incoming.respond(head, &body);
  if (sent) co_await http.linger();
}

}  // namespace weir::cli
