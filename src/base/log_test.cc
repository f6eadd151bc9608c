#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace weir::log {
namespace {

constexpr WallNanos kMoment = 1'705'314'605'123'000'000;  // 2024-01-15T10:30:05.123Z

/// The output in a pipe, standard error afterwards.
class LogTest : public testing::Test {
 protected:
  LogTest() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    reader_.reset(fds[0]);
    writer_.reset(fds[1]);
    set_output(writer_.get());
  }
  ~LogTest() override {
    set_listener(nullptr);
    set_output(STDERR_FILENO);
  }
  std::string output() const {
    char buffer[4096];
    ssize_t count = ::read(reader_.get(), buffer, sizeof buffer);
    return std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }

  UniqueFd reader_, writer_;
};

struct Ear final : Listener {
  void heard(const Line& line) override {
    lines.push_back(formatted({kMoment, line.level, line.component, line.text}));
    if (answers) error("I heard {}", line.text);
  }
  std::vector<std::string> lines;
  bool answers = false;
};

TEST_F(LogTest, ALineHasTimeLevelComponentAndText) {
  EXPECT_EQ(formatted({kMoment, Level::warn, "", "text"}), "2024-01-15T10:30:05.123Z WARN text\n");
  EXPECT_EQ(formatted({kMoment, Level::error, "logging.syslog", "text"}),
            "2024-01-15T10:30:05.123Z ERROR [logging.syslog] text\n");
}

TEST_F(LogTest, NothingInATextEndsTheLineOrDrivesATerminal) {
  // U+009B, which xterm takes for ESC [; other letters of two bytes stay.
  EXPECT_TRUE(formatted({kMoment, Level::info, "",
                         "\xc2\x9b"
                         "31m \xc2\xa9"})
                  .ends_with("\\u{9b}31m \xc2\xa9\n"));
  EXPECT_EQ(formatted({kMoment, Level::info, "a\nb", "x\r\n2024 ERROR forged \x1b[31m\x7f"}),
            "2024-01-15T10:30:05.123Z INFO [a\\x0ab] x\\x0d\\x0a2024 ERROR forged \\x1b[31m\\x7f\n");
  write(Level::warn, "two\nlines");
  EXPECT_TRUE(output().ends_with(" WARN two\\x0alines\n"));
}

TEST_F(LogTest, AListenerHearsWhatPassesTheLevel) {
  auto ear = std::make_shared<Ear>();
  set_listener(ear);
  debug("not this");
  warn("this {}", 1);
  write(Level::error, "logging.otlp", "and this");
  EXPECT_EQ(ear->lines,
            (std::vector<std::string>{"2024-01-15T10:30:05.123Z WARN this 1\n",
                                      "2024-01-15T10:30:05.123Z ERROR [logging.otlp] and this\n"}));
  EXPECT_TRUE(output().ends_with("] and this\n"));
  set_listener(nullptr);
  warn("after");
  EXPECT_EQ(ear->lines.size(), 2u);
}

TEST_F(LogTest, WhatTheListenerSaysItDoesNotHear) {
  auto ear = std::make_shared<Ear>();
  ear->answers = true;
  set_listener(ear);
  warn("once");
  EXPECT_EQ(ear->lines.size(), 1u);
  EXPECT_TRUE(output().ends_with(" ERROR I heard once\n"));
  warn("twice");
  EXPECT_EQ(ear->lines.size(), 2u);
}

TEST_F(LogTest, WithoutAnOutputTheListenerStillHears) {
  auto ear = std::make_shared<Ear>();
  set_listener(ear);
  set_output(-1);
  warn("quiet");
  EXPECT_EQ(output(), "");
  EXPECT_EQ(ear->lines.size(), 1u);
}

TEST_F(LogTest, ATextIsRewrittenBeforeItGoesAnywhere) {
  auto ear = std::make_shared<Ear>();
  set_listener(ear);
  set_rewrite([](std::string_view text) { return "<" + std::string(text) + ">"; });
  warn("from {}", "a.test");
  EXPECT_TRUE(output().ends_with(" WARN <from a.test>\n"));
  EXPECT_EQ(ear->lines, (std::vector<std::string>{"2024-01-15T10:30:05.123Z WARN <from a.test>\n"}));
  set_rewrite({});
  warn("from {}", "a.test");
  EXPECT_TRUE(output().ends_with(" WARN from a.test\n"));
}

}  // namespace
}  // namespace weir::log
