// AskConnection: one client of the ask socket, a monitor or a visitor.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "async/signal.h"
#include "async/task.h"
#include "control/ask_protocol.h"
#include "net/tcp_stream.h"

namespace weir::control {

/// An open question as the control thread knows it.
struct Notice {
  std::shared_ptr<const Asked> asked;
  std::shared_ptr<const proxy::Inquiry> shown;  ///< what may be shown of it
  std::string history;                          ///< its line; empty until it is known
};
using Board = std::map<proxy::QuestionId, Notice>;

/// Belongs to the control thread. A client is a monitor, and is shown every question, unless it begins by
/// saying that it only visits; one that says nothing is a monitor after kSilence. What it is sent is made
/// when the socket takes it, so that a slow one holds little.
class AskConnection {
 public:
  static constexpr auto kSilence = std::chrono::milliseconds(50);

  /// `desk`, `board` outlive it. `role_changed` is called when it becomes a monitor and when it ceases to be
  /// one.
  AskConnection(async::Loop& loop, UniqueFd socket, AskDesk& desk, const Board& board,
                std::function<void()> role_changed);

  /// Serves the client to its end.
  async::Task<void> run();
  bool is_monitor() const { return monitor_; }

  void put(proxy::QuestionId id);
  void history(proxy::QuestionId id);
  void ended(const Asked& asked, const proxy::Decision& decision);
  /// Sends what is to be sent, for a moment, and ends the connection.
  void finish();

 private:
  async::Task<void> read_all();
  async::Task<void> write_all();
  /// True while the client may go on.
  bool take_lines(std::string& received);
  void obey(std::string_view line);
  void answer(const Command& command);
  void list();
  void set_monitor(bool monitor);
  void say(std::string line);
  std::string next_line();

  net::TcpStream stream_;
  AskDesk& desk_;
  const Board& board_;
  std::function<void()> role_changed_;
  std::deque<std::string> lines_;
  std::set<proxy::QuestionId> unsent_;
  std::set<proxy::QuestionId> sent_;  // and not ended yet
  bool listing_ = false;
  bool monitor_ = false;
  bool visitor_ = false;
  bool introduced_ = false;  // has said something, or was silent for long enough
  bool finishing_ = false;
  async::Signal news_;     // for the writer
  async::Signal drained_;  // for the reader
};

}  // namespace weir::control
