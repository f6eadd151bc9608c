// Stage: a running proxy with a test at both of its ends.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "config/settings.h"
#include "flow/flow.h"
#include "proxy/budgeting.h"
#include "proxy/onlooker.h"
#include "proxy/questions.h"
#include "proxy/secrets.h"
#include "tls/testing.h"

namespace weir::testing {

/// What every stage has: folders to throw away, settings that stay inside them, and an authority whose
/// certificates the proxy trusts upstream. Used from the test's thread alone.
class Stage {
 public:
  Stage();
  virtual ~Stage() = default;
  Stage(const Stage&) = delete;

  /// To be changed before the first connection.
  config::Settings settings;

  /// A client's connection to the proxy, non-blocking.
  virtual UniqueFd connect() = 0;
  /// The next connection that the proxy made to an origin, non-blocking; empty when none comes.
  virtual UniqueFd accept() = 0;
  /// True when such a connection is waiting now.
  virtual bool dialled_more() = 0;
  /// Lets the proxy run until `fd` has one of `events` (poll(2)); false when that will never be. With -1: as
  /// far as it can go now.
  virtual bool wait(int fd, short events) = 0;
  /// The next account that was closed; nothing when none will be.
  virtual std::optional<flow::Flow> closed() = 0;
  /// Ends the proxy once its clients and origins are gone. False when something does not end by itself.
  virtual bool end() = 0;
  /// Where the proxy reaches the origins that `accept` hands out.
  virtual HostPort origin() const = 0;
  /// The CA that intercepted clients trust.
  virtual X509* authority() = 0;

  /// `text` with {origin} ("a.test", or "127.0.0.1:4711"), {host} and {tunnel} (host:port) put in.
  std::string fill(std::string text) const;
  /// An upstream authority that the proxy trusts.
  const tls::testing::Identity& upstream_root() const { return root_; }
  const tls::testing::TempFolder& folder() const { return folder_; }

 private:
  tls::testing::TempFolder folder_;
  tls::testing::Identity root_;
};

/// A whole app::Server; everything goes over loopback TCP and real time.
std::unique_ptr<Stage> make_server_stage();

/// Session, Walk and UpstreamPool on a loop with manual time; connections are socket pairs, so nothing
/// happens but by turns and every name resolves.
class MemoryStage : public Stage {
 public:
  /// To be set before the first connection: HTTP/2 is offered to every origin over TLS.
  bool offer_http2 = false;
  /// To be set before the first connection: who is asked where policy asks; null = nobody.
  proxy::Questions* questions = nullptr;
  /// To be set before the first connection: who looks on; null = nobody.
  proxy::Onlookers* onlookers = nullptr;
  /// To be set before the first connection: who is asked about money; null = there are no budgets.
  proxy::Budgeting* budgeting = nullptr;
  /// To be set before the first connection: what must not leave; null = there is nothing.
  proxy::Secrets* secrets = nullptr;
  /// Time goes on by this much.
  virtual void pass(Duration time) = 0;
  /// The next dial fails so.
  virtual void fail_dial(Error error) = 0;
  /// From now on the sink says that it cannot write.
  virtual void fail_capture() = 0;
  /// The place of the last dial.
  virtual std::string dialled() = 0;
  /// The account of the next client connection that has ended; nothing when none has.
  virtual std::optional<flow::Connection> ended() = 0;
  /// Sessions take no further requests.
  virtual void drain() = 0;
  /// Sessions end at once.
  virtual void cut() = 0;
  /// The filter in `settings` is in force from now on.
  virtual void refilter() = 0;
};
std::unique_ptr<MemoryStage> make_memory_stage();

}  // namespace weir::testing
