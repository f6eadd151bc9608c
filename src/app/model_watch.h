// ModelWatch: finds the calls of models and of MCP servers among the exchanges, and makes their records on a
// thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "llm/estimate.h"
#include "llm/mcp_sessions.h"
#include "llm/model_call.h"
#include "llm/prompt_threads.h"
#include "llm/recognise.h"
#include "proxy/onlooker.h"

namespace weir::app {

/// A call that has ended, and the flow that it was. Over a WebSocket there may be many of one flow, while it
/// goes on.
struct WatchedCall {
  flow::FlowId flow = 0;
  HostPort place;
  std::string process, device;
  llm::ModelCall call;
  bool recorded = true;  ///< false: it is to be kept out of every record
  llm::CallEnd end;      ///< for who accounts for it
};

/// The walk's threads do no more than copy what passes into a queue. What the queue has no room for is left
/// out, and the call's record says so; the traffic never waits.
class ModelWatch final : public proxy::Onlookers {
 public:
  struct Options {
    std::uint64_t most_queued = 64 << 20;  ///< bytes of bodies not yet read
    std::size_t most_request = 8 << 20;    ///< of a request's body, decoded; the rest is not looked at
    bool unrecorded = false;               ///< look at calls that are kept out of the record as well
    bool mcp = true;                       ///< look for calls of MCP servers
  };
  /// On the watch's thread, and at the end on that of the destructor; should only hand on.
  struct Told {
    std::function<void(WatchedCall)> call;
    std::function<void(llm::McpCall)> mcp = [](llm::McpCall) {};  ///< `exchange` is the flow
    /// What looked like a call by its head was none. Not said of WebSockets.
    std::function<void(flow::FlowId)> no_call = [](flow::FlowId) {};
  };

  ModelWatch(llm::Recogniser recogniser, const Options& options, Told told);
  ModelWatch(const ModelWatch&) = delete;
  /// Reads all that was queued, and tells it. Calls whose exchanges have not ended are forgotten.
  ~ModelWatch() override;

  std::unique_ptr<proxy::Onlooker> look_on(const flow::Flow& flow, bool recorded, TimePoint now) override;
  /// Blocks until all that was queued before the call has been read.
  void flush();

 private:
  class Reading;
  class Call;
  class Socket;
  class McpExchange;
  class Sight;
  struct Event;

  void push(Event event);
  bool hold(std::uint64_t bytes);
  void run();
  std::uint64_t read(Event& event);

  const llm::Recogniser recogniser_;
  const Options options_;
  Told told_;
  llm::McpSessions mcp_;        // of the thread
  llm::PromptThreads prompts_;  // of the thread
  std::mutex mutex_;
  std::condition_variable wake_, read_;
  std::vector<Event> queue_;  // guarded by mutex_, as all below
  std::uint64_t queued_ = 0;  // bytes
  std::uint64_t pushed_ = 0, done_ = 0;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace weir::app
