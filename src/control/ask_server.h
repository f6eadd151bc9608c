// AskServer: the ask socket of a session (docs/formats/ask.md), on a thread of its own.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <thread>
#include <unordered_set>

#include "async/task_group.h"
#include "control/ask_connection.h"
#include "control/past_traffic.h"
#include "net/listener.h"

namespace weir::control {

class AskServer final : private AskDesk::Watcher {
 public:
  struct Options {
    std::filesystem::path socket;       ///< its folder must be ours alone (listen_unix)
    std::filesystem::path project_dir;  ///< whose recordings are looked at for past traffic
    /// The user's own secrets, which nobody is shown; may be null.
    std::shared_ptr<const flow::Redactor> redactor = {};
    uid_t owner = ::geteuid();  ///< who may connect
  };
  /// `desk` outlives it. Errors are those of listen_unix.
  static Result<std::unique_ptr<AskServer>> start(AskDesk& desk, Options options);
  /// Tells the clients what is to be told, for a moment, closes the socket and removes it.
  ~AskServer();

  const std::filesystem::path& socket() const { return options_.socket; }

 private:
  AskServer(AskDesk& desk, Options options, UniqueFd socket);
  // Any thread: only passes the news on to ours.
  void put(std::shared_ptr<const Asked> asked) override;
  void ended(proxy::QuestionId id, const proxy::Decision& decision) override;

  // Our thread.
  async::Task<void> accept();
  async::Task<void> serve(UniqueFd socket);
  async::Task<void> finish();
  void count_monitors();

  AskDesk& desk_;
  const Options options_;
  async::Loop loop_;
  net::Listener listener_;
  Board board_;
  std::unordered_set<AskConnection*> connections_;
  async::TaskGroup accepting_;
  async::TaskGroup serving_;
  async::TaskGroup finishing_;
  PastTraffic past_;
  bool crowded_ = false;
  std::thread thread_;
};

}  // namespace weir::control
