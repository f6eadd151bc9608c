// GuestDoors: where the relays of virtual machines (weir-guest) come in, and the names that guests look up.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "app/worker.h"
#include "config/settings.h"
#include "proxy/entrance.h"
#include "sandbox/dns_zone.h"
#include "sandbox/synthetic_names.h"

namespace weir::app {

/// Must outlive the workers that serve its sockets. Guests of one Weir share their made-up addresses: one a
/// name.
class GuestDoors {
 public:
  /// Opens all that `settings` name. Errors say which could not be and what to do.
  static Result<std::unique_ptr<GuestDoors>> open(const config::GuestSettings& settings);
  /// Removes the sockets' files, unless another process has put its own there meanwhile.
  ~GuestDoors();
  GuestDoors(const GuestDoors&) = delete;

  /// The sockets once more, for one thread: whichever accepts first has a connection.
  Result<std::vector<Listening>> listeners() const;
  /// Closes those that were opened first, so that nobody can connect once the threads have closed theirs.
  void handed_out() { sockets_.clear(); }
  /// "/run/vm/weir.sock", "vsock port 5002"
  const std::vector<std::string>& places() const { return places_; }

 private:
  struct File {
    std::string path;
    dev_t device;
    ino_t inode;
  };

  GuestDoors();
  Result<void> open_vsock(std::uint64_t port);
  Result<void> open_unix(const std::string& path, const char* flag);
  Result<std::optional<std::string>> name_of(const std::string& address) const;

  sandbox::SyntheticNames names_;
  sandbox::DnsZone zone_;
  proxy::Entrance entrance_;
  std::vector<UniqueFd> sockets_;
  std::vector<File> files_;
  std::vector<std::string> places_;
};

}  // namespace weir::app
