#include "cli/relay_client.h"

#include <fmt/format.h>

#include "app/status_socket.h"
#include "base/json_reader.h"
#include "cli/status_client.h"
#include "cli/trust_commands.h"
#include "flow/text.h"
#include "relay/variables.h"

namespace weir::cli {
namespace {

std::string text_of(const JsonValue& value) { return flow::printable(value.string().value_or("")); }

FoundRelay read_status(std::string text) {
  auto document = JsonDocument::parse(text);
  JsonValue root = document->root();
  auto string = [&](std::string_view name) { return std::string(root[name].string().value_or("")); };
  FoundRelay out{.pid = root["pid"].natural().value_or(0),
                 .listen = string("listen"),
                 .bundle = string("ca_bundle"),
                 .no_proxy = string("no_proxy")};
  out.json = std::move(text);
  return out;
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
  auto all = ask_statuses(app::kRelayStatus);
  if (!all) return pass(all);
  std::vector<FoundRelay> out;
  for (std::string& text : *all) {
    FoundRelay relay = read_status(std::move(text));
    if (pid == 0 || relay.pid == pid) out.push_back(std::move(relay));
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
