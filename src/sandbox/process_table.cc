#include "sandbox/process_table.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <set>

#include "sandbox/tls_libraries.h"

namespace weir::sandbox {
namespace {

constexpr std::size_t kRecent = 64;          // descriptors
constexpr std::size_t kFree = 64;            // descriptors
constexpr std::size_t kFew = 16;             // of either
constexpr int kGap = 8;                      // that many free ones in a row: nothing is above
constexpr int kMostAbove = 4096;             // read in one go above what was known
constexpr std::size_t kMostSockets = 65536;  // remembered of a process
constexpr std::size_t kProbed = 8;           // processes, for what was not found before
constexpr std::size_t kNewest = 32;          // processes, for what is wanted anew
constexpr std::size_t kFirst = 4;            // of these, before others get a turn
constexpr std::size_t kMany = 256;           // descriptors
constexpr std::size_t kMostAncestors = 16;

WallNanos boot_time() {
  timespec since;
  ::clock_gettime(CLOCK_BOOTTIME, &since);
  return wall_now() - (since.tv_sec * 1'000'000'000LL + since.tv_nsec);
}

WallNanos ticks(std::uint64_t count) {
  static const long a_second = ::sysconf(_SC_CLK_TCK);
  return static_cast<WallNanos>(count) * (1'000'000'000LL / a_second);
}

// Whoever runs the program may have put anything in its place: nothing is opened that could wait, or act.
UniqueFd open_regular(const std::string& path) {
  if (path.empty()) return {};
  UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat facts;
  if (!place || ::fstat(place.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return {};
  return UniqueFd(
      ::open(("/proc/self/fd/" + std::to_string(place.get())).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

std::string name_of(const std::string& executable, const ProcessState& state) {
  std::string name = executable.substr(executable.rfind('/') + 1);
  return name.empty() ? state.command : name;
}

}  // namespace

/// A process in which a socket was found.
struct ProcessTable::Known {
  ProcessFolder folder;
  ProcessState state = {};
  std::shared_ptr<const Process> record = nullptr;
  std::deque<int> recent = {};  // where sockets were found, the latest first
  std::set<int> free = {};      // lowest descriptors that were not open, below `above`
  int above = 0;                // nothing was open from here on
  std::size_t descriptors = 0;  // open, when all were read
  std::unordered_map<std::uint64_t, int> sockets = {};  // seen then, and since

  explicit Known(ProcessFolder folder) : folder(std::move(folder)) {}

  void note_found(int descriptor) {
    free.erase(descriptor);
    std::erase(recent, descriptor);
    recent.push_front(descriptor);
    if (recent.size() > kRecent) recent.pop_back();
  }
};

Result<ProcessTable> ProcessTable::open(const std::string& proc) {
  UniqueFd folder(::open(proc.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail_errno(Code::io, proc, errno);
  return ProcessTable(std::move(folder));
}

ProcessTable::ProcessTable(UniqueFd proc) : proc_(std::move(proc)), booted_(boot_time()), self_(::getpid()) {}
ProcessTable::ProcessTable(ProcessTable&&) noexcept = default;
ProcessTable::~ProcessTable() = default;

void ProcessTable::want(const WantedSocket& socket) {
  left_.try_emplace(socket.inode, Left{socket});
  newest_.reset();
  newest_left_ = kNewest;
}

void ProcessTable::forget(std::uint64_t inode) {
  left_.erase(inode);
  if (!left_.empty()) return;
  newest_.reset();
  all_.reset();
  last_.clear();
}

std::vector<std::pair<std::uint64_t, std::shared_ptr<const Process>>> ProcessTable::take_found() {
  return std::exchange(found_, {});
}

std::vector<std::uint64_t> ProcessTable::take_missed() { return std::exchange(missed_, {}); }

void ProcessTable::look_near(Reach reach) {
  std::size_t probed = 0;
  for (auto known = known_.begin(); known != known_.end() && !left_.empty() && probed < kProbed; ++probed) {
    auto next = std::next(known);
    if (auto state = known->folder.state()) {
      Sightings seen = probe(*known, reach);
      leave_inherited(*state, seen);
      give(known, *state, seen);
    } else {
      known_.erase(known);
    }
    known = next;
  }
}

ProcessTable::Sightings ProcessTable::probe(Known& known, Reach reach) {
  std::vector<int> likely;
  for (const auto& [inode, wanted] : left_)
    if (auto before = known.sockets.find(inode); before != known.sockets.end())
      likely.push_back(before->second);
  std::size_t most = reach == Reach::few ? kFew : std::max(kRecent, kFree);
  std::copy_n(known.recent.begin(), std::min(most, known.recent.size()), std::back_inserter(likely));
  std::copy_n(known.free.begin(), std::min(most, known.free.size()), std::back_inserter(likely));
  Sightings seen;
  for (int descriptor : likely) {
    if (seen.size() == left_.size()) return seen;
    look_at(known, descriptor, seen);
  }
  probe_above(known, seen);
  return seen;
}

void ProcessTable::probe_above(Known& known, Sightings& seen) {
  int last = known.above + kMostAbove;
  for (int at = known.above; at < last && at - known.above < kGap && seen.size() < left_.size(); ++at) {
    int above = known.above;
    if (!look_at(known, at, seen)) continue;
    while (above < at && known.free.size() < kFree) known.free.insert(above++);
    known.above = at + 1;
  }
}

// False when it is not open.
bool ProcessTable::look_at(Known& known, int descriptor, Sightings& seen) {
  ++reads_;
  auto inode = known.folder.socket_at(descriptor);
  if (!inode) return false;
  // Passed by once, it would not be looked at again.
  if (*inode != 0 && known.sockets.size() < kMostSockets) known.sockets.insert_or_assign(*inode, descriptor);
  auto same = [&](const Sighting& each) { return each.inode == *inode; };
  if (left_.contains(*inode) && std::ranges::none_of(seen, same)) seen.push_back({*inode, descriptor});
  return true;
}

void ProcessTable::look_further() {
  if (left_.empty()) return;
  bool first_of_all = newest_left_ + kFirst > kNewest;
  bool newest = newest_left_ > 0 && (first_of_all || !others_turn_);
  others_turn_ = newest;
  if (!newest || !look_at_newest()) look_at_next();
}

ProcessCandidates ProcessTable::candidates() const {
  std::vector<pid_t> roots;
  std::vector<uid_t> users;
  for (const auto& [inode, each] : left_) {
    if (each.wanted.root != 0) roots.push_back(each.wanted.root);
    users.push_back(each.wanted.uid);
  }
  return {proc_.get(), roots, std::move(users)};
}

// False when there is none.
bool ProcessTable::look_at_newest() {
  if (!newest_) newest_ = candidates();
  --newest_left_;
  pid_t pid = newest_->next();
  if (pid == 0) newest_left_ = 0;
  if (pid != 0 && pid != self_ && !is_large(pid)) look_into(pid);
  return pid != 0;
}

void ProcessTable::look_at_next() {
  if (!all_) {
    all_ = candidates();
    last_ = {self_};
    for (auto& [inode, each] : left_) each.throughout = true;
  }
  pid_t pid = all_->next();
  while (pid != 0 && (pid == self_ || is_large(pid))) {
    if (pid != self_) last_.push_back(pid);
    pid = all_->next();
  }
  if (pid == 0 && !last_.empty()) {
    pid = last_.back();
    last_.pop_back();
  }
  pid == 0 ? end_pass() : look_into(pid);
}

void ProcessTable::end_pass() {
  all_.reset();
  for (auto each = left_.begin(); each != left_.end();) {
    if (each->second.throughout) missed_.push_back(each->first);
    each = each->second.throughout ? left_.erase(each) : std::next(each);
  }
}

bool ProcessTable::is_large(pid_t pid) const {
  auto known = std::ranges::find(known_, pid, [](const Known& each) { return each.folder.pid(); });
  return known != known_.end() && known->descriptors > kMany;
}

void ProcessTable::look_into(pid_t pid) {
  auto folder = ProcessFolder::open(proc_.get(), pid);
  auto descriptors = folder ? folder->descriptors() : std::nullopt;
  if (!descriptors) return;
  auto known = remember(std::move(*folder));
  Sightings seen = read_all(*known, *descriptors);
  auto state = known->folder.state();
  // Without it nobody can say any more what it was.
  if (!state || (seen.empty() && !known->record)) {
    known_.erase(known);
    return;
  }
  std::size_t elsewhere = leave_inherited(*state, seen);
  give(known, *state, seen);
  if (elsewhere > 0) look_into(state->parent);
}

// What is known of the process, or a new entry, at the end.
std::list<ProcessTable::Known>::iterator ProcessTable::remember(ProcessFolder folder) {
  auto known = std::ranges::find(known_, folder.pid(), [](const Known& each) { return each.folder.pid(); });
  if (known != known_.end() && known->folder.state()) return known;
  if (known != known_.end()) known_.erase(known);
  return known_.emplace(known_.end(), std::move(folder));
}

ProcessTable::Sightings ProcessTable::read_all(Known& known, const std::vector<int>& descriptors) {
  known.descriptors = descriptors.size();
  known.sockets.clear();
  known.free.clear();
  Sightings seen;
  int expected = 0;
  for (int descriptor : descriptors) {
    while (expected < descriptor && known.free.size() < kFree) known.free.insert(expected++);
    expected = descriptor + 1;
    ++reads_;
    std::uint64_t inode = known.folder.socket_at(descriptor).value_or(0);
    if (inode == 0) continue;
    bool first = known.sockets.size() >= kMostSockets || known.sockets.emplace(inode, descriptor).second;
    if (first && left_.contains(inode)) seen.push_back({inode, descriptor});
  }
  known.above = expected;
  return seen;
}

// A child has its parent's sockets under the same numbers; one that it made itself its parent never has.
bool ProcessTable::inherited(const ProcessState& state, const Sighting& sighting) {
  if (state.parent == 0) return false;
  ++reads_;
  auto parent = ProcessFolder::open(proc_.get(), state.parent);
  return parent && parent->socket_at(sighting.descriptor) == sighting.inode;
}

std::size_t ProcessTable::leave_inherited(const ProcessState& state, Sightings& seen) {
  return std::erase_if(seen, [&](const Sighting& each) { return inherited(state, each); });
}

void ProcessTable::give(std::list<Known>::iterator known, const ProcessState& state, const Sightings& seen) {
  if (seen.empty()) {
    if (!known->record) known_.erase(known);
    return;
  }
  // A program that is being started has its memory before it has its arguments.
  bool whole = known->record && !known->record->arguments.empty();
  if (!whole || !known->state.same_program(state)) known->record = describe(known->folder, state);
  known->state = state;
  for (const Sighting& each : seen) {
    known->note_found(each.descriptor);
    found_.emplace_back(each.inode, known->record);
    forget(each.inode);
  }
  known_.splice(known_.begin(), known_, known);
  if (known_.size() > kMostProcesses) known_.pop_back();
}

std::shared_ptr<const Process> ProcessTable::describe(const ProcessFolder& folder,
                                                      const ProcessState& state) const {
  auto process = std::make_shared<Process>();
  process->pid = folder.pid();
  process->started = booted_ + ticks(state.started);
  // First what is gone when it ends.
  process->executable = folder.executable();
  process->arguments = folder.arguments(process->arguments_cut);
  process->tls_libraries = tls_libraries_in_maps(folder.maps());
  process->name = name_of(process->executable, state);
  process->parents = ancestors(state);
  return process;
}

// The folder of that very process, not of another that got its number.
std::optional<ProcessFolder> ProcessTable::folder_of(const Process& process) const {
  auto folder = ProcessFolder::open(proc_.get(), process.pid);
  auto state = folder ? folder->state() : std::nullopt;
  if (!state || booted_ + ticks(state->started) != process.started) return std::nullopt;
  return folder;
}

std::shared_ptr<const Process> ProcessTable::inspect(std::shared_ptr<const Process> process) {
  auto folder = folder_of(*process);
  auto found = folder ? tls_libraries_in_maps(folder->maps()) : process->tls_libraries;
  if (found.empty()) {
    UniqueFd file = folder ? folder->open_executable() : UniqueFd();
    if (!file) file = open_regular(process->executable);
    if (file) found = built_in(file.get(), process->name);
  }
  if (found.empty() || found == process->tls_libraries) return process;
  auto out = std::make_shared<Process>(*process);
  out->tls_libraries = std::move(found);
  return out;
}

std::vector<Process::TlsLibrary> ProcessTable::built_in(int file, const std::string& name) {
  struct stat facts;
  if (::fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) return {};
  ExecutableId id{facts.st_dev, facts.st_ino, static_cast<std::uint64_t>(facts.st_size),
                  static_cast<std::uint64_t>(facts.st_mtim.tv_sec),
                  static_cast<std::uint64_t>(facts.st_mtim.tv_nsec)};
  if (auto known = built_in_.find(id); known != built_in_.end()) return known->second;
  if (built_in_.size() >= kMostExecutables) built_in_.clear();
  return built_in_[id] = tls_libraries_in_executable(file, name);
}

// A parent that ends leaves its number to anybody: one that began after its child is none.
std::vector<Process::Ancestor> ProcessTable::ancestors(const ProcessState& state) const {
  std::vector<Process::Ancestor> out;
  ProcessState child = state;
  while (child.parent > 0 && out.size() < kMostAncestors) {
    auto folder = ProcessFolder::open(proc_.get(), child.parent);
    auto parent = folder ? folder->state() : std::nullopt;
    if (!parent || parent->started > child.started) break;
    out.push_back({folder->pid(), name_of(folder->executable(), *parent)});
    child = std::move(*parent);
  }
  return out;
}

}  // namespace weir::sandbox
