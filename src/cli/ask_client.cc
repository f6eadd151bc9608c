#include "cli/ask_client.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "control/unix_socket.h"
#include "flow/text.h"
#include "store/session_dir.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

/// What is found of the live sessions of a project, newest first.
struct Found {
  std::vector<fs::path> sockets;
  std::vector<std::string> mute;  ///< sessions without one

  static std::string name(const fs::path& socket) { return socket.parent_path().filename().string(); }
};

void look_into(const fs::path& project, const std::string& session, Found& found) {
  auto folders = store::session_folders(project);
  std::ranges::reverse(folders);
  std::error_code error;
  for (const fs::path& folder : folders) {
    if (!folder.filename().native().starts_with(session)) continue;
    if (store::session_state(folder) != store::SessionState::live) continue;
    fs::path socket = folder / "ask.sock";
    if (fs::exists(socket, error)) {
      found.sockets.push_back(std::move(socket));
    } else {
      found.mute.push_back(folder.filename().string());
    }
  }
  // Those of servers that record nothing.
  for (fs::directory_iterator entry(project, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (!name.starts_with("asking-") || !name.starts_with(session)) continue;
    if (control::connect_unix(entry->path() / "ask.sock"))
      found.sockets.push_back(entry->path() / "ask.sock");
  }
}

Failure none(const Found& found, const Place& place) {
  if (!found.mute.empty())
    return fail(
        Code::not_found,
        fmt::format("session {} has no filter, so that it never asks; start it with --filter-default ask, or "
                    "with rules whose action is \"ask\"",
                    found.mute.front()));
  if (!place.session.empty())
    return fail(Code::not_found,
                fmt::format("no session whose id begins with \"{}\" is live", place.session));
  return fail(
      Code::not_found,
      "no session of this project is live; start one with `weir serve --filter-default ask` or `weir run "
      "--filter-default ask -- COMMAND`, or name another place with --data DIR, --all or its socket");
}

Failure too_many(const Found& found) {
  std::string names;
  for (const fs::path& socket : found.sockets)
    names.append(names.empty() ? "" : ", ").append(flow::printable(Found::name(socket)));
  return fail(Code::not_found,
              fmt::format("{} sessions are live ({}), and each numbers its questions from 1; say whose with "
                          "--session ID or --socket",
                          found.sockets.size(), names));
}

}  // namespace

Result<AskClient> AskClient::connect(const fs::path& socket) {
  auto connected = control::connect_unix(socket);
  if (!connected) return pass(connected);
  return AskClient(std::move(*connected), socket);
}

Result<> AskClient::send(std::string line) {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail_errno(Code::io, "the session has ended: " + path_.string(), errno);
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<bool> AskClient::read() {
  char part[16384];
  ssize_t got;
  do got = ::recv(socket_.get(), part, sizeof part, 0);
  while (got < 0 && errno == EINTR);
  if (got < 0 && errno == ECONNRESET) return false;
  if (got < 0) return fail_errno(Code::io, path_.string(), errno);
  received_.append(part, static_cast<std::size_t>(got));
  return got > 0;
}

std::optional<std::string> AskClient::take_line() {
  std::size_t end = received_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  return line;
}

Result<std::string> AskClient::next_line() {
  for (;;) {
    if (auto line = take_line()) return std::move(*line);
    auto more = read();
    if (!more) return pass(more);
    if (!*more) return fail(Code::io, "the session has ended: " + path_.string());
  }
}

Result<AskClient> reach_session(const Place& place, const std::string& socket, Several several) {
  if (!socket.empty()) return AskClient::connect(socket);
  auto scope = scope_of(place);
  if (!scope) return pass(scope);
  Found found;
  for (const fs::path& project : scope->project_dirs) look_into(project, place.session, found);
  // Ids begin with the time, whichever project they are of.
  std::ranges::sort(found.sockets, std::greater(), Found::name);
  if (found.sockets.empty()) return none(found, place);
  if (found.sockets.size() > 1 && several == Several::none) return too_many(found);
  if (found.sockets.size() > 1) {
    fmt::print(stderr, "weir: {} sessions are live; this is {}\n", found.sockets.size(),
               Found::name(found.sockets.front()));
    for (const fs::path& other : found.sockets)
      if (other != found.sockets.front())
        fmt::print(stderr, "  another: {} ({})\n", Found::name(other), flow::printable(other.native()));
  }
  return AskClient::connect(found.sockets.front());
}

}  // namespace weir::cli
