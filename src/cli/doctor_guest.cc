#include "cli/doctor_guest.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/ascii.h"
#include "cli/client_trial.h"
#include "flow/text.h"
#include "guest/check.h"
#include "sandbox/environment.h"

namespace weir::cli {
namespace {

using Outcome = TrialResult::Outcome;

const ClientTrial kIssuer = {"certificates",
                             "curl",
                             {"-sSvk", "-o", "/dev/null", "{url}"},
                             "the host's Weir passes this URL through, or something else answers it"};
const ClientTrial kBlocked = {"policy",
                              "curl",
                              {"-sSk", "--http1.1", "-D", "-", "-o", "/dev/null", "{url}"},
                              "block it in the filter of the host's Weir"};
const ClientTrial kDownload = {
    "throughput",
    "curl",
    {"-sSk", "-o", "/dev/null", "-w", "{url} came with %{speed_download} bytes a second", "{url}"},
    "see why with curl -v"};

/// What says "HTTP/" once it has trusted the certificate and has been answered.
const std::vector<ClientTrial>& trusting_clients() {
  static const std::vector<ClientTrial> kTrials = {
      {"curl",
       "curl",
       {"-sS", "-D", "-", "-o", "/dev/null", "{url}"},
       "weir ca bake / on a new CA; the clock"},
      {"wget", "wget", {"-S", "-O", "/dev/null", "{url}"}, "weir ca bake / on a new CA; the clock"},
      {"Python",
       "python3",
       {"-c",
        "import sys,urllib.request as r,urllib.error as e\n"
        "try: print('HTTP/', r.urlopen(sys.argv[1]).status)\n"
        "except e.HTTPError as h: print('HTTP/', h.code)",
        "{url}"},
       "Python reads SSL_CERT_FILE (/etc/environment has it after weir ca bake)"},
      {"Node",
       "node",
       {"-e",
        "require('https').get(process.argv[1],r=>{console.log('HTTP/',r.statusCode);r.resume()})"
        ".on('error',e=>console.error(e.message))",
        "{url}"},
       "Node reads NODE_EXTRA_CA_CERTS (/etc/environment has it after weir ca bake)"},
  };
  return kTrials;
}

/// The last line that speaks of a certificate; else the first.
std::string_view telling_line(std::string_view said) {
  std::string_view found;
  while (!said.empty()) {
    std::string_view line = said.substr(0, said.find('\n'));
    said.remove_prefix(std::min(line.size() + 1, said.size()));
    bool telling = icontains(line, "certificate");
    if (telling || found.empty()) found = line;
  }
  return found.empty() ? "no output" : found.substr(0, 200);
}

class Rows {
 public:
  void add(std::string_view word, std::string_view what, std::string_view mend = {}) {
    fmt::print("{:<4}  {}\n", word, flow::printable(what));
    if (word != "FAIL") return;
    fmt::print("      mend: {}\n", mend);
    ++failures_;
  }
  void add(const ClientTrial& trial, const TrialResult& result, std::string_view good) {
    if (result.outcome == Outcome::works) return add("ok", fmt::format("{}: {}", trial.name, good));
    if (result.outcome == Outcome::not_installed)
      return add("note", fmt::format("{}: not tried, {} is not installed", trial.name, trial.program));
    add("FAIL", fmt::format("{}: {}", trial.name, telling_line(result.output)), trial.mend);
  }
  int failures() const { return failures_; }

 private:
  int failures_ = 0;
};

void try_programs(Rows& rows, const std::string& url, const std::string& scratch) {
  auto environment = sandbox::own_environment();
  bool https = url.starts_with("https:");
  if (https)
    rows.add(kIssuer, run_trial(kIssuer, url, environment, "Weir", scratch), "they are issued by Weir");
  for (const ClientTrial& client : trusting_clients())
    if (https || client.name != "Node")
      rows.add(client, run_trial(client, url, environment, "HTTP/", scratch), "trusts it, and is answered");
}

void try_policy(Rows& rows, const std::string& url, const std::string& scratch) {
  if (url.empty()) return rows.add("note", "policy: not tried; --blocked names a URL that is to be blocked");
  auto result = run_trial(kBlocked, url, sandbox::own_environment(), "X-Weir-Error: blocked", scratch);
  rows.add(kBlocked, result, "what is to be blocked is blocked");
}

void try_throughput(Rows& rows, const std::string& url, const std::string& scratch) {
  if (url.empty()) return rows.add("note", "throughput: not tried; --download names something large");
  auto result = run_trial(kDownload, url, sandbox::own_environment(), "bytes a second", scratch);
  rows.add(kDownload, result, result.output);
}

}  // namespace

void GuestDoctor::add_to(CLI::App& verb) {
  verb.add_flag("--guest", wanted_,
                "Inside a guest: is everything between here and the host's Weir in order?");
  verb.add_option("--to", to_, "With --guest: where the host is, as weir-guest was told")
      ->type_name("ADDRESS");
  verb.add_option("--url", url_, "With --guest: what programs fetch (default https://example.com/)")
      ->type_name("URL");
  verb.add_option("--blocked", blocked_, "With --guest: what policy is to block")->type_name("URL");
  verb.add_option("--download", download_, "With --guest: something large, to see how fast it comes")
      ->type_name("URL");
}

int GuestDoctor::examine() const {
  auto host = guest::HostAddress::parse(to_);
  if (!host) return report(host.error());
  Rows rows;
  for (const guest::Layer& layer : guest::check_layers(*host))
    layer.fault.empty() ? rows.add("ok", layer.name)
                        : rows.add("FAIL", layer.name + ": " + layer.fault, layer.mend);
  std::string scratch = (std::filesystem::temp_directory_path() / "weir-doctor-XXXXXX").string();
  if (::mkdtemp(scratch.data()) == nullptr) return report(Error(Code::io, "a folder in " + scratch));
  // Without what is below, every program would only say so again, and slowly.
  if (rows.failures() == 0) {
    try_programs(rows, url_, scratch);
    try_policy(rows, blocked_, scratch);
    try_throughput(rows, download_, scratch);
  }
  std::error_code ignored_since_temporary;
  std::filesystem::remove_all(scratch, ignored_since_temporary);
  fmt::print("{}\n", rows.failures() == 0 ? "everything is in order"
                                          : fmt::format("{} thing(s) to mend", rows.failures()));
  return rows.failures() == 0 ? kExitOk : kExitError;
}

}  // namespace weir::cli
