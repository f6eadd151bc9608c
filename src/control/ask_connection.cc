#include "control/ask_connection.h"

#include <fmt/format.h>

#include "async/task_group.h"

namespace weir::control {
namespace {

// Answers to what a client says wait here; with more of them it is not read.
constexpr std::size_t kMostLines = 64;
// A client that takes nothing for so long is gone, for all we know.
constexpr auto kStall = std::chrono::seconds(30);
constexpr auto kFlush = std::chrono::milliseconds(500);

}  // namespace

AskConnection::AskConnection(async::Loop& loop, UniqueFd socket, AskDesk& desk, const Board& board,
                             std::function<void()> role_changed)
    : stream_(loop, std::move(socket), Side::client),
      desk_(desk),
      board_(board),
      role_changed_(std::move(role_changed)),
      news_(loop),
      drained_(loop) {}

async::Task<void> AskConnection::run() {
  async::Loop& loop = stream_.loop();
  async::TaskGroup writer(loop);
  writer.spawn(write_all());
  co_await read_all();
  set_monitor(false);
  finish();
  co_await writer.join(loop.now() + kFlush);
  stream_.cancel();
  co_await writer.join();
}

void AskConnection::set_monitor(bool monitor) {
  if (monitor_ == monitor) return;
  monitor_ = monitor;
  if (monitor) {
    for (const auto& [id, notice] : board_) unsent_.insert(id);
    news_.notify();
  }
  role_changed_();
}

async::Task<void> AskConnection::read_all() {
  std::string received;
  for (;;) {
    char part[4096];
    auto got = stream_.try_read(part);
    if (got && !*got) {
      if (introduced_ && !visitor_) set_monitor(true);
      stream_.set_read_deadline(introduced_ ? kNever : stream_.loop().now() + kSilence);
      auto ready = co_await stream_.wait_readable();
      bool silent = !ready && ready.error().code() == Code::client_timeout;
      if (!ready && !silent) co_return;
      introduced_ = introduced_ || silent;
      continue;
    }
    bool over = !got || **got == 0;
    if (!over) received.append(part, **got);
    if (over && !received.empty()) received += '\n';
    if (!take_lines(received) || over) co_return;
    while (lines_.size() > kMostLines && !finishing_) co_await drained_.wait();
    if (finishing_) co_return;
  }
}

bool AskConnection::take_lines(std::string& received) {
  std::size_t begin = 0;
  for (;;) {
    std::size_t end = received.find('\n', begin);
    if (std::min(end, received.size()) - begin > kMostLineBytes) {
      say(error_line("line_too_long", fmt::format("a line is at most {} bytes long", kMostLineBytes)));
      return false;
    }
    if (end == std::string::npos) break;
    obey(std::string_view(received).substr(begin, end - begin));
    begin = end + 1;
  }
  received.erase(0, begin);
  return true;
}

void AskConnection::obey(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) return;
  introduced_ = true;
  auto command = parse_command(line);
  if (!command) return say(error_line("bad_line", command.error().context()));
  switch (command->kind) {
    case Command::Kind::answer: return answer(*command);
    case Command::Kind::list: return list();
    case Command::Kind::monitor: visitor_ = false; return;
    case Command::Kind::visit:
      visitor_ = true;
      set_monitor(false);
      unsent_.clear();
  }
}

void AskConnection::answer(const Command& command) {
  // What this client learns by its own answer, it does not have to be told.
  bool knew = sent_.erase(command.id) > 0;
  AskDesk::Receipt receipt =
      desk_.answer(command.id, command.action, command.scope,
                   command.keep.count() > 0 ? stream_.loop().now() + command.keep : kNever);
  using Answered = AskDesk::Answered;
  switch (receipt.answered) {
    case Answered::taken:
      return say(answered_line(command.id, command.action, receipt.remembered ? command.scope : std::nullopt,
                               command.keep));
    case Answered::late: return say(error_line("late", "the question was decided before", command.id_text));
    case Answered::unknown:
      return say(error_line("unknown_id", "there is no such question", command.id_text));
    case Answered::no_such_scope:
      if (knew) sent_.insert(command.id);
      return say(error_line("no_such_scope", "the question names the scopes that it has", command.id_text));
  }
}

void AskConnection::list() {
  for (const auto& [id, notice] : board_) unsent_.insert(id);
  listing_ = true;
  news_.notify();
}

void AskConnection::put(proxy::QuestionId id) {
  if (!monitor_) return;
  unsent_.insert(id);
  news_.notify();
}

void AskConnection::history(proxy::QuestionId id) {
  if (sent_.contains(id)) say(board_.at(id).history);
}

void AskConnection::ended(const Asked& asked, const proxy::Decision& decision) {
  unsent_.erase(asked.id);
  if (sent_.erase(asked.id) > 0) say(ended_line(asked.id, decision, asked.patience));
}

void AskConnection::finish() {
  finishing_ = true;
  news_.notify();
  drained_.notify();
  stream_.interrupt_read();
}

void AskConnection::say(std::string line) {
  lines_.push_back(std::move(line));
  news_.notify();
}

std::string AskConnection::next_line() {
  if (!lines_.empty()) {
    std::string out = std::move(lines_.front());
    lines_.pop_front();
    drained_.notify();
    return out;
  }
  if (!unsent_.empty()) {
    proxy::QuestionId id = *unsent_.begin();
    unsent_.erase(unsent_.begin());
    const Notice& notice = board_.at(id);
    sent_.insert(id);
    if (!notice.history.empty()) say(notice.history);
    return question_line(*notice.asked, *notice.shown, stream_.loop().now(), desk_.options().remember);
  }
  return std::exchange(listing_, false) ? end_line(board_.size()) : std::string();
}

async::Task<void> AskConnection::write_all() {
  for (;;) {
    std::string line = next_line();
    if (line.empty() && finishing_) break;
    if (line.empty()) {
      co_await news_.wait();
      continue;
    }
    line += '\n';
    stream_.set_write_deadline(stream_.loop().now() + kStall);
    auto sent = co_await stream_.write(line);
    if (!sent) break;
  }
  stream_.cancel();
  drained_.notify();
  finishing_ = true;
}

}  // namespace weir::control
