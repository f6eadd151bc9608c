// Relay: one connection of a program in the guest, carried to the host and back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "guest/poller.h"

namespace weir::guest {

/// Bytes both ways, each direction at the pace of its slower side and closed when its sender closes it: what
/// cannot be written is not read. Holds at most 64 KiB each way, and nothing while it is idle. One thread.
class Relay {
 public:
  /// The relays that may get further than the last time; each is put there once, by what Poller::wait calls.
  using Stirred = std::vector<Relay*>;

  /// `host` may still be connecting; `preamble` is the first it is sent.
  Relay(UniqueFd client, UniqueFd host, std::string preamble, Stirred& stirred);
  Relay(const Relay&) = delete;

  /// False when the kernel has no room.
  bool watch(Poller& poller);
  /// Carries what can be carried now, but not for ever: where there is more it puts itself among the stirred
  /// again.
  void carry();
  /// Both directions are done, or one has failed: then the client gets a reset as it is destroyed.
  bool over() const { return over_; }
  /// 0, or the errno for which the host could not be reached.
  int refused() const { return refused_; }

 private:
  struct End : Handler {
    End(Relay& relay, UniqueFd fd) : relay(relay), fd(std::move(fd)) {}
    void ready(std::uint32_t events) override;
    Relay& relay;
    UniqueFd fd;
    bool readable = false, writable = false;
    bool gone = false;  // nothing will be read by it any more
  };
  struct Way {
    End& from;
    End& to;
    std::string kept = {};  // read, not written
    bool ended = false;     // nothing more to read
    bool closed = false;
  };

  void stir();
  bool connected();
  bool move(Way& way);
  bool flush(Way& way, std::string_view bytes);
  void fail();

  Stirred& stirred_;
  End client_, host_;
  Way up_{client_, host_}, down_{host_, client_};
  bool queued_ = false;
  bool connecting_ = true;
  bool over_ = false;
  int refused_ = 0;
};

/// Closes `client` so that the program sees that its connection was not ended by anybody's wish.
void reset(UniqueFd client);

}  // namespace weir::guest
