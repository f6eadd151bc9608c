#include "cli/details.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cli/table.h"
#include "flow/process.h"
#include "flow/text.h"
#include "flow/view.h"

namespace weir::cli {
namespace {

constexpr std::int64_t kBarWidth = 40;

std::string bold(std::string_view text, bool color) {
  return color ? "\x1b[1m" + std::string(text) + "\x1b[0m" : std::string(text);
}

// "  label        value\n"; nothing for an empty value.
std::string fact(std::string_view label, std::string_view value) {
  return value.empty() ? std::string() : fmt::format("  {:<12} {}\n", label, flow::printable(value));
}

void join(std::string& list, std::string_view item) {
  if (item.empty()) return;
  if (!list.empty()) list += ", ";
  list += item;
}

std::string outcome_text(const store::Row& row, bool color) {
  const flow::Flow& flow = row.flow;
  StatusText status = status_text(row);
  std::string text = color ? painted(status.text, status.tone) : status.text;
  if (flow.has_response) {
    std::string reason = flow.response.reason.empty() ? std::string(http::reason_phrase(flow.response.status))
                                                      : flow::printable(flow.response.reason);
    if (status.tone == Tone::failure) text += fmt::format(" {}", flow.response.status);
    if (!reason.empty()) text += " " + reason;
  }
  if (flow.duration_us >= 0) text += " in " + flow::duration_text(flow.duration_us);
  if (row.incomplete) {
    text += " (the session ended before the flow did)";
  } else if (flow.duration_us < 0) {
    text += " (still open)";
  }
  return text;
}

std::string how_text(const flow::Flow& flow) {
  std::string how(http::name(flow.request.version));
  if (flow.has_response && flow.response.version != flow.request.version)
    how.append(" to the client, ").append(http::name(flow.response.version)).append(" from upstream");
  join(how, name(flow.interception));
  if (flow.kind == flow::Kind::tunnel) join(how, "tunnel");
  if (flow.synthesised) join(how, "answered by Weir");
  return how;
}

std::string body_fact(const flow::Captured& body) {
  if (body.size == 0) return "no body";
  std::string text = flow::size_text(body.size);
  if (body.truncated) text += ", kept in part";
  if (!body.complete) text += ", ended early";
  return text;
}

std::string error_block(const flow::Flow& flow, bool color) {
  if (flow.error == Code::none) return {};
  const CodeInfo& code = info(flow.error);
  std::string text = "\n" + bold("Error", color) + "\n";
  text += fact("code", fmt::format("{} (phase {})", code.name, weir::name(code.phase)));
  text += fact("what", flow::error_text(flow));
  if (flow.rejection) {
    text += fact("alert", flow.rejection->alert.empty() ? "none" : flow.rejection->alert);
    text += fact("TLS library", flow.rejection->library);
  }
  text += fact("mend", flow.rejection ? flow.rejection->mend : std::string(code.mend));
  return text;
}

std::string sender_text(const flow::Flow& flow) {
  std::string label = flow::process_label(flow);
  bool unknown = label.empty() && flow.sender && !flow.sender->unknown.empty();
  return unknown ? "unknown: " + flow.sender->unknown : label;
}

std::string process_block(const Process& process, bool color) {
  std::string parents;
  for (const Process::Ancestor& parent : process.parents)
    join(parents, fmt::format("{}[{}]", parent.name, parent.pid));
  std::string text = "\n" + bold(fmt::format("Process {}", process.pid), color) + "\n";
  text += fact("executable", process.executable);
  text += fact("command", flow::command_line(process) + (process.arguments_cut ? " ..." : ""));
  if (process.started != 0) text += fact("started", flow::local_date_time(process.started));
  text += fact("TLS library", flow::tls_libraries_text(process));
  return text + fact("parents", parents);
}

std::string tls_fact(const flow::Connection& connection) {
  std::string tls = connection.tls_version;
  join(tls, connection.cipher);
  if (!connection.alpn.empty()) join(tls, "ALPN " + connection.alpn);
  if (!connection.sni.empty()) join(tls, "SNI " + connection.sni);
  if (connection.resumed) join(tls, "resumed");
  return tls;
}

std::string connection_block(const flow::Connection& connection, bool reused, bool color) {
  bool upstream = connection.leg == flow::Leg::upstream;
  std::string title = fmt::format("{} connection {}{}", upstream ? "Upstream" : "Client", connection.id,
                                  reused ? " (reused)" : "");
  std::string text = "\n" + bold(title, color) + "\n";
  text += fact("address", fmt::format("{} -> {}", upstream ? connection.local : connection.peer,
                                      upstream ? connection.peer : connection.local));
  text += fact("host", connection.host);
  text += fact("via proxy", connection.via);
  text += fact("TLS", tls_fact(connection));
  text += fact("certificate", connection.certificate_subject);
  text += fact("issued by", connection.certificate_issuer);
  text += fact("valid until", connection.certificate_not_after);
  text += fact("SHA-256", connection.certificate_sha256);
  if (connection.error != Code::none)
    text += fact("error", Error(connection.error, connection.error_detail).message());
  return text;
}

std::string head_lines(std::string_view first_line, const http::Fields& fields, char mark, bool color) {
  std::string text = fmt::format("{} {}\n", mark, bold(flow::printable(first_line), color));
  return text + trailers_text(fields, mark);
}

}  // namespace

std::string summary_text(const Details& details) {
  const flow::Flow& flow = details.row.flow;
  std::string request = flow::printable(flow.request.method) + " " + flow::printable(flow.request.url());
  std::string text = fmt::format("{}  {}\n", flow::printable(details.row.id), bold(request, details.color));
  text += fmt::format("  {:<12} {}\n", "outcome", outcome_text(details.row, details.color));
  text += fact("started", flow::local_date_time(flow.started) + " (" + flow::rfc3339(flow.started) + ")");
  text += fact("session", details.row.session);
  text += fact("process", sender_text(flow));
  text += fact("protocol", how_text(flow));
  text += fact("request", body_fact(flow.request_body));
  if (flow.has_response) text += fact("response", body_fact(flow.response_body));
  text += fact("marks", flow.marks);
  text += error_block(flow, details.color);
  if (flow.sender && flow.sender->pid != 0) text += process_block(*flow.sender, details.color);
  if (details.client) text += connection_block(*details.client, false, details.color);
  if (details.upstream) text += connection_block(*details.upstream, flow.upstream_reused, details.color);
  if (std::string timing = timing_text(flow.timing); !timing.empty())
    text += "\n" + bold("Timing", details.color) + "\n" + timing;
  return text;
}

std::string request_head_text(const Details& details) {
  const http::RequestHead& request = details.row.flow.request;
  std::string target = request.is("CONNECT") ? request.origin.place.str() : request.target;
  return head_lines(fmt::format("{} {} {}", request.method, target, http::name(request.version)),
                    request.fields, '>', details.color);
}

std::string response_head_text(const Details& details) {
  const http::ResponseHead& response = details.row.flow.response;
  std::string line = fmt::format("{} {}", http::name(response.version), response.status);
  if (!response.reason.empty()) line += " " + response.reason;
  return head_lines(line, response.fields, '<', details.color);
}

std::string trailers_text(const http::Fields& trailers, char mark) {
  std::string text;
  for (http::Fields::View field : trailers)
    text += fmt::format("{} {}: {}\n", mark, flow::printable(field.name), flow::printable(field.value));
  return text;
}

std::string timing_text(const flow::Timing& timing) {
  struct Phase {
    std::string_view name;
    std::int64_t microseconds;
  };
  const Phase phases[] = {{"blocked", timing.blocked}, {"dns", timing.dns},   {"connect", timing.connect},
                          {"tls", timing.tls},         {"send", timing.send}, {"wait", timing.wait},
                          {"receive", timing.receive}};
  std::int64_t total = 0;
  for (const Phase& phase : phases) total += std::max<std::int64_t>(phase.microseconds, 0);
  std::string text;
  std::int64_t passed = 0;
  for (const Phase& phase : phases) {
    if (phase.microseconds < 0) continue;
    text += fmt::format("  {:<12} {:>7}", phase.name, flow::duration_text(phase.microseconds));
    std::int64_t from = total == 0 ? 0 : passed * kBarWidth / total;
    passed += phase.microseconds;
    std::int64_t to = total == 0 ? 0 : passed * kBarWidth / total;
    if (phase.microseconds > 0) {
      text.append(static_cast<std::size_t>(from) + 2, ' ');
      for (std::int64_t i = from; i < to; ++i) text += "█";
      if (from == to) text += "▏";
    }
    text += '\n';
  }
  return text;
}

}  // namespace weir::cli
