#include "relay/agent.h"

#include <utility>

#include "base/log.h"
#include "relay/answer_watch.h"
#include "wire/read_buffer.h"

namespace weir::relay {
namespace {

// For a client that is refused to read why: closed with bytes unread, the connection would be reset.
constexpr auto kLinger = std::chrono::seconds(2);
constexpr std::size_t kMostLingered = 256 << 10;
// Of those who ask for the status.
constexpr auto kAskTimeout = std::chrono::seconds(5);

/// Is in `all` while it lives, so that the end of the agent can cut it.
class Registered {
 public:
  Registered(std::set<net::Stream*>& all, net::Stream& stream) : all_(all), stream_(&stream) {
    all_.insert(stream_);
  }
  Registered(const Registered&) = delete;
  ~Registered() { all_.erase(stream_); }

 private:
  std::set<net::Stream*>& all_;
  net::Stream* stream_;
};

/// Sends an empty chunk when nothing was sent for a while.
class KeepAlive final : private async::Timer {
 public:
  KeepAlive(ChunkStream& link, Duration every, RelayStatus& status)
      : Timer(link.loop()), link_(link), every_(every), status_(status) {
    schedule(link.last_sent() + every);
  }

 private:
  void fire() override {
    TimePoint now = loop().now(), due = link_.last_sent() + every_;
    if (due > now) return schedule(due);
    // A failure will be met by who reads or writes.
    if (auto sent = link_.keep_alive(); sent && link_.last_sent() == now) status_.kept_alive();
    schedule(now + every_);
  }

  ChunkStream& link_;
  const Duration every_;
  RelayStatus& status_;
};

/// An entry in the status while it lives.
class Account {
 public:
  explicit Account(RelayStatus& status) : status_(status), tunnel_(status.opened()) {}
  Account(const Account&) = delete;
  ~Account() { status_.ended(tunnel_); }
  proxy::TunnelCounts& counts() { return *tunnel_; }

 private:
  RelayStatus& status_;
  RelayStatus::Tunnel tunnel_;
};

/// Looks on until the gateway's answer is known.
class Onlooker final : public proxy::TunnelWatch {
 public:
  Onlooker(AnswerWatch& answer, RelayStatus& status, const HostPort& to)
      : answer_(answer), status_(status), to_(to) {}
  void passed(Side from, std::string_view bytes) override {
    if (from != Side::upstream || answer_.done()) return;
    answer_.take(bytes);
    if (answer_.mishap()) status_.failed(*answer_.mishap(), to_.str());
  }
  bool has_room() const override { return true; }

