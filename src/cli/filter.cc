// `weir filter`, and of its verbs `test`: what policy says of a request, and why.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "base/json.h"
#include "cli/filter_verbs.h"
#include "cli/output.h"
#include "cli/problems.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "flow/text.h"
#include "http/h1/head.h"
#include "policy/policy.h"

namespace weir::cli {
namespace {

struct FilterFlags {
  std::string file;
  std::string url;
  std::string method = "GET";
  bool json = false;
};

/// By the parser that reads requests, so that both understand the same.
Result<http::RequestHead> request_for(const FilterFlags& flags) {
  std::string url = flags.url.contains("://") ? flags.url : "https://" + flags.url;
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: x\r\n\r\n", flags.method, url);
  auto parsed = http::h1::parse_request_head(head, {});
  if (!parsed) return fail(Code::bad_config, fmt::format("{}: {}", flags.url, parsed.error().context()));
  return parsed;
}

struct Judged {
  http::RequestHead request;
  policy::Verdict verdict;
  std::vector<policy::Considered> considered;
  bool off = false;
};

void print_text(const Judged& judged, std::string& out) {
  std::string_view word = name(judged.verdict.action);
  fmt::format_to(std::back_inserter(out), "{}  {} {}\n", word, flow::printable(judged.request.method),
                 flow::printable(judged.request.url()));
  if (judged.off) {
    out += "  no filter is set: every request is allowed (filter.default_action, filter.rules)\n";
    return;
  }
  fmt::format_to(std::back_inserter(out), "  {}\n", flow::printable(judged.verdict.explanation()));
  if (!judged.considered.empty()) out += "\nLooked at, in this order\n";
  for (const policy::Considered& each : judged.considered)
    fmt::format_to(std::back_inserter(out), "  {} {:<12}  {}{}{}{}{}\n",
                   each.decided   ? "=>"
                   : each.matched ? " *"
                                  : " -",
                   name(each.layer), flow::printable(each.what), each.source.empty() ? "" : "  ",
                   flow::printable(each.source), each.note.empty() ? "" : "  ", flow::printable(each.note));
}

void print_json(const Judged& judged, std::string& out) {
  JsonWriter json(out, 2);
  json.begin_object();
  json.field("action", name(judged.verdict.action)).field("reason", judged.verdict.explanation());
  json.field("method", judged.request.method).field("url", judged.request.url());
  json.key("considered").begin_array();
  for (const policy::Considered& each : judged.considered) {
    json.begin_object().field("rule", each.what).field("layer", name(each.layer));
    json.field("source", each.source).field("matched", each.matched).field("decided", each.decided);
    if (!each.note.empty()) json.field("note", each.note);
    json.end_object();
  }
  json.end_array().end_object();
  out += '\n';
}

int test(const FilterFlags& flags) {
  ignore_sigpipe();
  auto loaded = config::load({.file = flags.file, .file_required = !flags.file.empty()});
  if (!loaded) return report(loaded.error());
  auto policy = policy::Policy::compile(loaded->settings.filter.layers);
  if (!policy) return report(policy.error());
  auto request = request_for(flags);
  if (!request) return report(request.error());
  Judged judged{.request = std::move(*request), .verdict = {}, .considered = {}, .off = (*policy)->off()};
  judged.verdict = (*policy)->explain(
      {.origin = judged.request.origin, .method = judged.request.method, .target = judged.request.target},
      judged.considered);
  Output out(STDOUT_FILENO);
  flags.json ? print_json(judged, out.buffer()) : print_text(judged, out.buffer());
  if (auto finished = out.finish(); !finished) return report(finished.error());
  return judged.verdict.action == policy::Action::allow ? kExitOk : kExitError;
}

}  // namespace

void add_filter(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<FilterFlags>();
  CLI::App* verb =
      app.add_subcommand("filter", "Show the filter, ask what it says of a request, or make one");
  verb->require_subcommand(1);
  CLI::App* sub = verb->add_subcommand(
      "test",
      "Show the verdict on a request and every rule that was looked at; ends with 1 unless it is allowed");
  sub->add_option("url", flags->url, "The request's URL; https:// if it names no scheme")
      ->type_name("URL")
      ->required();
  sub->add_option("-X,--method", flags->method, "Its method")->type_name("METHOD");
  sub->add_option("--config", flags->file, "This configuration file")->type_name("FILE");
  sub->add_flag("--json", flags->json, "As JSON");
  sub->callback([flags, &exit_code] { exit_code = test(*flags); });
  add_filter_show(*verb, exit_code);
  add_filter_generate(*verb, exit_code);
}

}  // namespace weir::cli
