// GatewayDoor: what `weir gateway` listens with, in place of the listeners of the settings.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/host_port.h"
#include "proxy/gateway.h"

namespace weir::app {

struct GatewayOptions {
  std::vector<HostPort> listen;
  std::filesystem::path certificate, key;    ///< PEM; none: plain HTTP, on loopback alone
  std::string prefix;                        ///< "" or "/x"
  std::uint64_t most_tunnels = 1024;         ///< of one session
  Duration idle = std::chrono::seconds(50);  ///< without any frame, keep-alive included
};

/// Must outlive the server that it is given to.
class GatewayDoor {
 public:
  /// Errors (bad_config, bad_certificate, not_found, io) say what to do.
  static Result<std::unique_ptr<GatewayDoor>> open(const GatewayOptions& options);

  const std::vector<HostPort>& listen() const { return listen_; }
  const proxy::Gateway& gateway() const { return gateway_; }
  proxy::RelaySessions& sessions() { return sessions_; }
  const proxy::RelaySessions& sessions() const { return sessions_; }
  /// The certificate that clients of tunnels are to trust; before any of them comes.
  void set_ca(std::string pem) { gateway_.ca = std::move(pem); }

 private:
  GatewayDoor() = default;

  std::vector<HostPort> listen_;
  proxy::RelaySessions sessions_;
  proxy::Gateway gateway_;
};

}  // namespace weir::app
