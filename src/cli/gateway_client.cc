#include "cli/gateway_client.h"

#include <fmt/format.h>

#include "app/status_socket.h"
#include "base/json_reader.h"
#include "cli/status_client.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

std::string text_of(const JsonValue& value) { return flow::printable(value.string().value_or("")); }

// "policy 3, session_limit 1"; empty when there was nothing.
std::string counts_text(const JsonValue& counts) {
  std::string out;
  for (JsonValue each : counts)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", text_of(each["reason"]),
                       each["count"].natural().value_or(0));
  return out;
}

std::string last_text(const JsonValue& last) {
  if (!last["time"].string()) return {};
  return fmt::format("    last {}: {}: {}\n", text_of(last["time"]), text_of(last["reason"]),
                     text_of(last["detail"]));
}

std::string session_text(const JsonValue& session) {
  auto number = [&](std::string_view group, std::string_view name) {
    return session[group][name].natural().value_or(0);
  };
  std::string note = text_of(session["note"]), expires = text_of(session["expires"]);
  std::string out =
      fmt::format("\nsession {}{}{}\n", text_of(session["id"]), note.empty() ? "" : " (" + note + ")",
                  session["expired"].boolean().value_or(false) ? ": EXPIRED " + expires
                  : expires.empty()                            ? ""
                                                               : ", until " + expires);
  out += fmt::format("  tunnels {} open, {} in all; {} received, {} sent\n", number("tunnels", "open"),
                     number("tunnels", "total"), flow::size_text(number("bytes", "received")),
                     flow::size_text(number("bytes", "sent")));
  std::string denied = counts_text(session["denied"]);
  if (!denied.empty()) out += fmt::format("  denied: {}\n{}", denied, last_text(session["last_denial"]));
  return out;
}

}  // namespace

Result<std::vector<std::string>> find_gateways(std::uint64_t pid) {
  auto all = ask_statuses(app::kGatewayStatus);
  if (!all) return pass(all);
  std::erase_if(*all, [&](const std::string& text) {
    auto document = JsonDocument::parse(text);
    return pid != 0 && document->root()["pid"].natural() != pid;
  });
  if (!all->empty()) return all;
  return fail(Code::not_found, pid == 0 ? "no gateway of yours runs; start one with `weir gateway`"
                                        : fmt::format("no gateway of yours is process {}", pid));
}

std::string gateway_status_text(const std::string& json) {
  auto document = JsonDocument::parse(json);
  if (!document) return {};
  JsonValue root = document->root();
  std::string places;
  for (JsonValue place : root["listen"]) places += (places.empty() ? "" : ", ") + text_of(place);
  std::string recording = text_of(root["recording"]);
  std::string out = fmt::format("gateway {} at {}, since {}{}\n", root["pid"].natural().value_or(0), places,
                                text_of(root["since"]),
                                recording.empty() ? ", nothing recorded" : ", recorded in " + recording);
  JsonValue file = root["sessions_file"];
  std::size_t sessions = root["sessions"].size();
  out += fmt::format("{} session{} of {}, read {}\n", sessions, sessions == 1 ? "" : "s",
                     text_of(file["path"]), text_of(file["read"]));
  if (std::string mistake = text_of(file["mistake"]); !mistake.empty())
    out += fmt::format("  NOT followed since then, it has a mistake: {}\n", mistake);
  std::string refused = counts_text(root["refused"]);
  if (!refused.empty()) out += fmt::format("refused: {}\n{}", refused, last_text(root["last_refusal"]));
  for (JsonValue session : root["sessions"]) out += session_text(session);
  return out;
}

}  // namespace weir::cli
