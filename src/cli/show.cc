// `weir show [ID]`: one recorded flow in full.
#include <unistd.h>

#include <CLI/App.hpp>
#include <memory>
#include <optional>

#include "base/json.h"
#include "cli/body.h"
#include "cli/count_flag.h"
#include "cli/details.h"
#include "cli/log_source.h"
#include "cli/messages.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/verbs.h"
#include "flow/text.h"
#include "flow/view.h"

namespace weir::cli {
namespace {

constexpr std::size_t kShownOnTerminal = 64 * 1024;
constexpr std::size_t kMessagesOnTerminal = 100;
constexpr std::size_t kShownElsewhere = 64 * 1024 * 1024;  // what a compressed megabyte may grow to

struct Show {
  std::string id;
  Place place;
  LogSource source;
  bool json = false;
  bool raw = false;
  bool request_body = false;
  bool response_body = false;
  bool no_color = false;
  std::optional<std::size_t> messages;

  bool one_body() const { return raw || request_body || response_body; }
  Part part() const { return request_body ? Part::request : Part::response; }
};

/// Where one flow is printed to.
struct Screen {
  Output& out;
  bool terminal;
  bool color;

  std::size_t limit() const { return terminal ? kShownOnTerminal : kShownElsewhere; }
  std::size_t messages(const Show& show) const {
    return show.messages.value_or(terminal ? kMessagesOnTerminal : kAllMessages);
  }
};

Result<> show_raw(store::Query& query, const store::Row& row, const Show& show, Screen& screen) {
  auto bytes = wire_body(query, row, show.part());
  if (!bytes) return pass(bytes);
  if (screen.terminal && !flow::is_text(*bytes))
    return fail(Code::io, "the body is binary and standard output is a terminal; redirect it to a file");
  screen.out.write(*bytes);
  return {};
}

// The body in readable form, then what was left out of it.
Result<> show_body(store::Query& query, const store::Row& row, Part part, Screen& screen) {
  auto bytes = wire_body(query, row, part);
  if (!bytes) return pass(bytes);
  if (has_mark(row.flow, part == Part::request ? "req_withheld" : "resp_withheld"))
    screen.out.write("[not kept: nobody could look for secrets in it (redaction.rules)]\n");
  if (bytes->empty()) return {};
  std::string text = decoded_body(row, part, std::move(*bytes), screen.limit() + 1);
  bool cut = text.size() > screen.limit();
  if (cut) text.resize(screen.limit());
  screen.out.write(readable_body(row, part, text));
  if (cut)
    screen.out.write("[cut after " + flow::size_text(screen.limit()) +
                     "; redirect to a file for all of it]\n");
  const flow::Captured& captured = part == Part::request ? row.flow.request_body : row.flow.response_body;
  if (captured.truncated)
    screen.out.write("[of " + flow::size_text(captured.size) + " only the beginning was kept]\n");
  return {};
}

Result<> show_json(store::Query& query, const store::Row& row, const Show& show, Screen& screen) {
  auto request = wire_body(query, row, Part::request);
  if (!request) return pass(request);
  auto response = wire_body(query, row, Part::response);
  if (!response) return pass(response);
  JsonWriter json(screen.out.buffer(), 2);
  json.begin_object();
  flow::write_members(json, {row.flow, row.id, row.session, row.incomplete, *request, *response});
  auto shown = write_messages(query, row, show.messages.value_or(kAllMessages), json, screen.out);
  json.end_object();
  screen.out.write("\n");
  return shown;
}

Result<> show_message(store::Query& query, const store::Row& row, Part part, const Details& details,
                      Screen& screen) {
  bool request = part == Part::request;
  screen.out.write("\n");
  screen.out.write(request ? request_head_text(details) : response_head_text(details));
  screen.out.write(request ? ">\n" : "<\n");
  if (auto shown = show_body(query, row, part, screen); !shown) return shown;
  screen.out.write(request ? trailers_text(row.flow.request_trailers, '>')
                           : trailers_text(row.flow.response_trailers, '<'));
  return {};
}

Result<> show_all(store::Query& query, const store::Row& row, const Show& show, Screen& screen) {
  auto client = query.connection(row, row.flow.client_connection);
  if (!client) return pass(client);
  auto upstream = query.connection(row, row.flow.upstream_connection);
  if (!upstream) return pass(upstream);
  Details details{row, *client, *upstream, screen.color};
  screen.out.write(summary_text(details));
  auto shown = show_message(query, row, Part::request, details, screen);
  if (shown && row.flow.has_response) shown = show_message(query, row, Part::response, details, screen);
  if (shown) shown = print_messages(query, row, screen.messages(show), screen.color, screen.out);
  return shown;
}

Result<> show_row(store::Query& query, const store::Row& row, const Show& show, Screen& screen) {
  if (show.json) return show_json(query, row, show, screen);
  if (show.raw) return show_raw(query, row, show, screen);
  if (show.one_body()) return show_body(query, row, show.part(), screen);
  return show_all(query, row, show, screen);
}

int run(Show& show) {
  ignore_sigpipe();
  show.source.bodies = true;
  auto query = open_recordings(show.place, show.source, {});
  if (!query) return report_no_recordings(show.place, show.source, query.error());
  auto row = (*query)->find(show.id);
  if (!row) return report_missing(row.error());
  Output out(STDOUT_FILENO);
  bool terminal = terminal_width(STDOUT_FILENO) > 0;
  Screen screen{out, terminal, wants_color(terminal, show.no_color)};
  auto shown = show_row(**query, *row, show, screen);
  if (auto finished = out.finish(); shown) shown = std::move(finished);
  return shown ? kExitOk : report(shown.error());
}

}  // namespace

void add_show(CLI::App& app, int& exit_code) {
  auto show = std::make_shared<Show>();
  CLI::App* verb = app.add_subcommand("show", "Show one recorded request in full");
  verb->add_option("id", show->id,
                   "As `weir logs --json` names it, or only its number; the newest when left out");
  auto* json = verb->add_flag("--json", show->json, "As one JSON object, bodies in base64");
  auto* raw =
      verb->add_flag("--raw", show->raw, "Only a body, its bytes as they came (the response's by default)");
  auto* request = verb->add_flag("--request-body", show->request_body, "Only the request's body");
  auto* response = verb->add_flag("--response-body", show->response_body, "Only the response's body");
  request->excludes(response);
  for (auto* one_body : {raw, request, response}) one_body->excludes(json);
  add_count_flag(*verb, "--messages", show->messages,
                 "At most this many WebSocket messages (a terminal shows 100, else all)");
  verb->add_flag("--no-color", show->no_color, "No colours");
  add_place_flags(*verb, show->place);
  add_from_flag(*verb, show->source);
  verb->callback([show, &exit_code] { exit_code = run(*show); });
}

}  // namespace weir::cli
