#include "app/asking.h"

#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <limits>

#include "base/ascii.h"
#include "config/paths.h"
#include "control/unix_socket.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSocket = "ask.sock";
constexpr std::string_view kOwnFolder = "asking-";

void remove_folder(const fs::path& folder) {
  std::error_code error;  // one with something foreign in it stays
  fs::remove(folder / kSocket, error);
  fs::remove(folder, error);
}

/// True when a server may be there still: it has its folder for a moment before it has its socket.
bool may_live(std::string_view folder) {
  auto pid = parse_decimal(folder.substr(kOwnFolder.size()));
  return !pid || *pid > std::numeric_limits<pid_t>::max() || ::kill(static_cast<pid_t>(*pid), 0) == 0 ||
         errno != ESRCH;
}

/// Those of servers that died. Of another machine's or container's processes the socket alone tells.
void remove_abandoned(const fs::path& project_dir) {
  std::error_code error;
  for (fs::directory_iterator entry(project_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().native();
    if (!name.starts_with(kOwnFolder) || may_live(name)) continue;
    auto served = control::connect_unix(entry->path() / kSocket);
    if (!served && served.error().code() == Code::not_found) remove_folder(entry->path());
  }
}

}  // namespace

void Asking::configure(const config::FilterSettings& settings) {
  desk_.configure({.patience = settings.ask_timeout, .remember = settings.cache_decisions});
}

Result<void> Asking::open(const Place& place, std::shared_ptr<const flow::Redactor> redactor) {
  if (server_) return {};
  fs::path folder = place.session;
  if (folder.empty()) {
    remove_abandoned(place.project_dir);
    folder = place.project_dir / fmt::format("{}{}", kOwnFolder, ::getpid());
    if (auto made = config::make_private_dirs(folder); !made) return pass(made);
    own_folder_ = folder;
  }
  auto server = control::AskServer::start(
      desk_, {.socket = folder / kSocket, .project_dir = place.project_dir, .redactor = std::move(redactor)});
  if (!server) return pass(server);
  server_ = std::move(*server);
  return {};
}

void Asking::close() {
  server_.reset();
  if (!own_folder_.empty()) remove_folder(own_folder_);
}

}  // namespace weir::app
