#include "cli/status_client.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/status_socket.h"
#include "base/json_reader.h"
#include "control/unix_socket.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostStatus = 16 << 20;
constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};

Result<std::string> ask(const std::filesystem::path& socket) {
  auto connected = control::connect_unix(socket);
  if (!connected) return pass(connected);
  ::setsockopt(connected->get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  std::string out;
  char part[4096];
  while (out.size() < kMostStatus) {
    ssize_t got = ::read(connected->get(), part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(Code::io, "who serves " + socket.string() + " does not answer", errno);
    if (got == 0) break;
    out.append(part, static_cast<std::size_t>(got));
  }
  if (!JsonDocument::parse(out)) return fail(Code::io, socket.string() + " answers what is no status");
  return out;
}

}  // namespace

Result<std::vector<std::string>> ask_statuses(std::string_view kind) {
  auto folder = app::status_dir();
  if (!folder) return pass(folder);
  std::vector<std::string> out;
  for (const auto& socket : app::status_sockets(*folder, kind)) {
    auto text = ask(socket);
    if (text)
      out.push_back(std::move(*text));
    else if (text.error().code() != Code::not_found)
      fmt::print(stderr, "weir: {}\n", flow::printable(text.error().context()));
  }
  return out;
}

}  // namespace weir::cli
