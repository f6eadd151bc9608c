#include "store/jsonl_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <numeric>
#include <random>
#include <set>
#include <thread>

#include "base/json_reader.h"
#include "store/test_jsonl.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<flow::FlowId>;

Ids range(flow::FlowId first, flow::FlowId last) {
  Ids ids(last - first + 1);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

void write_each(JsonlWriter& writer, flow::FlowId first, flow::FlowId last) {
  for (flow::FlowId id = first; id <= last; ++id) {
    writer.closed(boxed(bulky_flow(id)));
    ASSERT_TRUE(writer.flush());
  }
}

mode_t mode_of(const fs::path& path) {
  struct stat found;
  EXPECT_EQ(::stat(path.c_str(), &found), 0);
  return found.st_mode & 0777;
}

TEST_F(JsonlTest, WritesOneLineAFlowIntoAPrivateFile) {
  auto writer = write();
  EXPECT_TRUE(names().empty()) << "an idle session leaves no file";
  writer->opened(boxed_open(1));
  writer->closed(boxed(sample_flow(1)));
  writer->closed(boxed(sample_flow(2)));
  ASSERT_TRUE(writer->flush());
  EXPECT_EQ(read().ids(), range(1, 2)) << "seen while the file is live";
  EXPECT_EQ(read().damage.torn, 0u);
  writer->close();
  ASSERT_EQ(names(), (std::vector<std::string>{"requests_20251009_0000.jsonl.gz"}));
  EXPECT_EQ(mode_of(logs()), 0700u);
  EXPECT_EQ(mode_of(logs() / names()[0]), 0600u);
  std::string text = gunzip_file(logs() / names()[0]);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  auto entry = JsonDocument::parse(text.substr(0, text.find('\n')));
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->root()["url"].string(), "https://a.example/1");
  EXPECT_EQ(entry->root()["resp_body"].string(), "aGVsbG8=");
  EXPECT_EQ(entry->root()["id"].string(), "a1b2-1");
  EXPECT_EQ(writer->counters().accepted, 2u);
  EXPECT_EQ(writer->counters().written, 2u);
}

