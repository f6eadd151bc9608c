// GatewayDoor: what `weir gateway` listens with, in place of the listeners of the settings.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "proxy/gateway.h"

namespace weir::app {

/// Must outlive the server that it is given to.
class GatewayDoor {
 public:
  /// Errors (bad_config, bad_certificate, not_found, io) say what to do.
  static Result<std::unique_ptr<GatewayDoor>> open(const config::GatewaySettings& settings);

  const std::vector<HostPort>& listen() const { return listen_; }
  /// Where the process removes its status socket in the end; empty: it has none.
  const std::filesystem::path& haunt() const { return haunt_; }
  void set_haunt(std::filesystem::path folder) { haunt_ = std::move(folder); }
  const proxy::Gateway& gateway() const { return gateway_; }
  proxy::RelaySessions& sessions() { return sessions_; }
  const proxy::RelaySessions& sessions() const { return sessions_; }
  /// The certificate that clients of tunnels are to trust; before any of them comes.
  void set_ca(std::string pem) { gateway_.ca = std::move(pem); }

 private:
  GatewayDoor() = default;

  std::vector<HostPort> listen_;
  std::filesystem::path haunt_;
  proxy::RelaySessions sessions_;
  proxy::Gateway gateway_;
};

}  // namespace weir::app
