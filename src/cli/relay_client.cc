#include "cli/relay_client.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/relay_service.h"
#include "base/json_reader.h"
#include "cli/trust_commands.h"
#include "control/unix_socket.h"
#include "flow/text.h"
#include "relay/variables.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostStatus = 1 << 20;
constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};

std::string text_of(const JsonValue& value) { return flow::printable(value.string().value_or("")); }

Result<std::string> read_all(const std::filesystem::path& socket) {
  auto connected = control::connect_unix(socket);
  if (!connected) return pass(connected);
  ::setsockopt(connected->get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  std::string out;
  char part[4096];
  while (out.size() < kMostStatus) {
    ssize_t got = ::read(connected->get(), part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(Code::io, "the relay at " + socket.string() + " does not answer", errno);
    if (got == 0) break;
    out.append(part, static_cast<std::size_t>(got));
  }
  return out;
}

Result<FoundRelay> ask(const std::filesystem::path& socket) {
  auto text = read_all(socket);
  if (!text) return pass(text);
  auto document = JsonDocument::parse(*text);
  if (!document) return fail(Code::io, socket.string() + " answers what is no status");
  JsonValue root = document->root();
  auto string = [&](std::string_view name) { return std::string(root[name].string().value_or("")); };
  return FoundRelay{.json = std::move(*text),
                    .pid = root["pid"].natural().value_or(0),
                    .listen = string("listen"),
                    .bundle = string("ca_bundle"),
                    .no_proxy = string("no_proxy")};
}

std::string reachable_text(const JsonValue& root) {
  auto reachable = root["gateway_reachable"].boolean();
  std::string last = text_of(root["last_contact"]);
  if (!reachable) return "not tried yet";
  if (*reachable) return "reachable, last heard of " + last;
  return "NOT reachable" + (last.empty() ? ", never was" : ", last heard of " + last);
}

std::string trouble_text(const JsonValue& trouble) {
  std::string host = text_of(trouble["host"]);
  std::string out =
      fmt::format("\n{}: {} time{}, last {}{}\n", text_of(trouble["title"]),
                  trouble["count"].natural().value_or(0), trouble["count"].natural() == 1 ? "" : "s",
                  text_of(trouble["last"]), host.empty() ? "" : " for " + host);
  return out + fmt::format("  {}\n  -> {}\n", text_of(trouble["detail"]), text_of(trouble["advice"]));
}

}  // namespace

Result<std::vector<FoundRelay>> find_relays(std::uint64_t pid) {
  auto folder = app::relay_status_dir();
  if (!folder) return pass(folder);
  std::vector<FoundRelay> out;
  for (const auto& socket : app::relay_status_sockets(*folder)) {
    auto relay = ask(socket);
    if (!relay && relay.error().code() != Code::not_found)
      fmt::print(stderr, "weir: {}\n", flow::printable(relay.error().context()));
    if (relay && (pid == 0 || relay->pid == pid)) out.push_back(std::move(*relay));
  }
  if (!out.empty()) return out;
  return fail(Code::not_found, pid == 0
                                   ? "no relay of yours runs; start one with `weir relay` or `weir relay "
                                     "-- COMMAND`"
                                   : fmt::format("no relay of yours is process {}", pid));
}

std::string relay_status_text(const std::string& json) {
  auto document = JsonDocument::parse(json);
  if (!document) return {};
  JsonValue root = document->root();
  auto number = [&](std::string_view group, std::string_view name) {
    return root[group][name].natural().value_or(0);
  };
  std::string out = fmt::format("relay {} at {}, since {}, session {}\n", root["pid"].natural().value_or(0),
                                text_of(root["listen"]), text_of(root["since"]), text_of(root["session"]));
  out += fmt::format("gateway {}: {}\n", text_of(root["gateway"]), reachable_text(root));
  out += fmt::format("tunnels {} open, {} in all; {} sent, {} received; {} keep-alives\n",
                     number("tunnels", "open"), number("tunnels", "total"),
                     flow::size_text(number("bytes", "sent")), flow::size_text(number("bytes", "received")),
                     root["keep_alives"].natural().value_or(0));
  for (JsonValue trouble : root["troubles"]) out += trouble_text(trouble);
  if (root["troubles"].size() == 0) out += "nothing has gone wrong\n";
  return out;
}

std::string relay_exports(const FoundRelay& relay) {
  auto place = parse_host_port(relay.listen);
  if (!place) return {};
  std::string out;
  for (const auto& [name, value] : relay::relay_variables(*place, relay.bundle, relay.no_proxy))
    out += fmt::format("export {}={}\n", name, shell_quoted(value));
  return out;
}

}  // namespace weir::cli
