#include "control/status_server.h"

#include "base/log.h"
#include "base/thread_name.h"

namespace weir::control {
namespace {

constexpr auto kTimeout = std::chrono::seconds(5);
constexpr std::size_t kMostClients = 64;

}  // namespace

StatusServer::StatusServer(UniqueFd listener, Options options)
    : options_(std::move(options)),
      listener_(loop_, std::move(listener)),
      accepting_(loop_),
      serving_(loop_),
      finishing_(loop_) {
  accepting_.spawn(accept());
  thread_ = std::thread([this] {
    name_thread("weir-status");
    loop_.run();
  });
}

StatusServer::~StatusServer() {
  loop_.post([this] { finishing_.spawn(finish()); });
  thread_.join();
}

async::Task<void> StatusServer::accept() {
  for (;;) {
    auto socket = co_await listener_.accept();
    if (socket) {
      if (options_.may_ask(socket->get()) && streams_.size() < kMostClients)
        serving_.spawn(talk(std::move(*socket)));
      continue;
    }
    if (socket.error().code() != Code::cancelled)
      log::error("the status socket is shut: {}", socket.error().message());
    co_return;
  }
}

async::Task<void> StatusServer::talk(UniqueFd socket) {
  net::TcpStream stream(loop_, std::move(socket), Side::client);
  streams_.insert(&stream);
  stream.set_write_deadline(loop_.now() + kTimeout);
  std::string text = options_.tell();
  auto told = co_await stream.write(text);
  if (told) (void)co_await stream.shutdown();
  streams_.erase(&stream);
}

async::Task<void> StatusServer::finish() {
  listener_.cancel();
  co_await accepting_.join();
  for (net::TcpStream* stream : streams_) stream->cancel();
  co_await serving_.join();
  loop_.stop();
}

}  // namespace weir::control
