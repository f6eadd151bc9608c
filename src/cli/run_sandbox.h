// The sandbox of `weir run --sandbox`: what it is to be like, and what serves it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/port_forward.h"
#include "app/server.h"
#include "config/settings.h"
#include "sandbox/dns_responder.h"
#include "sandbox/sandbox.h"
#include "sandbox/synthetic_names.h"

namespace CLI {
class App;
}

namespace weir::cli {

struct SandboxFlags {
  bool on = false;
  std::vector<std::uint16_t> host_ports;  ///< --allow-host-port
  std::vector<std::string> published;     ///< --publish, "HOST:SANDBOX" or one number for both
  std::vector<std::string> sockets;       ///< --allow-socket
  std::string files = "open";             ///< --fs
  std::string net = "redirect";           ///< --net

  void add_to(CLI::App& verb);
  /// A sandbox is wanted.
  bool any() const { return on || pasta(); }
  bool pasta() const { return net == "pasta"; }
  /// CMD can change no file that Weir reads while it runs.
  bool files_are_closed() const { return files != "open"; }
};

/// Files that stay readable inside, though the folder of the authority's key is hidden.
using PublicFiles = std::vector<std::string>;

/// One thread. The spawner must outlive it; the server that serves it must not.
class RunSandbox {
 public:
  /// Everything is in place and verified when it returns. Errors: see sandbox::Sandbox::open; they mean that
  /// CMD must not run. `settings_file`: where the user's settings are read from, if not in their usual place;
  /// hidden.
  static Result<std::unique_ptr<RunSandbox>> open(sandbox::Spawner& spawner, const SandboxFlags& flags,
                                                  const config::Settings& settings,
                                                  const std::string& settings_file, PublicFiles files);

  /// For the server; once.
  app::HandedListeners listeners();
  /// Begins to answer names and to forward ports, with threads that are as confined as the caller is by now:
  /// after the server was started, and before CMD is.
  Result<> start();
  /// Where CMD finds the proxy at `here`; nothing where it need not know of one.
  std::vector<HostPort> proxy_inside(const std::vector<HostPort>& here) const;
  sandbox::Spawner& inside() { return sandbox_->inside(); }

 private:
  explicit RunSandbox(std::unique_ptr<sandbox::Sandbox> sandbox) : sandbox_(std::move(sandbox)) {}
  Result<std::optional<std::string>> name_of(const std::string& address) const;
  Result<> answer_names();
  Result<> bind_ports(const std::vector<std::string>& published);

  std::unique_ptr<sandbox::Sandbox> sandbox_;
  bool pasta_ = false;
  sandbox::SyntheticNames names_;
  std::unique_ptr<sandbox::DnsResponder> dns_;
  app::PortForwards forwards_;
};

}  // namespace weir::cli
