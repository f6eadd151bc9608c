#include "control/metrics_server.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "base/wipe_freed.h"
#include "control/metrics_text.h"

namespace weir::control {
namespace {

constexpr std::ptrdiff_t kMostClients = 32;

wire::ServerLimits limits() {
  wire::ServerLimits out;
  out.head.head_bytes = 16 << 10;
  out.head_timeout = out.body_idle = std::chrono::seconds(10);
  return out;
}

http::ResponseHead plain(std::uint16_t status, std::string_view type = "text/plain; charset=utf-8") {
  http::ResponseHead head;
  head.status = status;
  head.reason = http::reason_phrase(status);
  head.fields.add("Content-Type", type);
  head.fields.add("Cache-Control", "no-store");
  head.fields.add("X-Content-Type-Options", "nosniff");
  return head;
}

}  // namespace

Result<std::unique_ptr<MetricsServer>> MetricsServer::open(Options options) {
  auto socket = net::listen_tcp(options.listen.host, options.listen.port, false);
  if (!socket) return fail(socket.error().code(), "control.listen: " + socket.error().context());
  options.listen.port = net::bound_port(socket->get());
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(options), std::move(*socket)));
}

MetricsServer::MetricsServer(Options options, UniqueFd socket)
    : options_(std::move(options)),
      origin_{http::Scheme::http, options_.listen},
      limits_(limits()),
      listener_(loop_, std::move(socket)),
      accepting_(loop_),
      serving_(loop_),
      finishing_(loop_) {}

MetricsServer::~MetricsServer() {
  if (!thread_.joinable()) return;
  loop_.post([this] { finishing_.spawn(finish()); });
  thread_.join();
}

void MetricsServer::serve(std::function<std::string()> metrics) {
  metrics_ = std::move(metrics);
  accepting_.spawn(accept());
  thread_ = std::thread([this] {
    name_thread("weir-metrics");
    WipeFreed wipe;  // every request shows the token
    loop_.run();
  });
}

async::Task<void> MetricsServer::accept() {
  for (;;) {
    auto socket = co_await listener_.accept();
    if (!socket) {
      if (socket.error().code() != Code::cancelled)
        log::error("the control port {} is shut: {}", options_.listen.str(), socket.error().message());
      co_return;
    }
    serving_.spawn(talk(std::move(*socket)));
  }
}

// Whoever only holds a connection must not keep out who has something to ask.
bool MetricsServer::make_room() {
  auto open = [](const Client& client) { return !client.stream.cancelled(); };
  if (std::ranges::count_if(clients_, open) < kMostClients) return true;
  auto idle = std::ranges::find_if(clients_,
                                   [&](const Client& client) { return open(client) && client.http.idle(); });
  if (idle == clients_.end()) return false;
  idle->stream.cancel();
  return true;
}

async::Task<void> MetricsServer::talk(UniqueFd socket) {
  // Not where it was accepted: of many that come at once none is counted before it has begun.
  if (!make_room()) co_return;
  net::TcpStream stream(loop_, std::move(socket), Side::client);
  wire::H1ServerConnection http(stream, limits_, {&origin_, true});
  http.keep_heads_secret();
  auto self = clients_.insert(clients_.end(), {stream, http});
  for (bool more = true; more;) {
    auto incoming = co_await http.next();
    if (!incoming) {
      auto head = plain(info(incoming.error().code()).status);
      if (head.status != 0) (void)co_await http.refuse(std::move(head), "not a request that is understood\n");
      break;
    }
    more = *incoming != nullptr && co_await answer(**incoming);
  }
  if (!stream.cancelled()) co_await http.linger();
  clients_.erase(self);
}

async::Task<bool> MetricsServer::answer(wire::Incoming& incoming) {
  http::ResponseHead head = judge(incoming.head());
  wire::TextBody body(head.status == 200 ? metrics_() : head.reason + "\n");
  auto sent = co_await incoming.respond(head, &body);
  co_return sent.has_value();
}

http::ResponseHead MetricsServer::judge(const http::RequestHead& head) const {
  // A page that a browser has loaded under a name of its own must not read this under the same name.
  auto host = head.fields.get("Host");
  if (options_.token.empty() && (!host || !is_own_name(*host))) return plain(403);
  if (!shows_token(head)) {
    auto out = plain(401);
    out.fields.add("WWW-Authenticate", "Bearer realm=\"weir\"");
    return out;
  }
  std::string_view path = std::string_view(head.target).substr(0, head.target.find('?'));
  if (path != "/metrics") return plain(404);
  if (head.is("GET")) return plain(200, MetricsText::kContentType);
  auto out = plain(405);
  out.fields.add("Allow", "GET");
  return out;
}

bool MetricsServer::is_own_name(std::string_view host) const {
  auto place = parse_host_port(host, 80);
  return place && (place->host == "localhost" || place->host == options_.listen.host ||
                   (is_ip_literal(place->host) && is_loopback_host(place->host)));
}

bool MetricsServer::shows_token(const http::RequestHead& head) const {
  if (options_.token.empty()) return true;
  constexpr std::string_view kScheme = "bearer ";
  auto shown = head.fields.get("Authorization");
  if (!shown || !iequals(shown->substr(0, kScheme.size()), kScheme)) return false;
  // What the time of comparing hashes tells says nothing of the token.
  return sha256(trim_ows(shown->substr(kScheme.size()))) == sha256(options_.token.reveal());
}

async::Task<void> MetricsServer::finish() {
  listener_.cancel();
  co_await accepting_.join();
  for (Client& client : clients_) client.stream.cancel();
  co_await serving_.join();
  loop_.stop();
}

}  // namespace weir::control
