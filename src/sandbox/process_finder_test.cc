// The finder on real connections of real processes.
#include "sandbox/process_finder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "sandbox/test_connection.h"

namespace weir::sandbox {
namespace {

using ::testing::ElementsAre;
using Found = std::shared_ptr<const Process>;

class ProcessFinderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto space = ProcessFinder::space_here();
    ASSERT_TRUE(space) << space.error().message();
    space_ = *space;
  }
  ProcessFinder& finder() {
    if (!finder_) finder_ = std::move(*ProcessFinder::start());
    return *finder_;
  }
  std::future<Found> ask(const ClientSocket& socket) {
    auto promise = std::make_shared<std::promise<Found>>();
    EXPECT_TRUE(
        finder().find(space_, socket, [promise](Found found) { promise->set_value(std::move(found)); }));
    return promise->get_future();
  }
  Found find(const ClientSocket& socket) { return ask(socket).get(); }

  // After all forks of a test: no thread is there before.
  std::unique_ptr<ProcessFinder> finder_;
  std::shared_ptr<ClientSpace> space_;
};

TEST_F(ProcessFinderTest, FindsThisProcess) {
  for (const char* place : {"127.0.0.1:0", "[::1]:0"}) {
    UniqueFd listener = listen_at(place);
    UniqueFd client = connect_to(own_address(listener.get()));
    auto [server, socket] = accepted(listener.get());
    Found found = find(socket);
    EXPECT_EQ(found->unknown, "");
    EXPECT_EQ(found->pid, ::getpid());
    EXPECT_EQ(found->executable, std::filesystem::read_symlink("/proc/self/exe"));
    ASSERT_FALSE(found->parents.empty());
    EXPECT_EQ(found->parents[0].pid, ::getppid());
    EXPECT_LE(found->started, wall_now());
    EXPECT_GT(found->started, wall_now() - 3600'000'000'000);
  }
}

TEST_F(ProcessFinderTest, FindsTheProgramThatAChildRuns) {
  UniqueFd listener = listen_at("127.0.0.1:0");
  Child child([&] {
    UniqueFd client = connect_to(own_address(listener.get()));
    ::fcntl(client.get(), F_SETFD, 0);
    ::execlp("sleep", "\x1b[31mnap", "1000", nullptr);
  });
  // Its end of the connection is there before it runs the program.
  auto [server, socket] = accepted(listener.get());
  Found found = find(socket);
  auto runs = [&] { return found->name == "sleep" && !found->arguments.empty(); };
  while (!runs() && found->unknown.empty()) found = find(socket);
  EXPECT_EQ(found->unknown, "");
  EXPECT_EQ(found->pid, child.pid());
  EXPECT_THAT(found->executable, ::testing::EndsWith("/sleep"));
  EXPECT_THAT(found->arguments, ElementsAre("\x1b[31mnap", "1000"));
  EXPECT_EQ(found->parents.at(0).pid, ::getpid());
}

TEST_F(ProcessFinderTest, LibrariesThatAProcessHasLoadedAreKnown) {
  UniqueFd listener = listen_at("127.0.0.1:0");
  UniqueFd client = connect_to(own_address(listener.get()));
  auto [server, socket] = accepted(listener.get());
  Found found = find(socket);
  EXPECT_THAT(found->tls_libraries,
              ::testing::Contains(::testing::Field(&Process::TlsLibrary::name, "OpenSSL")))
      << "these tests are linked with it";
}

TEST_F(ProcessFinderTest, InspectingLooksIntoTheExecutable) {
  // Of a process that has ended by now; a pid that is another's must not be taken for it.
  std::string program = ::testing::TempDir() + "weir-inspected-" + std::to_string(::getpid());
  {
    std::ofstream file(program, std::ios::binary);
    std::ifstream self("/bin/true", std::ios::binary);
    std::string head(64, '\0');
    self.read(head.data(), 64);
    head[60] = head[61] = 0;  // no section headers: all of it is looked at
    file << head << "/registry/rustls-0.23.1/src/lib.rs";
  }
  auto inspect = [&](Process process) {
    std::promise<Found> answer;
    EXPECT_TRUE(finder().inspect(std::make_shared<const Process>(std::move(process)),
                                 [&](Found found) { answer.set_value(std::move(found)); }));
    return answer.get_future().get();
  };
  Process ended{.pid = ::getpid(), .started = 1, .name = "tool", .executable = program};
  EXPECT_THAT(inspect(ended)->tls_libraries, ElementsAre(Process::TlsLibrary{"rustls", "tool"}));
  std::filesystem::remove(program);
  EXPECT_THAT(inspect(ended)->tls_libraries, ElementsAre());
  ended.executable = "/dev/null";
  EXPECT_THAT(inspect(ended)->tls_libraries, ElementsAre());
  std::filesystem::path fifo = program;
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ended.executable = program;
  EXPECT_THAT(inspect(ended)->tls_libraries, ElementsAre()) << "and nothing has waited for a writer";
  std::filesystem::remove(fifo);
}

TEST_F(ProcessFinderTest, ProcessesWithTheSamePortNumberAreToldApart) {
  UniqueFd listener = listen_at("127.0.0.1:0");
  std::string place = own_address(listener.get());
  Child first([&] { connect_to(place).release(); });
  auto [server, socket] = accepted(listener.get());
  std::string local = peer_address(server.get());
  std::string port = local.substr(local.rfind(':'));
  Child second([&] { connect_to(place, "127.0.0.9" + port).release(); });
  auto [other_server, other_socket] = accepted(listener.get());
  EXPECT_EQ(find(socket)->pid, first.pid());
  EXPECT_EQ(find(other_socket)->pid, second.pid());
  EXPECT_EQ(find({socket.peer, socket.local})->pid, ::getpid());
}

TEST_F(ProcessFinderTest, AProcessThatHasEndedIsNotGuessed) {
  UniqueFd listener = listen_at("127.0.0.1:0");
  Child child([&] { connect_to(own_address(listener.get())).release(); });
  auto [server, socket] = accepted(listener.get());
  child.kill();
  Found found = find(socket);
  EXPECT_EQ(*found, (Process{.unknown = "ended before it was looked up"}));
  EXPECT_EQ(finder().counters().unknown, 1u);
}

TEST_F(ProcessFinderTest, AConnectionThatWasNeverThereIsUnknown) {
  Found found = find(client_socket("127.0.0.77:1", "127.0.0.78:2"));
  EXPECT_EQ(found->unknown, "ended before it was looked up");
}

TEST_F(ProcessFinderTest, ManyConnectionsOfAProcessWithManyDescriptors) {
  constexpr int kDescriptors = 4000, kConnections = 1000;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  rlimit wide = {std::min<rlim_t>(limit.rlim_max, 16384), limit.rlim_max};
  if (wide.rlim_cur < 16384) GTEST_SKIP() << "too few descriptors are permitted here";
  ::setrlimit(RLIMIT_NOFILE, &wide);
  UniqueFd listener = listen_at("127.0.0.1:0");
  Child child([&] {
    for (int i = 0; i < kDescriptors; ++i) ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < kConnections; ++i) connect_to(own_address(listener.get())).release();
  });
  std::vector<UniqueFd> servers;
  std::vector<std::future<Found>> answers;
  for (int i = 0; i < kConnections; ++i) {
    auto [server, socket] = accepted(listener.get());
    answers.push_back(ask(socket));
    servers.push_back(std::move(server));
  }
  for (auto& answer : answers) {
    Found found = answer.get();
    EXPECT_EQ(found->unknown, "");
    EXPECT_EQ(found->pid, child.pid());
  }
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ProcessFinder::Counters counters = finder().counters();
  EXPECT_EQ(counters.found, static_cast<std::uint64_t>(kConnections));
  EXPECT_LT(counters.reads, 200'000u) << "to read all for each would be " << kDescriptors * kConnections;
}

TEST_F(ProcessFinderTest, RefusesWhatIsTooMuch) {
  finder_ = std::move(*ProcessFinder::start({.most = 0}));
  EXPECT_FALSE(finder().find(space_, client_socket("127.0.0.1:1", "127.0.0.1:2"), [](Found) { FAIL(); }));
  EXPECT_EQ(finder().counters().refused, 1u);
}

TEST_F(ProcessFinderTest, EveryQuestionIsAnsweredOnceAlsoAtTheEnd) {
  constexpr int kThreads = 4, kEach = 200;
  UniqueFd listener = listen_at("127.0.0.1:0");
  UniqueFd client = connect_to(own_address(listener.get()));
  ClientSocket socket = client_socket(client.get());
  std::atomic<int> answers{0}, wrong{0};
  finder();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&] {
        for (int j = 0; j < kEach; ++j)
          EXPECT_TRUE(finder().find(space_, socket, [&](Found found) {
            ++answers;
            wrong +=
                found->unknown.empty() ? found->pid != ::getpid() : !found->unknown.starts_with("Weir ended");
          }));
      });
  }
  finder_.reset();
  EXPECT_EQ(answers, kThreads * kEach);
  EXPECT_EQ(wrong, 0);
}

TEST_F(ProcessFinderTest, AnotherSpaceIsAskedThroughItsOwnSocketWithItsRoot) {
  UniqueFd listener = listen_at("127.0.0.1:0");
  Child child([&] { connect_to(own_address(listener.get())).release(); });
  auto [server, socket] = accepted(listener.get());
  space_ =
      ProcessFinder::space_of(UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)));
  space_->set_root(child.pid());
  EXPECT_EQ(find(socket)->pid, child.pid());
}

}  // namespace
}  // namespace weir::sandbox
