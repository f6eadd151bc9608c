// Gateway: the relay as a whole: its listeners, the connections under way, and names.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "guest/names.h"
#include "guest/programs.h"
#include "guest/relay.h"

namespace weir::guest {

/// TCP and UDP on one port of 127.0.0.1 and, where there is IPv6, of ::1. UDP is not on a wildcard: the
/// answers would come from another address than was asked.
struct Sockets {
  std::uint16_t port = 0;
  std::vector<UniqueFd> tcp, udp;

  /// `port` 0: any that is free for all of them.
  static Result<Sockets> open(std::uint16_t port);
};

/// One thread. No program can delay another by more than a lookup of its name (see Programs).
class Gateway {
 public:
  /// `host` outlives it.
  static Result<std::unique_ptr<Gateway>> open(const HostAddress& host, Sockets sockets);
  ~Gateway();
  Gateway(const Gateway&) = delete;

  /// Serves until `stop` (a signalfd or the like) is readable.
  void run(int stop);

 private:
  struct Listener : Handler {
    explicit Listener(UniqueFd fd) : fd(std::move(fd)) {}
    void ready(std::uint32_t) override { pending = true; }
    UniqueFd fd;
    bool pending = false;
  };
  struct Stop : Handler {
    void ready(std::uint32_t) override { asked = true; }
    bool asked = false;
  };
  /// Waits for room in the queue of a host on a Unix socket.
  struct Waiting {
    UniqueFd client;
    std::string preamble;
    TimePoint until;
  };

  Gateway(const HostAddress& host, Poller poller, Programs programs);
  void accept_all(Listener& listener);
  void admit(UniqueFd client);
  bool dial(Waiting& waiting);
  void dial_waiting();
  void refuse(UniqueFd client, std::string_view why);
  void carry();
  int patience() const;

  const HostAddress& host_;
  Poller poller_;
  Programs programs_;
  std::list<Listener> listeners_;
  std::unique_ptr<Names> names_;
  Relay::Stirred stirred_;
  std::unordered_map<Relay*, std::unique_ptr<Relay>> relays_;
  std::list<Waiting> waiting_;
  bool starved_ = false;  // of descriptors
  bool told_away_ = false, told_direct_ = false, told_starved_ = false;
};

}  // namespace weir::guest
