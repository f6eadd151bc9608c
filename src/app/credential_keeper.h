// CredentialKeeper: has the secrets of the credentials in force, and renews them.
//
// Each is renewed by a thread of its own for as long as that takes, so that a command that hangs, an endpoint
// that never answers and a file on a disk that is gone hold up only who waits for that very secret. Threads
// rather than a loop: reading files and starting programs block. A thread is made when there is none that has
// nothing to do, and stays; a secret is renewed once at a time, so there are never more threads than
// credentials.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "app/credentials.h"
#include "app/secret_sources.h"
#include "app/token_fetch.h"
#include "base/fd.h"
#include "flow/live_secrets.h"
#include "proxy/secrets.h"
#include "sandbox/spawner.h"

namespace weir::app {

/// Made before there are threads; then any thread.
class CredentialKeeper final : public proxy::Secrets {
 public:
  /// Reads what is at hand: values, variables and files; runs commands, of which one may ask the user
  /// something. `spawner` runs them, now and later. Variables are forgotten, in it as well. bad_config for a
  /// secret that cannot be had: names the credential, where its secret should be, and what to do.
  static Result<std::unique_ptr<CredentialKeeper>> open(std::vector<ResolvedCredential> credentials,
                                                        std::optional<sandbox::Spawner> spawner);
  ~CredentialKeeper() override;

  const std::vector<ResolvedCredential>& credentials() const { return credentials_; }
  /// Any of them is active.
  bool any_active() const;
  /// For Redactor: the secrets as they are now.
  std::shared_ptr<const flow::LiveSecrets> live() const { return live_; }
  /// `text` with placeholders in the place of secrets.
  std::string without_secrets(std::string text) const;
  /// Folders of files that a new refresh token is written to.
  std::vector<std::filesystem::path> writable() const;

  /// From now on it can renew: tokens are asked for with these, which outlive it.
  void start(const tls::ClientContext& tls, wire::ConnectorOptions options);
  /// Ends what is under way, within a moment: commands are killed, dials cancelled, who waits is told
  /// shutting_down.
  void stop();

  /// How often each was put in.
  std::vector<std::uint64_t> uses() const;
  /// Gets it anew, as if it were needed now, on this thread; after the renewal that is under way, if one is.
  /// For `weir credentials check`.
  Result<broker::SecretPtr> obtain(std::size_t binding);

  const broker::Bindings& bindings() const override { return bindings_; }
  std::shared_ptr<const broker::Guard> guard() const override {
    return guard_.load(std::memory_order_acquire);
  }
  broker::SecretPtr at_hand(std::size_t binding) override;
  void fetch(std::size_t binding, Reply reply) override;
  void rejected(std::size_t binding, const broker::SecretPtr& secret) override;
  void used(std::size_t binding) override;

 private:
  struct Slot {
    broker::SecretPtr current;
    broker::SecretPtr before;  ///< requests that carry it may still be under way
    // Of OAuth; changed by who obtains alone.
    SecretBytes refresh_token;  ///< in place of that of the source, when it was changed
    SecretBytes first_token, client_secret;
    std::vector<Reply> waiting;
    bool renewing = false;         ///< by a thread, or wanted from one
    TimePoint tried{};             ///< when it was last obtained, or tried to be
    TimePoint looked{};            ///< the same of a file that is looked at again
    std::optional<Error> trouble;  ///< of that
    std::atomic<std::uint64_t> uses{0};
  };
  struct Network {
    const tls::ClientContext* tls;
    wire::ConnectorOptions options;
  };

  CredentialKeeper(std::vector<ResolvedCredential> credentials, std::optional<sandbox::Spawner> spawner,
                   UniqueFd stop);
  Result<> read_first();
  void want(std::unique_lock<std::mutex> lock, std::size_t binding);
  void add_thread();
  void run();
  void serve(std::size_t binding);
  Result<broker::SecretPtr> renew(std::size_t binding);
  void settle(std::size_t binding, const Result<broker::SecretPtr>& secret);
  void rebuild();

  Result<broker::Secret> ask_for_token(std::size_t binding);
  void keep_refresh_token(std::size_t binding, SecretBytes token);

  Result<> forget_variables();

  const std::vector<ResolvedCredential> credentials_;
  broker::Bindings bindings_;
  UniqueFd stop_;  ///< readable from stop() on
  SecretSources sources_;
  std::optional<Network> network_;
  std::shared_ptr<flow::LiveSecrets> live_;
  std::atomic<std::shared_ptr<const broker::Guard>> guard_;

  mutable std::mutex mutex_;
  std::condition_variable wake_, settled_;
  std::deque<Slot> slots_;  // by binding
  std::deque<std::size_t> wanted_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;  ///< threads that wait, or have yet to begin
  bool stopping_ = false;
};

}  // namespace weir::app
