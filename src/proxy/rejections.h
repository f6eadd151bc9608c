// Rejections: which clients keep refusing our certificate for which hosts.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/host_port.h"

namespace weir::proxy {

/// How a client told that it will not have our certificate.
enum class Refusal : std::uint8_t {
  alert,    ///< it said so
  silence,  ///< it went as soon as it saw the certificate; that may be chance, so it counts half
};

/// What is known of one client and one host after a rejection.
struct Standing {
  unsigned in_a_row = 1;  ///< since it last accepted one, this rejection included
  bool pinned = false;    ///< it will not change its mind: see Rejections
  bool forbidden = false;
  Duration pass_for{};
};

struct RejectionOptions {
  Duration pass_for = std::chrono::hours(1);
  /// Hosts that must never pass unread: those with a rule about paths, methods, asking, scripts, budgets or
  /// credentials. Asked at every decision, on any thread. Empty = none.
  std::function<bool(const HostPort&)> forbidden;
  std::size_t entries = 4096;  ///< pairs of client and host; the one rejected longest ago goes first
};

/// A client is pinned for a host after three alerts, or six silent ends, or as much of both, within ten
/// minutes and without a success between them. It may then be tunnelled for `pass_for`. After that it is
/// tried again, and one more alert (or two silent ends) pins it anew; a success forgets everything.
///
/// A client can bring this about at will: whether a door heeds the answer is the session's to know. Shared by
/// all threads of a server. Costs nothing while nobody has rejected anything: the lock is taken only then.
class Rejections {
 public:
  explicit Rejections(RejectionOptions options) : options_(std::move(options)) {}

  /// `client` is "address:port", of which the port is not heeded; `host` is what would be dialled.
  Standing rejected(std::string_view client, const HostPort& host, Refusal how, TimePoint now);
  /// True for the first time that `what` is asked about, and for nothing after the first 256: for telling
  /// each once.
  bool is_news(std::string what);
  /// The client has sent a request over a connection with our certificate.
  void accepted(std::string_view client, const HostPort& host);
  /// Until when to tunnel this client to this host undecrypted; nothing = intercept.
  std::optional<TimePoint> passes_until(std::string_view client, const HostPort& host, TimePoint now);

 private:
  struct Entry {
    std::string key;
    unsigned in_a_row = 0;
    std::vector<TimePoint> points;  ///< since it was pinned: two for an alert, one for a silent end
    bool pinned = false;
    TimePoint pass_until{};
  };
  using Place = std::list<Entry>::iterator;

  Entry& entry(std::string key);
  void forget(Place place);
  bool is_forbidden(const HostPort& host) const { return options_.forbidden && options_.forbidden(host); }

  const RejectionOptions options_;
  std::mutex mutex_;
  std::list<Entry> entries_;  ///< most recently rejected first
  std::unordered_map<std::string_view, Place> index_;
  std::unordered_set<std::string> told_;
  std::atomic<std::size_t> count_{0};         ///< of entries, for a look without the lock
  std::atomic<std::size_t> pinned_count_{0};  ///< of those that are pinned
};

}  // namespace weir::proxy
