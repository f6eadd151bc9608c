#include "net/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>

#include "async/event.h"
#include "async/watch.h"
#include "base/log.h"

namespace weir::net {
namespace {

constexpr auto kMinKept = std::chrono::seconds(1);
constexpr auto kMaxKept = std::chrono::seconds(60);
constexpr std::size_t kMaxEntries = 4096;

Code code_of(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
    case ARES_EBADNAME: return Code::dns_not_found;
    case ARES_ETIMEOUT: return Code::dns_timeout;
    default: return Code::dns_failed;
  }
}

struct AresLibrary {
  AresLibrary() { ares_library_init(ARES_LIB_INIT_ALL); }
};

}  // namespace

std::string Address::str() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, text, sizeof text);
  }
  return text;
}

void Address::set_port(std::uint16_t port) {
  if (storage.ss_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
  }
}

std::optional<Address> literal_address(const std::string& host) {
  Address out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    out.size = sizeof *v4;
    return out;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    out.size = sizeof *v6;
    return out;
  }
  return std::nullopt;
}

// The c-ares side: its descriptors are watched, its time-outs are a timer, its answers set events.
class Resolver::Channel : private async::Timer {
 public:
  struct Question {
    explicit Question(async::Loop& loop) : answered(loop) {}
    async::Event answered;
    Result<std::vector<Address>> answer = fail(Code::cancelled);
    TimePoint expires = kNever;
  };

  explicit Channel(async::Loop& loop) : Timer(loop) {
    static AresLibrary library;
    ares_options options{};
    options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
      static_cast<Channel*>(self)->want(fd, read || write);
    };
    options.sock_state_cb_data = this;
    options.timeout = 2000;
    options.tries = 3;
    status_ =
        ares_init_options(&channel_, &options, ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status_ != ARES_SUCCESS) log::error("cannot start the resolver: {}", ares_strerror(status_));
  }
  ~Channel() override {
    closing_ = true;
    if (status_ == ARES_SUCCESS) ares_destroy(channel_);
  }

  void cancel_waits() {
    for (auto& [host, question] : questions_) question->answered.cancel();
  }

  std::shared_ptr<Question> ask(const std::string& host) {
    auto found = questions_.find(host);
    if (found != questions_.end() && loop().now() < found->second->expires) return found->second;
    if (questions_.size() >= kMaxEntries)
      std::erase_if(questions_, [](auto& entry) { return entry.second->answered.is_set(); });
    auto question = std::make_shared<Question>(loop());
    questions_[host] = question;
    if (status_ != ARES_SUCCESS) {
      finish(host, *question, status_, nullptr);
      return question;
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    struct Context {
      Channel* channel;
      std::string host;
      std::shared_ptr<Question> question;
    };
    auto* context = new Context{this, host, question};
    ares_getaddrinfo(
        channel_, host.c_str(), nullptr, &hints,
        [](void* raw, int status, int, ares_addrinfo* result) {
          std::unique_ptr<Context> context(static_cast<Context*>(raw));
          context->channel->finish(context->host, *context->question, status, result);
        },
        context);
    arm();
    return question;
  }

 private:
  void want(ares_socket_t fd, bool any);
  void serve(ares_socket_t fd) {
    // Over TCP c-ares may leave bytes unread, and no further edge would tell of them.
    constexpr int kRounds = 64;
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    for (int round = 0; round < kRounds; ++round) {
      ares_process_fd(channel_, fd, fd);
      if (!sockets_.contains(fd) || poll(&readable, 1, 0) <= 0) break;
    }
    arm();
  }
  void fire() override {
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm();
  }
  void arm() {
    timeval limit{.tv_sec = 60, .tv_usec = 0};
    timeval left{};
    timeval* next = ares_timeout(channel_, &limit, &left);
    if (next == &limit) return cancel();
    schedule(steady_now() + std::chrono::seconds(next->tv_sec) + std::chrono::microseconds(next->tv_usec));
  }
  void finish(const std::string& host, Question& question, int status, ares_addrinfo* result);

  ares_channel channel_ = nullptr;
  int status_ = ARES_SUCCESS;
  bool closing_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::map<ares_socket_t, std::unique_ptr<async::Watch>> sockets_;
  std::unordered_map<std::string, std::shared_ptr<Question>> questions_;
};

// c-ares says which of its sockets it wants watched; the edges are handed back to it outside the dispatch of
// events, since it may close sockets, and so destroy watches, while it works.
void Resolver::Channel::want(ares_socket_t fd, bool any) {
  if (!any) {
    sockets_.erase(fd);
    return;
  }
  if (sockets_.contains(fd)) return;
  auto watch = std::make_unique<async::Watch>(loop(), fd);
  watch->on_edge([this, fd] {
    loop().post([this, fd, alive = std::weak_ptr<int>(alive_)] {
      if (alive.lock() && sockets_.contains(fd)) serve(fd);
    });
  });
  sockets_.emplace(fd, std::move(watch));
}

void Resolver::Channel::finish(const std::string& host, Question& question, int status,
                               ares_addrinfo* result) {
  std::vector<Address> addresses;
  int ttl = static_cast<int>(std::chrono::seconds(kMaxKept).count());
  for (ares_addrinfo_node* node = result ? result->nodes : nullptr; node; node = node->ai_next) {
    Address address;
    if (node->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, node->ai_addr, node->ai_addrlen);
    address.size = node->ai_addrlen;
    addresses.push_back(address);
    ttl = std::min(ttl, node->ai_ttl);
  }
  if (result) ares_freeaddrinfo(result);
  if (!addresses.empty()) {
    question.answer = std::move(addresses);
    question.expires = loop().now() + std::max<Duration>(std::chrono::seconds(ttl), kMinKept);
  } else {
    Code code = status == ARES_SUCCESS ? Code::dns_not_found : code_of(status);
    question.answer = fail(closing_ ? Code::cancelled : code, host + ": " + ares_strerror(status));
    question.expires = TimePoint::min();
  }
  question.answered.set();
}

Resolver::Resolver(async::Loop& loop) : channel_(std::make_unique<Channel>(loop)) {}
Resolver::~Resolver() = default;
void Resolver::cancel() { channel_->cancel_waits(); }

async::Task<Result<std::vector<Address>>> Resolver::resolve(std::string host, TimePoint deadline) {
  if (auto literal = literal_address(host)) co_return std::vector{*literal};
  // RFC 6761 section 6.3: these names never leave the machine.
  if (host == "localhost" || host.ends_with(".localhost"))
    co_return std::vector{*literal_address("127.0.0.1"), *literal_address("::1")};
  std::shared_ptr<Channel::Question> question = channel_->ask(host);
  async::Wake why = co_await question->answered.wait(deadline);
  if (why == async::Wake::timeout) co_return fail(Code::dns_timeout, host);
  if (why == async::Wake::cancelled) co_return fail(Code::cancelled);
  co_return question->answer;
}

}  // namespace weir::net
