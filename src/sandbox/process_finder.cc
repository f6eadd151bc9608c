#include "sandbox/process_finder.h"

#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"
#include "sandbox/capabilities.h"
#include "sandbox/serving_filter.h"

namespace weir::sandbox {
namespace {

// Searches may take a fifth of the time. What was not used is saved up, and what is overdrawn is waited for,
// both up to a bound: a short-lived client is to be found at once, and a long search not to end them all.
constexpr int kShare = 5;
constexpr Duration kMostSaved = std::chrono::milliseconds(100);
constexpr Duration kMostOwed = std::chrono::milliseconds(100);

// Looks that are taken whatever they cost: a new client is mostly found by them.
constexpr int kFirstLooks = 4;

constexpr std::size_t kMostInspections = 256;

constexpr std::string_view kEnded = "ended before it was looked up";
constexpr std::string_view kStopped = "Weir ended before it was looked up";
constexpr std::string_view kHidden = "Weir may not look at the process that holds the connection";

std::shared_ptr<const Process> unknown(std::string why) {
  auto process = std::make_shared<Process>();
  process->unknown = std::move(why);
  return process;
}

bool sees_all_users() { return ::geteuid() == 0; }

}  // namespace

struct ProcessFinder::Lookup {
  std::shared_ptr<ClientSpace> space;
  ClientSocket socket;
  Answer answer;
  bool searched = false;  // through all processes, in vain
};

struct ProcessFinder::Inspection {
  std::shared_ptr<const Process> process;
  Answer answer;
};

Result<std::unique_ptr<ProcessFinder>> ProcessFinder::start(const Options& options) {
  auto table = ProcessTable::open(options.proc);
  if (!table) return pass(table);
  std::unique_ptr<ProcessFinder> finder(new ProcessFinder(std::move(*table), options));
  if (options.confined)
    if (auto done = finder->confined_.get_future().get(); !done) return pass(done);
  return finder;
}

ProcessFinder::ProcessFinder(ProcessTable table, const Options& options)
    : table_(std::move(table)), saved_(kMostSaved), most_(options.most), thread_([this, options] {
        name_thread("weir-process");
        if (options.confined) confined_.set_value(confine());
        run();
      }) {}

// Not by Landlock: who is under it can look into no process that is not. This list keeps it from all but
// reading.
Result<> ProcessFinder::confine() {
  auto kept = keep_capabilities(capability_bit(CAP_SYS_PTRACE) | capability_bit(CAP_DAC_READ_SEARCH));
  if (!kept) return kept;
  return allow_only(CallList::looking);
}

ProcessFinder::~ProcessFinder() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Result<std::shared_ptr<ClientSpace>> ProcessFinder::space_here() {
  auto sockets = SocketOwner::open();
  if (!sockets) return pass(sockets);
  return std::make_shared<ClientSpace>(std::move(*sockets), true);
}

std::shared_ptr<ClientSpace> ProcessFinder::space_of(UniqueFd netlink) {
  return std::make_shared<ClientSpace>(SocketOwner(std::move(netlink)), false);
}

bool ProcessFinder::find(std::shared_ptr<ClientSpace> space, const ClientSocket& socket, Answer answer) {
  bool wake;
  {
    std::lock_guard lock(mutex_);
    if (stop_ || under_way_ >= most_) {
      ++counters_.refused;
      return false;
    }
    ++under_way_;
    queue_.push_back({std::move(space), socket, std::move(answer)});
    wake = std::exchange(asleep_, false);
  }
  if (wake) wake_.notify_one();
  return true;
}

bool ProcessFinder::inspect(std::shared_ptr<const Process> process, Answer answer) {
  bool wake;
  {
    std::lock_guard lock(mutex_);
    if (stop_ || inspections_.size() >= kMostInspections) return false;
    inspections_.push_back({std::move(process), std::move(answer)});
    wake = std::exchange(asleep_, false);
  }
  if (wake) wake_.notify_one();
  return true;
}

// Between two of them lookups get their turn.
void ProcessFinder::inspect_one() {
  std::unique_lock lock(mutex_);
  if (inspections_.empty()) return;
  Inspection next = std::move(inspections_.front());
  inspections_.pop_front();
  lock.unlock();
  next.answer(table_.inspect(std::move(next.process)));
}

ProcessFinder::Counters ProcessFinder::counters() const {
  std::lock_guard lock(mutex_);
  return counters_;
}

void ProcessFinder::run() {
  std::vector<Lookup> come;
  while (wait(come)) {
    bool any = !come.empty();
    for (Lookup& lookup : come) begin(std::move(lookup));
    come.clear();
    if (any) {
      table_.look_near(ProcessTable::Reach::few);
      for (int i = 0; i < kFirstLooks && table_.wants_any(); ++i) table_.look_further();
      table_.look_near(ProcessTable::Reach::more);
      settle();
    }
    inspect_one();
    search();
    std::lock_guard lock(mutex_);
    counters_.reads = table_.reads();
  }
  for (Inspection& each : inspections_) each.answer(std::move(each.process));
  while (!left_.empty()) answer_all(left_.begin()->first, unknown(std::string(kStopped)));
  for (Lookup& lookup : come) answer(lookup, unknown(std::string(kStopped)));
}

// Takes what has come, or returns because the search may go on; false at the end.
bool ProcessFinder::wait(std::vector<Lookup>& come) {
  std::unique_lock lock(mutex_);
  auto ready = [this] { return stop_ || !queue_.empty() || !inspections_.empty(); };
  asleep_ = !ready();
  if (left_.empty()) {
    wake_.wait(lock, ready);
  } else {
    wake_.wait_until(lock, saved_at_ + std::max(-saved_ * kShare, Duration::zero()), ready);
  }
  asleep_ = false;
  std::swap(come, queue_);
  return !stop_;
}

bool ProcessFinder::has_come() const {
  std::lock_guard lock(mutex_);
  return stop_ || !queue_.empty() || !inspections_.empty();
}

void ProcessFinder::begin(Lookup lookup) {
  auto facts = lookup.space->sockets_.find(lookup.socket);
  if (!facts) return answer(lookup, unknown(facts.error().context()));
  if (!*facts || (*facts)->inode == 0) return answer(lookup, unknown(std::string(kEnded)));
  auto [inode, uid] = **facts;
  if (lookup.space->here_ && uid != ::geteuid() && !sees_all_users())
    return answer(lookup,
                  unknown("it is a process of user " + std::to_string(uid) + ", which Weir may not look at"));
  table_.want({.inode = inode, .uid = uid, .root = lookup.space->root_.load(std::memory_order_relaxed)});
  left_[inode].push_back(std::move(lookup));
}

// Until nothing is left to look for, somebody else comes, or the time for it is used up.
void ProcessFinder::search() {
  TimePoint now = steady_now();
  saved_ = std::min(kMostSaved, saved_ + (now - saved_at_) / kShare);
  saved_at_ = now;
  while (!left_.empty() && saved_ >= Duration::zero() && !has_come()) {
    table_.look_further();
    settle();
    check_one();
    now = steady_now();
    saved_ = std::max(-kMostOwed, saved_ - (now - saved_at_));
    saved_at_ = now;
  }
}

void ProcessFinder::settle() {
  for (auto& [inode, process] : table_.take_found()) answer_all(inode, process);
  for (std::uint64_t inode : table_.take_missed()) {
    auto lookups = left_.find(inode);
    if (lookups == left_.end()) continue;
    Lookup& first = lookups->second.front();
    bool there = still_there(first, inode);
    // Once more: it may have been on its way from one process to another.
    if (there && !std::exchange(first.searched, true)) {
      table_.want({.inode = inode});
    } else {
      answer_all(inode, unknown(std::string(there ? kHidden : kEnded)));
    }
  }
}

// Nobody looks for what is no more: of all that is left one after the other is asked about.
void ProcessFinder::check_one() {
  auto next = left_.upper_bound(checked_);
  if (next == left_.end()) next = left_.begin();
  if (next == left_.end()) return;
  checked_ = next->first;
  if (still_there(next->second.front(), checked_)) return;
  table_.forget(checked_);
  answer_all(checked_, unknown(std::string(kEnded)));
}

bool ProcessFinder::still_there(const Lookup& lookup, std::uint64_t inode) {
  auto facts = lookup.space->sockets_.find(lookup.socket);
  return facts && *facts && (*facts)->inode == inode;
}

void ProcessFinder::answer_all(std::uint64_t inode, const std::shared_ptr<const Process>& process) {
  auto lookups = left_.extract(inode);
  if (lookups.empty()) return;
  for (Lookup& lookup : lookups.mapped()) answer(lookup, process);
}

void ProcessFinder::answer(Lookup& lookup, std::shared_ptr<const Process> process) {
  {
    std::lock_guard lock(mutex_);
    --under_way_;
    ++(process->unknown.empty() ? counters_.found : counters_.unknown);
  }
  lookup.answer(std::move(process));
}

}  // namespace weir::sandbox
