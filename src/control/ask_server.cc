#include "control/ask_server.h"

#include "base/log.h"
#include "base/thread_name.h"
#include "control/unix_socket.h"

namespace weir::control {
namespace {

// Clients at once; each is a person or a script of the user's own.
constexpr std::size_t kMostClients = 64;

}  // namespace

Result<std::unique_ptr<AskServer>> AskServer::start(AskDesk& desk, Options options) {
  auto socket = listen_unix(options.socket);
  if (!socket) return pass(socket);
  return std::unique_ptr<AskServer>(new AskServer(desk, std::move(options), std::move(*socket)));
}

AskServer::AskServer(AskDesk& desk, Options options, UniqueFd socket)
    : desk_(desk),
      options_(std::move(options)),
      listener_(loop_, std::move(socket)),
      accepting_(loop_),
      serving_(loop_),
      finishing_(loop_),
      past_(loop_, options_.project_dir, [this](proxy::QuestionId id, const History& history) {
        auto notice = board_.find(id);
        if (notice == board_.end()) return;
        notice->second.history = history_line(id, history);
        for (AskConnection* connection : connections_) connection->history(id);
      }) {
  accepting_.spawn(accept());
  thread_ = std::thread([this] {
    name_thread("weir-control");
    loop_.run();
  });
  desk_.watch(this);
}

AskServer::~AskServer() {
  desk_.watch(nullptr);
  loop_.post([this] { finishing_.spawn(finish()); });
  thread_.join();
  ::unlink(options_.socket.c_str());
}

void AskServer::put(std::shared_ptr<const Asked> asked) {
  loop_.post([this, asked = std::move(asked)] {
    auto shown =
        std::make_shared<const proxy::Inquiry>(without_secrets(asked->inquiry, options_.redactor.get()));
    board_.emplace(asked->id, Notice{asked, shown, {}});
    for (AskConnection* connection : connections_) connection->put(asked->id);
    past_.want(asked->id, std::move(shown));
  });
}

void AskServer::ended(proxy::QuestionId id, const proxy::Decision& decision) {
  loop_.post([this, id, decision] {
    auto notice = board_.find(id);
    if (notice == board_.end()) return;
    past_.drop(id);
    auto asked = std::move(notice->second.asked);
    board_.erase(notice);
    for (AskConnection* connection : connections_) connection->ended(*asked, decision);
  });
}

async::Task<void> AskServer::accept() {
  for (;;) {
    auto socket = co_await listener_.accept();
    if (!socket) {
      if (socket.error().code() != Code::cancelled)
        log::error("the ask socket {} is shut: {}", options_.socket.string(), socket.error().message());
      co_return;
    }
    if (peer_uid(socket->get()) != options_.owner) {
      log::warn("another user has tried to connect to {}", options_.socket.string());
      continue;
    }
    if (connections_.size() >= kMostClients) {
      if (!std::exchange(crowded_, true))
        log::warn("refusing clients of {}: {} are connected", options_.socket.string(), kMostClients);
      continue;
    }
    crowded_ = false;
    serving_.spawn(serve(std::move(*socket)));
  }
}

async::Task<void> AskServer::serve(UniqueFd socket) {
  AskConnection connection(loop_, std::move(socket), desk_, board_, [this] { count_monitors(); });
  connections_.insert(&connection);
  co_await connection.run();
  connections_.erase(&connection);
}

void AskServer::count_monitors() {
  std::size_t count = 0;
  for (const AskConnection* connection : connections_) count += connection->is_monitor();
  desk_.set_monitors(count);
}

async::Task<void> AskServer::finish() {
  listener_.cancel();
  co_await accepting_.join();
  for (AskConnection* connection : connections_) connection->finish();
  co_await serving_.join();
  desk_.set_monitors(0);
  loop_.stop();
}

}  // namespace weir::control
