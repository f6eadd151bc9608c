// AskClient: the other end of the ask socket (docs/formats/ask.md), and which session's it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "cli/place.h"

namespace weir::cli {

/// Blocking. One thread.
class AskClient {
 public:
  static Result<AskClient> connect(const std::filesystem::path& socket);

  int fd() const { return socket_.get(); }
  const std::filesystem::path& path() const { return path_; }
  /// Sends a line, without its line feed.
  Result<> send(std::string line);
  /// Reads what has come; waits if nothing has. False at the end.
  Result<bool> read();
  /// The next whole line of what was read.
  std::optional<std::string> take_line();
  /// The next line, waiting for it; an error at the end.
  Result<std::string> next_line();

 private:
  AskClient(UniqueFd socket, std::filesystem::path path)
      : socket_(std::move(socket)), path_(std::move(path)) {}

  UniqueFd socket_;
  std::filesystem::path path_;
  std::string received_;
};

/// What to do where several sessions are live: take the newest and say so on standard error, or none. Each
/// counts its questions from 1, so that an answer must know whose it is for.
enum class Several : std::uint8_t { newest, none };

/// Connects to `socket`, or, when that is empty, to the live session of `place`. Errors say what there is
/// instead, and what to do.
Result<AskClient> reach_session(const Place& place, const std::string& socket, Several several);

}  // namespace weir::cli