 private:
  AnswerWatch& answer_;
  RelayStatus& status_;
  const HostPort& to_;
};

async::Task<void> linger(net::Stream& client) {
  auto told = co_await client.shutdown();
  client.set_read_deadline(client.loop().now() + kLinger);
  char part[4096];
  for (std::size_t size = 0; told && size < kMostLingered;) {
    auto got = co_await client.read_some(part);
    if (!got || *got == 0) co_return;
    size += *got;
  }
}

// The status lines are the protocol's (docs/formats/relay.md); the rest is for people.
async::Task<void> refuse(net::Stream& client, std::string status, std::string why) {
  std::string text = "weir relay: " + why + "\n";
  std::string answer =
      "HTTP/1.1 " + status +
      "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + std::to_string(text.size()) +
      "\r\nConnection: close\r\n\r\n" + text;
  client.set_write_deadline(client.loop().now() + kLinger);
  auto sent = co_await client.write(answer);
  if (sent) co_await linger(client);
}

struct Request {
  ConnectHead head;
  std::string early;  ///< what came behind it
};
struct Refused {
  std::string status;  ///< empty: there is nobody, or nothing, to answer
  std::string why;
};

async::Task<std::expected<Request, Refused>> read_head(net::Stream& client, TimePoint deadline) {
  client.set_read_deadline(deadline);
  wire::ReadBuffer buffer;
  ConnectHeadReader reader;
  for (;;) {
    auto got = co_await buffer.fill(client);
    if (!got && got.error().code() == Code::client_timeout && !buffer.empty())
      co_return std::unexpected(
          Refused{"408 Request Timeout", "the CONNECT did not come to its end in time"});
    if (!got || (*got == 0 && buffer.empty())) co_return std::unexpected(Refused());
    if (*got == 0) co_return std::unexpected(Refused{"400 Bad Request", "the CONNECT ends in its midst"});
    auto head = reader.read(buffer.data());
    if (!head) {
      bool method = reader.refusal() == ConnectHeadReader::Refusal::method_not_allowed;
      co_return std::unexpected(
          Refused{method ? "405 Method Not Allowed" : "400 Bad Request", head.error().message()});
    }
    if (!*head) continue;
    buffer.consume((*head)->size);
    co_return Request{std::move(**head), std::string(buffer.data())};
  }
}

}  // namespace

Agent::Agent(async::Loop& loop, AgentOptions options, const RelayCredential& credential,
             const tls::ClientContext& tls, RelayStatus& status)
    : loop_(loop),
      options_(std::move(options)),
      credential_(credential),
      status_(status),
      resolver_(loop),
      dialer_(loop, resolver_),
      connector_options_(connector_options()),
      connector_(loop, dialer_, tls, connector_options_),
      accepting_(loop),
      serving_(loop) {}

wire::ConnectorOptions Agent::connector_options() {
  wire::ConnectorOptions out = options_.connector;
  out.is_self = [this](const net::TcpStream& stream) { return stream.peer_address() == self_; };
  return out;
}

void Agent::serve(UniqueFd listener) {
  self_ = net::socket_address(listener.get(), false);
  listener_ = std::make_unique<net::Listener>(loop_, std::move(listener));
  accepting_.spawn(accept());
}

void Agent::tell_status(UniqueFd listener, std::function<bool(int)> may_ask) {
  asked_ = std::make_unique<net::Listener>(loop_, std::move(listener));
  accepting_.spawn(accept_asking(std::move(may_ask)));
}

async::Task<void> Agent::accept() {
  for (;;) {
    auto socket = co_await listener_->accept();
    if (socket) {
      serving_.spawn(talk(std::move(*socket)));
      continue;
    }
    if (socket.error().code() != Code::cancelled)
      log::error("the relay takes no more clients: {}", socket.error().message());
    co_return;
  }
}

async::Task<void> Agent::accept_asking(std::function<bool(int)> may_ask) {
  for (;;) {
    auto socket = co_await asked_->accept();
    if (!socket) co_return;
    if (may_ask(socket->get())) serving_.spawn(tell(std::move(*socket)));
  }
}

async::Task<void> Agent::tell(UniqueFd socket) {
  net::TcpStream stream(loop_, std::move(socket), Side::client);
  Registered registered(streams_, stream);
  if (ending_) co_return;
  stream.set_write_deadline(loop_.now() + kAskTimeout);
  std::string text = status_.json();
  auto told = co_await stream.write(text);
  if (told) (void)co_await stream.shutdown();
}

async::Task<void> Agent::talk(UniqueFd socket) {
  net::TcpStream client(loop_, std::move(socket), Side::client);
  Registered registered(streams_, client);
  if (ending_) co_return;
  auto request = co_await read_head(client, loop_.now() + options_.head_timeout);
  if (ending_) co_return;
  if (!request) {
    const Refused& refused = request.error();
    if (refused.status.empty()) co_return;
    status_.failed({Trouble::client, refused.status + ": " + refused.why, 0}, "");
    co_await refuse(client, refused.status, refused.why);
  } else if (status_.open() >= options_.tunnels) {
    status_.failed({Trouble::client, "too many tunnels at once", 0}, request->head.to.str());
    co_await refuse(client, "503 Service Unavailable", "too many tunnels at once");
  } else {
    co_await carry(client, std::move(request->head), std::move(request->early));
  }
}

async::Task<void> Agent::carry(net::Stream& client, ConnectHead head, std::string early) {
  Account account(status_);
  std::size_t early_size = early.size();
  auto opened = co_await open_link(connector_, options_.link, credential_, head.to, std::move(early));
  if (ending_) co_return;
  if (!opened) {
    const Mishap& mishap = opened.error();
    if (mishap.status != 0) status_.reached();
    status_.failed(mishap, head.to.str());
    co_return co_await refuse(client, "502 Bad Gateway",
                              std::string(title(mishap.kind)) + ": " + mishap.detail);
  }
  ChunkStream& link = **opened;
  Registered registered(streams_, link);
  status_.reached();
  account.counts().to_upstream += early_size;
  KeepAlive keep_alive(link, options_.keep_alive, status_);
  AnswerWatch answer;
  if (!co_await pass_first(client, link, head.to, answer)) co_return;
  Onlooker onlooker(answer, status_, head.to);
  auto ended = co_await proxy::tunnel(client, link, {}, {}, account.counts(), &onlooker);
  note_end(ended, head.to);
}

// Until the gateway's first byte has come a failure can still be told; afterwards the client only gets what
// the gateway says. False when there is nothing to go on with.
async::Task<bool> Agent::pass_first(net::Stream& client, ChunkStream& link, const HostPort& to,
                                    AnswerWatch& answer) {
  link.set_read_deadline(loop_.now() + options_.answer_timeout);
  client.on_hangup([&link] { link.cancel(); }, false);
  wire::ReadBuffer first;
  auto got = co_await first.fill(link);
  client.on_hangup(nullptr, false);
  if (ending_ || (!got && got.error().code() == Code::cancelled)) co_return false;
  if (!got || *got == 0) {
    Mishap mishap = got ? Mishap{Trouble::gateway_down, "it closed the tunnel without an answer", 0}
                        : mishap_of(got.error());
    status_.failed(mishap, to.str());
    co_await refuse(client, "502 Bad Gateway", std::string(title(mishap.kind)) + ": " + mishap.detail);
    co_return false;
  }
  Onlooker onlooker(answer, status_, to);
  auto sent = co_await client.write(first.data());
  onlooker.passed(Side::upstream, first.data());
  co_return sent.has_value();
}

// What the client does is its own affair.
void Agent::note_end(const Result<void>& ended, const HostPort& to) {
  if (ended || ending_ || ended.error().code() == Code::cancelled) return;
  if (ended.error().side() != Side::upstream) return;
  Mishap mishap = mishap_of(ended.error());
  mishap.detail = "in the midst of a tunnel: " + mishap.detail;
  status_.failed(mishap, to.str());
}

async::Task<void> Agent::finish() {
  ending_ = true;
  if (listener_) listener_->cancel();
  if (asked_) asked_->cancel();
  connector_.cancel();
  for (net::Stream* stream : streams_) stream->cancel();
  co_await accepting_.join();
  co_await serving_.join();
}

}  // namespace weir::relay
