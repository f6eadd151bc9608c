// Names: the DNS datagrams of the guest's programs, carried to the host and answered from there.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "guest/host.h"
#include "guest/poller.h"

namespace weir::guest {

/// All datagrams share one stream to the host (its preamble says dns=udp), which answers them one by one and
/// in their order. When the host is away every query is answered SERVFAIL at once, so that programs say what
/// is wrong in place of waiting. One thread.
class Names : public Handler {
 public:
  static constexpr std::size_t kMostAsked = 1024;  ///< queries without an answer; more are answered SERVFAIL

  /// `sockets`: UDP, bound, non-blocking. `host` and `poller` outlive this.
  static Result<std::unique_ptr<Names>> open(Poller& poller, const HostAddress& host,
                                             std::vector<UniqueFd> sockets);
  Names(const Names&) = delete;

  void ready(std::uint32_t events) override;
  /// Does what `ready` found to do. To be called after each round of the poller.
  void work();

 private:
  struct Query {
    int socket = -1;
    sockaddr_storage from{};
    socklen_t size = 0;
    std::string message;  // as it came, as far as SERVFAIL wants it
  };

  Names(Poller& poller, const HostAddress& host, std::vector<UniqueFd> sockets)
      : poller_(poller), host_(host), sockets_(std::move(sockets)) {}
  bool receive(int socket);
  void ask(Query query);
  bool connect();
  void send();
  void read();
  void check_connection();
  void answer_all();
  void lose(std::string_view why);

  Poller& poller_;
  const HostAddress& host_;
  std::vector<UniqueFd> sockets_;
  UniqueFd stream_;
  std::string out_, in_;
  std::deque<Query> asked_;
  bool stirred_ = false;
  bool told_ = false;  // that the host is away
};

/// The answer that there was a failure (RCODE 2) to a query; empty when `query` is none.
std::string server_failure(std::string_view query);

}  // namespace weir::guest
