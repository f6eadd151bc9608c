// weir-guest: the relay inside a virtual machine or a network namespace.
#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <cstdio>
#include <optional>

#include "guest/check.h"
#include "guest/gateway.h"
#include "guest/network.h"
#include "guest/options.h"

namespace {

using namespace weir;
using namespace weir::guest;

constexpr int kError = 1, kUsage = 2;

int report(const Error& error) {
  fmt::print(stderr, "weir-guest: {}\n", error.context());
  if (error.code() != Code::bad_config) return kError;
  fmt::print(stderr, "Run `weir-guest --help` for what it takes.\n");
  return kUsage;
}

/// SIGINT and SIGTERM as something to be waited for.
Result<UniqueFd> signals_of_the_end() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  UniqueFd out(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!out) return fail_errno(Code::io, "signalfd", errno);
  return out;
}

void raise_descriptors() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int serve(const Options& options, const HostAddress& host) {
  ::signal(SIGPIPE, SIG_IGN);  // whoever reads what we say may go away
  raise_descriptors();
  auto stop = signals_of_the_end();
  if (!stop) return report(stop.error());
  if (options.setup)
    if (auto up = bring_loopback_up(); !up) return report(up.error());
  auto sockets = Sockets::open(options.port);
  if (!sockets) return report(sockets.error());
  std::uint16_t port = sockets->port;
  auto gateway = Gateway::open(host, std::move(*sockets));
  if (!gateway) return report(gateway.error());
  std::optional<Network> network;
  if (options.setup) {
    auto made = Network::make(port);
    if (!made) return report(made.error());
    network.emplace(std::move(*made));
  }
  fmt::print(stderr, "weir-guest: {} on port {} of loopback, to {}\n",
             options.setup ? "every connection is redirected" : "relaying", port, host.text());
  (*gateway)->run(stop->get());
  return 0;
}

int check(const HostAddress& host) {
  bool fine = true;
  for (const Layer& layer : check_layers(host)) {
    fine &= layer.fault.empty();
    if (layer.fault.empty())
      fmt::print("ok    {}\n", layer.name);
    else
      fmt::print("FAIL  {}: {}\n      -> {}\n", layer.name, layer.fault, layer.mend);
  }
  return fine ? 0 : kError;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> arguments(argv + std::min(argc, 1), argv + argc);
  auto options = parse_options(arguments);
  if (!options) return report(options.error());
  if (options->help || options->version) {
    std::fputs(options->help ? kHelp : "weir-guest " WEIR_VERSION "\n", stdout);
    return 0;
  }
  auto host = HostAddress::parse(options->to);
  if (!host) return report(host.error());
  if (options->check) return check(*host);
  return serve(*options, *host);
}
