#include "guest/options.h"

#include "base/ascii.h"

namespace weir::guest {

const char* const kHelp =
    R"(weir-guest: takes every connection of this machine to the Weir of the host

Run it as root in a virtual machine or a network namespace, and `weir serve` with --vsock, --uds or --vsock-uds on
the host. It makes routes and nf_tables rules (table "weir_guest") that redirect each TCP connection and each DNS
query to itself, and takes them to the host. No other UDP leaves. The rules go when it ends; when it is killed they
stay, and nothing leaves.

  --to ADDRESS    where the host is: vsock:CID:PORT, unix:PATH or tcp:ADDRESS:PORT (default vsock:2:5002)
  --port PORT     listen on this port of loopback (default: any that is free)
  --no-setup      make no routes and no rules: they are there, and redirect to --port
  --check         look whether the relay that runs here works, say so line by line, and end with 0 or 1
  --version, --help

With --to tcp: mind that the stream is not encrypted.
)";

namespace {

Failure wrong(std::string text) { return fail(Code::bad_config, std::move(text)); }

Result<void> set_port(Options& out, std::string_view value) {
  auto port = parse_decimal(value);
  if (!port || *port == 0 || *port > UINT16_MAX) return wrong("--port wants a number from 1 to 65535");
  out.port = static_cast<std::uint16_t>(*port);
  return {};
}

/// True when `flag` is one that stands alone.
bool set_flag(Options& out, std::string_view flag) {
  if (flag == "--no-setup") return !(out.setup = false);
  if (flag == "--check") return out.check = true;
  if (flag == "--help" || flag == "-h") return out.help = true;
  if (flag == "--version") return out.version = true;
  return false;
}

Result<void> set_value(Options& out, std::string_view flag, std::string_view value) {
  if (flag == "--port") return set_port(out, value);
  out.to = value;
  return {};
}

}  // namespace

Result<Options> parse_options(std::span<const std::string_view> arguments) {
  Options out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view flag = arguments[i];
    if (set_flag(out, flag)) continue;
    std::size_t equals = flag.find('=');
    std::string_view name = flag.substr(0, equals);
    if (name != "--to" && name != "--port") return wrong("there is no " + std::string(flag));
    if (equals == flag.npos && ++i == arguments.size()) return wrong(std::string(name) + " wants a value");
    std::string_view value = equals == flag.npos ? arguments[i] : flag.substr(equals + 1);
    if (auto set = set_value(out, name, value); !set) return pass(set);
  }
  if (!out.setup && !out.check && out.port == 0)
    return wrong("--no-setup wants --port: the port that your rules redirect to");
  return out;
}

}  // namespace weir::guest
