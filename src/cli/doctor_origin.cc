#include "cli/doctor_origin.h"

#include "net/tcp_stream.h"
#include "net/tls_stream.h"
#include "tls/leaf.h"
#include "wire/h1_server.h"

namespace weir::cli {
namespace {

// A client that connects and says nothing must not hold up the end.
constexpr auto kPatience = std::chrono::seconds(5);

}  // namespace

Result<std::unique_ptr<DoctorOrigin>> DoctorOrigin::start(const std::string& folder) {
  auto authority = tls::Authority::load_or_create(folder);
  if (!authority) return pass(authority);
  auto leaf = tls::mint(*authority, "localhost");
  if (!leaf) return pass(leaf);
  auto context = tls::ServerContext::make();
  if (!context) return pass(context);
  auto socket = net::listen_tcp("127.0.0.1", 0, false);
  if (!socket) return pass(socket);
  return std::unique_ptr<DoctorOrigin>(
      new DoctorOrigin(std::move(*authority), std::move(*leaf), std::move(*context), std::move(*socket)));
}

DoctorOrigin::DoctorOrigin(tls::Authority authority, tls::LeafPtr leaf, tls::ServerContext context,
                           UniqueFd socket)
    : authority_(std::move(authority)),
      leaf_(std::move(leaf)),
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

async::Task<void> DoctorOrigin::serve(UniqueFd socket) {
  auto session = context_.new_session(*leaf_);
  if (!session) co_return;
  auto tcp = std::make_unique<net::TcpStream>(loop_, std::move(socket), Side::client);
  net::TlsStream stream(std::move(tcp), std::move(*session), std::string(), "client");
  auto shaken = co_await stream.handshake(loop_.now() + kPatience);
  if (!shaken) co_return;
  http::Origin origin{http::Scheme::https, {"localhost", port_}};
  wire::ServerLimits limits;
  limits.idle_timeout = kPatience;
  wire::H1ServerConnection http(stream, limits, {&origin});
  auto incoming = co_await http.next();
  if (!incoming || !*incoming) co_return;
  http::ResponseHead head;
  head.status = 200;
  head.fields.add("Content-Type", "text/plain");
  // git asks for references; anything else is content with the greeting.
  bool git = (*incoming)->head().target.starts_with("/weir.git/info/refs");
  std::string text =
      git ? std::string(40, '1') + "\trefs/heads/" + std::string(kGreeting) + "\n" : std::string(kGreeting);
  wire::TextBody body(std::move(text));
  http.close_after_this();
  auto sent = co_await (*incoming)->respond(head, &body);
  if (sent) co_await http.linger();
}

}  // namespace weir::cli
