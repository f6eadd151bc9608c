#include "cli/traffic.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>

#include "http/syntax.h"
#include "policy/host_pattern.h"

namespace weir::cli {
namespace {

using Visit = std::function<void(const PastRequest&)>;

/// Hands on what is a request, in the spelling that policy knows; counts what is none.
class Sieve {
 public:
  explicit Sieve(const Visit& visit) : visit_(visit) {}

  void take(store::Row row) {
    flow::Flow& flow = row.flow;
    bool tunnel = flow.kind == flow::Kind::tunnel || flow.request.is("CONNECT");
    bool opened = flow.kind == flow::Kind::tunnel && flow.interception == flow::Interception::intercepted;
    if (opened || flow.error == Code::proxy_auth_required) {
      ++passed_over.connections;
      return;
    }
    auto host = policy::canonical_pattern_host(flow.request.origin.place.host);
    if (!host || !http::is_token(flow.request.method)) {
      ++passed_over.nameless;
      return;
    }
    flow.request.origin.place.host = std::move(*host);
    if (!tunnel && flow.request.target.empty()) flow.request.target = "/";
    visit_({flow.request, flow, row.session, tunnel});
  }

  PassedOver passed_over;

 private:
  const Visit& visit_;
};

void say(std::uint64_t count, std::string_view what) {
  if (count > 0) fmt::print(stderr, "weir: left out {}: {}\n", what, count);
}

}  // namespace

void add_traffic_flags(CLI::App& app, Traffic& traffic) {
  add_place_flags(app, traffic.place);
  app.add_option(
         "--from-logs", traffic.source.from,
         "Read this JSON Lines log in place of what Weir recorded: a file, plain or gzip, or a folder")
      ->type_name("PATH")
      ->excludes("--data")
      ->excludes("--all");
  app.add_option("--process", traffic.filter.process,
                 "Only requests of this program: part of its name[pid], path or command line")
      ->type_name("TEXT");
}

Result<PassedOver> for_each_request(Traffic& traffic, const Visit& visit) {
  auto query = open_recordings(traffic.place, traffic.source, traffic.filter);
  if (!query) return pass(query);
  Sieve sieve(visit);
  while (true) {
    auto row = (*query)->next();
    if (!row) return pass(row);
    if (!*row) return sieve.passed_over;
    sieve.take(std::move(**row));
  }
}

void report(const PassedOver& passed_over, const Traffic& traffic) {
  say(passed_over.connections, "connections that never came to a request");
  say(passed_over.nameless, "requests that name no host or no method");
  report_damage(traffic.source.damage, traffic.source.from);
}

int report_no_traffic(const Traffic& traffic, const Error& error) {
  return report_no_recordings(traffic.place, traffic.source, error);
}

}  // namespace weir::cli
