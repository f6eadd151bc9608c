// Resolver: host names to addresses, by c-ares on the loop. Answers are kept for as long as they say.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/loop.h"
#include "async/task.h"
#include "base/error.h"

namespace weir::net {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  std::string str() const;  ///< without the port
  void set_port(std::uint16_t port);
};

/// An IP literal as an address; nothing for names.
std::optional<Address> literal_address(const std::string& host);

/// One a thread. Never blocks: /etc/hosts and the name servers of /etc/resolv.conf are asked through the
/// loop.
class Resolver {
 public:
  explicit Resolver(async::Loop& loop);
  ~Resolver();

  /// The addresses of `host` (canonical), best first, ports 0; never empty. Same-time questions for one name
  /// share one query. Errors: dns_not_found, dns_failed, dns_timeout, cancelled. Answers are kept for their
  /// TTL, at least 1 s and at most 60 s; errors are not kept. "localhost" and names
  /// below it are loopback, and nobody is asked.
  async::Task<Result<std::vector<Address>>> resolve(std::string host, TimePoint deadline);
  /// Ends the waits that are under way with Code::cancelled.
  void cancel();

 private:
  class Channel;
  std::unique_ptr<Channel> channel_;
};

}  // namespace weir::net
