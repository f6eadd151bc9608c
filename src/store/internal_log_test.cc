#include "store/internal_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

#include "store/internal_log_reader.h"
#include "store/test_jsonl.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

class InternalLogTest : public testing::Test {
 protected:
  fs::path logs() const { return folder_.path() / "internal"; }
  InternalLog::Options options() const {
    return {.folder = logs(), .now = [] { return kNoon; }};
  }
  static void say(InternalLog& log, std::string_view text, log::Level level = log::Level::warn,
                  std::string_view component = {}) {
    static std::atomic<WallNanos> clock = kNoon;
    log.heard({clock += kSecond, level, component, text});
  }
  Texts names() const {
    Texts names;
    std::error_code error;
    for (fs::directory_iterator entry(logs(), error), end; !error && entry != end; entry.increment(error))
      names.push_back(entry->path().filename());
    std::ranges::sort(names);
    return names;
  }
  // Without their times.
  Texts read(InternalType type = InternalType::all) const {
    Texts texts;
    auto reader = InternalLogReader::open(logs(), type);
    while (reader) {
      auto line = reader->next();
      if (!line) break;
      texts.push_back(line->text.substr(std::min(line->text.find(' ') + 1, line->text.size())));
    }
    return texts;
  }
  static std::string slurp(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  TempFolder folder_;
};

TEST_F(InternalLogTest, EachLineIsThereAtOnceInAPrivateFile) {
  InternalLog log(options());
  EXPECT_TRUE(names().empty()) << "who says nothing leaves nothing";
  say(log, "first");
  say(log, "second", log::Level::error, "ask");
  EXPECT_EQ(names(), (Texts{"proxy_20251009_0000.log"}));
  std::string text = slurp(logs() / names()[0]);
  EXPECT_TRUE(text.starts_with("2025-10-09T")) << text;
  EXPECT_EQ(read(), (Texts{"WARN [proxy] first", "ERROR [ask] second"}));
  struct stat found;
  ASSERT_EQ(::stat((logs() / names()[0]).c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(InternalLogTest, NothingThatIsLoggedForgesALine) {
  InternalLog log(options());
  say(log, "a\n2024-01-15T10:30:05.123Z ERROR [proxy] forged\r\x1b[2J");
  EXPECT_EQ(read(), (Texts{"WARN [proxy] a\\x0a2024-01-15T10:30:05.123Z ERROR [proxy] forged\\x0d\\x1b[2J"}));
}

TEST_F(InternalLogTest, WhatRemoteLoggingComplainsOfIsKeptApart) {
  InternalLog log(options());
  say(log, "down", log::Level::error, "logging.syslog");
  say(log, "own");
  say(log, "up again", log::Level::info, "logging.syslog");
  say(log, "slow", log::Level::warn, "logging");
  say(log, "logs of wood", log::Level::warn, "loggings");
  EXPECT_EQ(names(), (Texts{"logging-errors.log", "proxy_20251009_0000.log"}));
  EXPECT_EQ(read(InternalType::logging), (Texts{"ERROR [logging.syslog] down", "WARN [logging] slow"}));
  EXPECT_EQ(read(InternalType::proxy),
            (Texts{"WARN [proxy] own", "INFO [logging.syslog] up again", "WARN [loggings] logs of wood"}));
  EXPECT_EQ(read(),
            (Texts{"ERROR [logging.syslog] down", "WARN [proxy] own", "INFO [logging.syslog] up again",
                   "WARN [logging] slow", "WARN [loggings] logs of wood"}))
      << "by time";
}

TEST_F(InternalLogTest, AShortLivedProcessGoesOnInTheFileOfTheLast) {
  for (int run = 0; run < 10; ++run) {
    InternalLog log(options());
    say(log, "run " + std::to_string(run));
  }
  EXPECT_EQ(names(), (Texts{"proxy_20251009_0000.log"}));
  EXPECT_EQ(read().size(), 10u);
}

TEST_F(InternalLogTest, ProcessesAtTheSameTimeHaveAFileEach) {
  InternalLog first(options()), second(options());
  say(first, "one");
  say(second, "two");
  say(first, "three");
  EXPECT_EQ(names(), (Texts{"proxy_20251009_0000.log", "proxy_20251009_0001.log"}));
  EXPECT_EQ(read(), (Texts{"WARN [proxy] one", "WARN [proxy] two", "WARN [proxy] three"}));
}

TEST_F(InternalLogTest, FullFilesArePackedAndFiveStay) {
  auto options = this->options();
  options.roll_bytes = 300;
  options.keep = 3;
  {
    InternalLog log(options);
    for (int i = 0; i < 100; ++i) say(log, "line " + std::to_string(100 + i));
  }
  {
    InternalLog next(options);
    say(next, "line 200");
  }
  tidy_internal_logs(options);  // when none of them is live
  EXPECT_LE(names().size(), 3u);
  Texts left = read();
  for (std::size_t i = 0; i < left.size(); ++i)
    EXPECT_EQ(left[i], "WARN [proxy] line " + std::to_string(201 - left.size() + i)) << "without a gap";
  EXPECT_GE(left.size(), 10u);
  for (const std::string& name : names()) {
    if (!name.ends_with(".gz")) continue;
    EXPECT_NE(gunzip_file(logs() / name), "invalid");
    EXPECT_GE(gunzip_file(logs() / name).size(), 300u);
  }
  EXPECT_TRUE(names()[0].ends_with(".log.gz"));
  EXPECT_TRUE(names().back().ends_with(".log")) << "the live one is readable as it is";
}

TEST_F(InternalLogTest, ItPacksByItself) {
  auto options = this->options();
  options.roll_bytes = 100;
  InternalLog log(options);
  say(log, std::string(200, 'x'));
  say(log, "next");
  while (!fs::exists(logs() / "proxy_20251009_0000.log.gz")) std::this_thread::yield();
  while (fs::exists(logs() / "proxy_20251009_0000.log")) std::this_thread::yield();
  EXPECT_EQ(read(), (Texts{"WARN [proxy] " + std::string(200, 'x'), "WARN [proxy] next"}));
}

TEST_F(InternalLogTest, LiveFilesAreNeitherPackedNorPruned) {
  auto options = this->options();
  options.roll_bytes = 100;
  options.keep = 1;
  InternalLog quiet(options);
  say(quiet, std::string(200, 'x'));  // full, but nothing came after
  InternalLog other(options);
  for (int i = 0; i < 5; ++i) say(other, std::string(200, 'y'));
  tidy_internal_logs(options);
  EXPECT_TRUE(fs::exists(logs() / "proxy_20251009_0000.log"));
}

TEST_F(InternalLogTest, PackingThatWasCutOffIsDoneAgainAndNothingIsReadTwice) {
  fs::create_directories(logs());
  std::string line = "2025-10-09T00:00:00Z WARN [proxy] old\n";
  std::ofstream(logs() / "proxy_20251009_0000.log") << line;
  std::ofstream(logs() / "proxy_20251009_0000.log.gz") << gzip(line);  // killed before the last step
  std::ofstream(logs() / "proxy_20251009_0001.log") << line;
  std::ofstream(logs() / "proxy_20251009_0001.log.gz.part") << "half of it";  // killed on the way
  EXPECT_EQ(read().size(), 2u);
  tidy_internal_logs({.folder = logs(), .roll_bytes = 10});
  EXPECT_EQ(names(), (Texts{"proxy_20251009_0000.log.gz", "proxy_20251009_0001.log.gz"}));
  EXPECT_EQ(read().size(), 2u);
}

TEST_F(InternalLogTest, ATornLineStaysAloneAndTheNextIsWhole) {
  fs::create_directories(logs());
  std::ofstream(logs() / "proxy_20251009_0000.log") << "2025-10-09T00:00:00Z WARN [proxy] half of";
  std::ofstream(logs() / "logging-errors.log") << "half";
  InternalLog log(options());
  say(log, "whole");
  say(log, "whole", log::Level::warn, "logging");
  EXPECT_EQ(read(InternalType::proxy), (Texts{"WARN [proxy] half of", "WARN [proxy] whole"}));
  EXPECT_EQ(read(InternalType::logging), (Texts{"half", "WARN [logging] whole"}));
}

TEST_F(InternalLogTest, AFileThatIsRemovedIsReplaced) {
  InternalLog log(options());
  say(log, "one");
  fs::remove(logs() / names()[0]);
  say(log, "two");
  EXPECT_EQ(read(), (Texts{"WARN [proxy] two"}));
}

TEST_F(InternalLogTest, AFullFileOfRemoteLoggingIsMovedAway) {
  auto options = this->options();
  options.error_bytes = 100;
  InternalLog log(options);
  say(log, std::string(200, 'a'), log::Level::error, "logging");
  EXPECT_EQ(names(), (Texts{"logging-errors.log.1"}));
  say(log, "b", log::Level::error, "logging");
  EXPECT_EQ(names(), (Texts{"logging-errors.log", "logging-errors.log.1"}));
  EXPECT_EQ(read(InternalType::logging).size(), 2u);
}

TEST_F(InternalLogTest, AFolderThatCannotBeWrittenIsToldOnce) {
  std::ofstream(folder_.path() / "file") << "x";
  auto options = this->options();
  options.folder = folder_.path() / "file" / "internal";
  InternalLog log(options);
  testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) say(log, "line");
  say(log, "line", log::Level::error, "logging");
  std::string told = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(told, '\n'), 1) << told;
  EXPECT_NE(told.find("kept on standard error alone: "), std::string::npos) << told;
  fs::remove(folder_.path() / "file");
  say(log, "works");
  EXPECT_TRUE(fs::exists(options.folder / "proxy_20251009_0000.log"));
}

TEST_F(InternalLogTest, ItsOwnComplaintDoesNotGoRoundInCircles) {
  std::ofstream(folder_.path() / "file") << "x";
  auto options = this->options();
  options.folder = folder_.path() / "file" / "internal";
  auto log = std::make_shared<InternalLog>(options);
  testing::internal::CaptureStderr();
  log::set_listener(log);
  log->note("not through the log");
  log::warn("through it");
  log::set_listener(nullptr);
  std::string told = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(told, '\n'), 2) << told;
}

TEST_F(InternalLogTest, KilledAtAnyMomentWhatWasSaidIsThere) {
  pid_t pid = ::fork();
  if (pid == 0) {
    InternalLog log(options());
    for (int i = 0; i < 50; ++i) say(log, "line " + std::to_string(i));
    ::raise(SIGKILL);
  }
  ::waitpid(pid, nullptr, 0);
  EXPECT_EQ(read().size(), 50u);
  InternalLog next(options());
  say(next, "next");
  EXPECT_EQ(names().size(), 1u) << "goes on where the dead one stopped";
}

TEST_F(InternalLogTest, IsHeardThroughTheLog) {
  auto log = std::make_shared<InternalLog>(options());
  log::set_output(-1);
  log::set_listener(log);
  log::warn("number {}", 7);
  log::set_listener(nullptr);
  log::set_output(STDERR_FILENO);
  EXPECT_EQ(read(), (Texts{"WARN [proxy] number 7"}));
}

TEST_F(InternalLogTest, ATailSeesWhatComesAfterTheListing) {
  auto options = this->options();
  options.roll_bytes = 150;
  InternalLog log(options);
  say(log, "before");
  auto reader = InternalLogReader::open(logs(), InternalType::all);
  ASSERT_TRUE(reader);
  while (reader->next()) {
  }
  LogTail tail = reader->tail();
  Texts seen;
  auto poll = [&] {
    JsonlDamage damage;
    tail.poll(damage, [&](std::string_view line) { seen.emplace_back(line.substr(line.rfind(' ') + 1)); });
  };
  poll();
  EXPECT_EQ(seen, Texts{});
  Texts said;
  for (int i = 0; i < 20; ++i) {
    said.push_back("n" + std::to_string(i));
    say(log, said.back());
    poll();
    tidy_internal_logs(options);
  }
  EXPECT_EQ(seen, said);
  say(log, "remote", log::Level::error, "logging");
  poll();
  EXPECT_EQ(seen.back(), "remote");
}

TEST(InternalLine, TellsTimeAndLevel) {
  constexpr std::string_view kLine = "2024-01-15T10:30:05.123Z WARN [proxy] text";
  EXPECT_EQ(InternalLogReader::parse(kLine, 0).time, 1'705'314'605'123'000'000);
  EXPECT_EQ(InternalLogReader::parse("no time", 17).time, 17);
  EXPECT_EQ(level_of(kLine), "WARN");
  for (std::string_view line :
       {"", "WARN", "2024-01-15T10:30:05.123Z", "2024-01-15T10:30:05.123Z text", "x WARN [proxy] text"})
    EXPECT_EQ(level_of(line), "") << line;
}

}  // namespace
}  // namespace weir::store