TEST_F(JsonlTest, ManyMembersAreOneValidFile) {
  auto writer = write();
  for (flow::FlowId id = 1; id <= 60; ++id) writer->closed(boxed(bulky_flow(id, 100'000)));
  writer->close();
  ASSERT_EQ(names().size(), 1u);
  EXPECT_EQ(std::ranges::count(gunzip_file(logs() / names()[0]), '\n'), 60);
  EXPECT_EQ(read().ids(), range(1, 60));

  std::string bytes = slurp(logs() / names()[0]);
  for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 100; ++i) bytes[i] = 'x';
  Contents damaged = read(put("damaged.jsonl.gz", bytes));
  EXPECT_GE(damaged.rows.size(), 45u) << "damage costs the member it is in";
  EXPECT_EQ(damaged.rows.back().flow.id, 60u);
}

TEST_F(JsonlTest, FilesRotateBySizeOnDiskAndFiveStay) {
  auto options = this->options();
  options.roll_bytes = 10'000;
  auto writer = write(options);
  write_each(*writer, 1, 100);
  writer->close();
  std::vector<std::string> left = names();
  ASSERT_EQ(left.size(), 5u);
  EXPECT_NE(left[0], "requests_20251009_0000.jsonl.gz");
  for (std::size_t i = 0; i + 1 < left.size(); ++i) {
    EXPECT_GE(fs::file_size(logs() / left[i]), 10'000u);
    EXPECT_LT(fs::file_size(logs() / left[i]), 12'000u);
    EXPECT_NE(gunzip_file(logs() / left[i]), "invalid");
  }
  Ids ids = read().ids();
  EXPECT_EQ(ids, range(ids.front(), 100)) << "rotation loses nothing in between";
}

TEST_F(JsonlTest, NamesAreNeverUsedAgain) {
  auto options = this->options();
  options.keep = 2;
  for (int session = 0; session < 6; ++session) {
    auto writer = write(options);
    write_each(*writer, 1, 1);
  }
  EXPECT_EQ(names(),
            (std::vector<std::string>{"requests_20251009_0004.jsonl.gz", "requests_20251009_0005.jsonl.gz"}));

  options.roll_bytes = 1;
  auto writer = write(options);
  write_each(*writer, 1, 1);
  for (const std::string& name : names()) fs::remove(logs() / name);
  write_each(*writer, 2, 2);
  writer->close();
  EXPECT_EQ(names(), (std::vector<std::string>{"requests_20251009_0007.jsonl.gz"}))
      << "not even when somebody emptied the folder";
}

TEST_F(JsonlTest, TheNumberMayGrowPastFourDigits) {
  put("requests_20251009_9999.jsonl.gz", gzip(""));
  auto writer = write();
  write_each(*writer, 1, 1);
  writer->close();
  EXPECT_EQ(names().back(), "requests_20251009_10000.jsonl.gz");
}

TEST_F(JsonlTest, FilesOfOthersAreNeitherOverwrittenNorRemoved) {
  put("requests_20251009_0000.jsonl", "mine");
  put("notes.txt", "mine");
  fs::create_symlink("notes.txt", logs() / "requests_20251009_0000.jsonl.gz");
  auto options = this->options();
  options.keep = 1;
  auto writer = write(options);
  write_each(*writer, 1, 3);
  writer->close();
  EXPECT_EQ(slurp(logs() / "requests_20251009_0000.jsonl"), "mine");
  EXPECT_EQ(slurp(logs() / "notes.txt"), "mine");
}

TEST_F(JsonlTest, TwoSessionsInOneFolderDoNotTouchEachOther) {
  auto options = this->options();
  options.keep = 2;
  auto quiet = write(options);
  write_each(*quiet, 1, 1);
  std::string quiet_file = names().at(0);
  options.roll_bytes = 3000;
  options.session = "20250131-235959-c3d4";
  auto busy = write(options);
  auto busy_too = write(options);
  std::thread other([&] { write_each(*busy_too, 1001, 1050); });
  write_each(*busy, 2001, 2050);
  other.join();
  write_each(*quiet, 2, 2);
  EXPECT_TRUE(fs::exists(logs() / quiet_file)) << "live, though the oldest by far";
  for (auto* writer : {&quiet, &busy, &busy_too}) (*writer)->close();
  for (const std::string& name : names()) EXPECT_NE(gunzip_file(logs() / name), "invalid") << name;
  Contents quiet_contents = read(logs() / quiet_file);
  EXPECT_EQ(quiet_contents.ids(), range(1, 2));
}

TEST_F(JsonlTest, SessionsOfSeveralProcessesLoseNothing) {
  constexpr int kProcesses = 4;
  auto options = this->options();
  options.keep = 1000;
  options.roll_bytes = 3000;
  std::vector<pid_t> children;
  for (int child = 0; child < kProcesses; ++child) {
    pid_t pid = ::fork();
    if (pid == 0) {
      auto writer = JsonlWriter::open(options);
      for (flow::FlowId id = 1; writer && id <= 50; ++id) {
        (*writer)->closed(boxed(bulky_flow(static_cast<flow::FlowId>(child) * 50 + id)));
        (*writer)->flush();
      }
      if (writer) (*writer)->close();
      ::_exit(0);
    }
    children.push_back(pid);
  }
  for (pid_t pid : children) ::waitpid(pid, nullptr, 0);
  Ids ids = read().ids();
  std::ranges::sort(ids);
  EXPECT_EQ(ids, range(1, kProcesses * 50));
  EXPECT_EQ(read().damage.torn + read().damage.corrupt + read().damage.invalid, 0u);
}

TEST_F(JsonlTest, KilledAtAnyMomentWhatWasFlushedIsRead) {
  using Shared = std::atomic<std::uint64_t>;
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  std::mt19937 random(20260101);
  for (int round = 0; round < 8; ++round) {
    auto* flushed = new (memory) Shared(0);
    auto options = this->options();
    options.folder = folder_.path() / std::to_string(round);
    options.keep = 1000;
    options.roll_bytes = 100'000;
    options.flush_interval = std::chrono::milliseconds(1);
    pid_t pid = ::fork();
    if (pid == 0) {
      auto writer = JsonlWriter::open(options);
      for (flow::FlowId id = 1; writer; ++id) {
        (*writer)->closed(boxed(bulky_flow(id, 1 + id * 7919 % 20'000)));
        if (id % 8 == 0 && (*writer)->flush()) *flushed = id;
      }
      ::_exit(1);
    }
    std::uint64_t enough = 8 + random() % 300;
    while (*flushed < enough) std::this_thread::yield();
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    Contents contents = read(options.folder);
    ASSERT_GE(contents.rows.size(), flushed->load());
    EXPECT_EQ(contents.ids(), range(1, contents.rows.size()));
    EXPECT_EQ(contents.damage.invalid + contents.damage.corrupt, 0u);

    auto next = write(options);  // goes on beside what the dead one left
    write_each(*next, 100'000, 100'000);
    next->close();
    EXPECT_EQ(read(options.folder).rows.size(), contents.rows.size() + 1);
  }
  ::munmap(memory, sizeof(Shared));
}

// A soft limit on file size fails writes as a full disk does, on every file system.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { free_space(); }
  void free_space() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(JsonlTest, AFullDiskIsSurvivedAndNothingAcceptedIsLost) {
  auto options = this->options();
  options.queue_bytes = 1'000'000;
  auto writer = write(options);
  writer->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(writer->flush());
  flow::FlowId id = 1;
  {
    FullDisk disk(300'000);
    while (!writer->failing() && id < 100) {
      writer->closed(boxed(bulky_flow(++id, 100'000)));
      writer->flush();
    }
    ASSERT_TRUE(writer->failing());
    EXPECT_TRUE(writer->has_room()) << "nobody waits for this log";
    for (int i = 0; i < 8000; ++i) writer->closed(boxed(bulky_flow(++id, 1000)));
    EXPECT_FALSE(writer->flush());
    JsonlWriter::Counters counters = writer->counters();
    EXPECT_GT(counters.shed_flows, 0u);
    EXPECT_GT(counters.shed_bodies, 0u);
    EXPECT_GE(counters.failed_writes, 1u);
    EXPECT_EQ(counters.accepted + counters.shed_flows, id);
    EXPECT_NE(read().rows.size(), 0u) << "what is there can be read";
  }
  while (!writer->flush()) std::this_thread::yield();
  EXPECT_FALSE(writer->failing());
  writer->closed(boxed(sample_flow(++id)));
  writer->close();
  JsonlWriter::Counters counters = writer->counters();
  EXPECT_EQ(counters.written, counters.accepted);
  EXPECT_EQ(counters.lost_flows, 0u);
  Contents contents = read();
  EXPECT_EQ(contents.rows.size(), counters.accepted);
  EXPECT_EQ(contents.damage.torn + contents.damage.corrupt + contents.damage.invalid, 0u);
  auto dropped = std::ranges::count_if(contents.rows, [](const Row& row) {
    return row.flow.marks == "capture_dropped" && row.flow.response_body.truncated &&
           row.flow.response_body.bytes.empty();
  });
  EXPECT_EQ(static_cast<std::uint64_t>(dropped), counters.shed_bodies);
  for (const std::string& name : names()) EXPECT_NE(gunzip_file(logs() / name), "invalid");
}

TEST_F(JsonlTest, ADiskFullToTheEndLosesFlowsByNumber) {
  auto writer = write();
  writer->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(writer->flush());
  FullDisk disk(1000);
  for (flow::FlowId id = 2; id <= 4; ++id) writer->closed(boxed(bulky_flow(id, 100'000)));
  writer->close();
  EXPECT_EQ(writer->counters().written, 1u);
  EXPECT_EQ(writer->counters().lost_flows, 3u);
  disk.free_space();
  EXPECT_EQ(read().ids(), range(1, 1));
}

TEST_F(JsonlTest, AFolderThatCannotBeWrittenIsRefusedAtOnce) {
  std::ofstream(folder_.path() / "file") << "x";
  auto options = this->options();
  options.folder = folder_.path() / "file" / "logs";
  auto writer = JsonlWriter::open(options);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code(), Code::io);
}

TEST_F(JsonlTest, AFolderThatVanishesIsAFailureUntilItIsBack) {
  auto writer = write();
  fs::remove(logs());
  writer->closed(boxed(sample_flow(1)));
  EXPECT_FALSE(writer->flush());
  EXPECT_TRUE(writer->failing());
  fs::create_directory(logs());
  while (!writer->flush()) std::this_thread::yield();
  EXPECT_FALSE(writer->failing());
  EXPECT_EQ(read().ids(), range(1, 1));
}

TEST_F(JsonlTest, AFileThatIsRemovedIsReplaced) {
  auto writer = write();
  write_each(*writer, 1, 1);
  fs::remove(logs() / names().at(0));
  write_each(*writer, 2, 2);
  EXPECT_EQ(read().ids(), range(2, 2));
}

TEST_F(JsonlTest, AFlowThatNoLineHoldsIsCounted) {
  auto writer = write();
  flow::Flow flow = sample_flow(1);
  flow.request.fields.add("X", std::string(9 << 20, 'x'));
  writer->closed(boxed(std::move(flow)));
  writer->closed(boxed(sample_flow(2)));
  writer->close();
  EXPECT_EQ(writer->counters().too_long, 1u);
  EXPECT_EQ(writer->counters().written, 1u);
  EXPECT_EQ(read().ids(), range(2, 2));
}

TEST_F(JsonlTest, AfterCloseFlowsAreCountedAsShed) {
  auto writer = write();
  writer->close();
  writer->close();
  writer->closed(boxed(sample_flow(1)));
  EXPECT_EQ(writer->counters().shed_flows, 1u);
  EXPECT_TRUE(names().empty());
}

TEST_F(JsonlTest, NoByteOnDiskHoldsASecret) {
  auto options = this->options();
  options.roll_bytes = 2000;
  auto writer = write(options);
  for (flow::FlowId id = 1; id <= 20; ++id) {
    flow::Flow flow = bulky_flow(id);
    flow.request.target = "/x?api_key=CANARY&q=1";
    flow.error = Code::upstream_closed;
    flow.error_detail = "https://me:CANARY@a.example/?access_token=CANARY";
    for (http::Fields* fields :
         {&flow.request.fields, &flow.request_trailers, &flow.response.fields, &flow.response_trailers}) {
      fields->add("Authorization", "Basic CANARY");
      fields->add("Proxy-Authorization", "Bearer CANARY");
      fields->add("Cookie", "a=1; sid=CANARY");
      fields->add("Set-Cookie", "sid=CANARY; Secure");
      fields->add("x-api-key", "CANARY");
      fields->add("Referer", "https://me:CANARY@a.example/?key=CANARY");
    }
    writer->closed(boxed(std::move(flow)));
    ASSERT_TRUE(writer->flush());
  }
  writer->close();
  ASSERT_GE(names().size(), 2u);
  for (const std::string& name : names()) {
    EXPECT_EQ(slurp(logs() / name).find("CANARY"), std::string::npos);
    std::string text = gunzip_file(logs() / name);
    EXPECT_NE(text.find("[REDACTED]"), std::string::npos);
    EXPECT_EQ(text.find("CANARY"), std::string::npos);
  }
}

TEST_F(JsonlTest, ADeadFileIsPrunedALiveOneIsNot) {
  for (const char* number : {"0001", "0002", "0003"})
    put(std::string("requests_20240101_") + number + ".jsonl.gz", "");
  int live = ::open((logs() / "requests_20240101_0001.jsonl.gz").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(live, LOCK_EX | LOCK_NB), 0);
  prune_logs(logs(), {kJsonlFiles}, 2);
  EXPECT_EQ(names(),
            (std::vector<std::string>{"requests_20240101_0001.jsonl.gz", "requests_20240101_0003.jsonl.gz"}));
  ::close(live);
  prune_logs(logs(), {kJsonlFiles}, 1);
  EXPECT_EQ(names(), (std::vector<std::string>{"requests_20240101_0003.jsonl.gz"}));
}

TEST(JsonlName, ReadsItsOwnNamesAlone) {
  EXPECT_EQ(JsonlName::parse("requests_20240115_0012.jsonl.gz"), (JsonlName{20240115, 12}));
  EXPECT_EQ(JsonlName::parse("requests_20240115_12345.jsonl.gz")->str(), "requests_20240115_12345.jsonl.gz");
  for (std::string_view name : {"", "requests_.jsonl.gz", "requests_20240115_12.jsonl.gz",
                                "requests_20240115_0012.jsonl", "requests_20240115-0012.jsonl.gz",
                                "requests_2024x115_0012.jsonl.gz", "requests_20240115_00x2.jsonl.gz",
                                "requests_20240115_9999999999.jsonl.gz", "xrequests_20240115_0012.jsonl.gz"})
    EXPECT_FALSE(JsonlName::parse(name)) << name;
}

}  // namespace
}  // namespace weir::store
