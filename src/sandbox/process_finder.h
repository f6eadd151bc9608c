// ProcessFinder: finds out which process made a connection, on a thread of its own.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/process.h"
#include "sandbox/process_table.h"
#include "sandbox/socket_owner.h"

namespace weir::sandbox {

/// Where the clients of a listener are: a network namespace, and the process they most likely descend from.
class ClientSpace {
 public:
  /// `here`: its users are those of this process, and not of a user namespace of its own.
  ClientSpace(SocketOwner sockets, bool here) : sockets_(std::move(sockets)), here_(here) {}

  /// Any thread: the pid of CMD, or of the first process of the sandbox, as Weir sees it; 0 = nothing known.
  void set_root(pid_t root) { root_.store(root, std::memory_order_relaxed); }

 private:
  friend class ProcessFinder;
  SocketOwner sockets_;  // of the finder's thread
  const bool here_;
  std::atomic<pid_t> root_{0};
};

/// Every answer is what was found, never a guess; where nothing was, Process::unknown says why. A lookup
/// takes less than a millisecond where the process was seen before or is new. Looking through all processes
/// serves all lookups under way, is left off for those that come meanwhile, and takes a fifth of a core at
/// most over half a second: under such a load an answer comes later.
class ProcessFinder {
 public:
  using Answer = std::move_only_function<void(std::shared_ptr<const Process>)>;
  struct Options {
    std::string proc = "/proc";
    std::size_t most = 4096;  ///< lookups under way
    /// Its thread gives up what it does not take: capabilities but those to look at other users' processes,
    /// and system calls but those to read (sandbox/serving_filter.h). Needs no_new_privs.
    bool confined = false;
  };

  /// Starts the thread.
  static Result<std::unique_ptr<ProcessFinder>> start(const Options& options);
  static Result<std::unique_ptr<ProcessFinder>> start() { return start(Options()); }
  /// Answers all that is under way, at once, and ends the thread.
  ~ProcessFinder();

  /// The network namespace of the thread that calls.
  static Result<std::shared_ptr<ClientSpace>> space_here();
  /// That of `netlink`, a NETLINK_SOCK_DIAG socket that was opened in it.
  static std::shared_ptr<ClientSpace> space_of(UniqueFd netlink);

  /// Any thread; never waits for a lookup. To be called while the client is there to be found: when its
  /// connection was accepted. `answer` is called once, on the finder's thread, and should only hand on what
  /// it gets. False when too many lookups are under way: then it is not called.
  bool find(std::shared_ptr<ClientSpace> space, const ClientSocket& socket, Answer answer);

  /// Any thread; never waits. `process` again with the TLS libraries that it has by now: what it has loaded,
  /// and where that is none, what is built into its executable. The latter is read, once for each executable,
  /// which may take some tens of milliseconds; lookups that come meanwhile wait for it. `answer` as above.
  bool inspect(std::shared_ptr<const Process> process, Answer answer);

  struct Counters {
    std::uint64_t found = 0, unknown = 0, refused = 0;
    std::uint64_t reads = 0;  ///< links of descriptors
  };
  Counters counters() const;

 private:
  struct Lookup;
  struct Inspection;
  ProcessFinder(ProcessTable table, const Options& options);

  Result<> confine();
  void run();
  bool wait(std::vector<Lookup>& lookups);
  void inspect_one();
  bool has_come() const;
  void begin(Lookup lookup);
  void search();
  void settle();
  void check_one();
  bool still_there(const Lookup& lookup, std::uint64_t inode);
  void answer_all(std::uint64_t inode, const std::shared_ptr<const Process>& process);
  void answer(Lookup& lookup, std::shared_ptr<const Process> process);

  // Of the finder's thread.
  ProcessTable table_;
  std::map<std::uint64_t, std::vector<Lookup>> left_;  // looked for, by inode
  std::uint64_t checked_ = 0;                          // the latest of them that the kernel was asked about
  Duration saved_;                                     // of the time that searches may take
  TimePoint saved_at_ = steady_now();

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Lookup> queue_;           // guarded by mutex_, as all below
  std::deque<Inspection> inspections_;  // asked for
  std::size_t under_way_ = 0;           // not answered yet
  bool asleep_ = false;
  bool stop_ = false;
  Counters counters_;
  std::promise<Result<>> confined_;
  std::thread thread_;
};

}  // namespace weir::sandbox
