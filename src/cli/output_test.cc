#include "cli/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/fd.h"

namespace weir::cli {
namespace {

struct Pipe {
  UniqueFd reader, writer;
  Pipe() {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
    reader.reset(fds[0]);
    writer.reset(fds[1]);
  }
};

TEST(OutputTest, WritesOnFlush) {
  Pipe pipe;
  Output out(pipe.writer.get());
  out.write("one\n");
  out.flush_if_large();
  out.buffer() += "two\n";
  EXPECT_TRUE(out.finish());
  char text[64];
  EXPECT_EQ(std::string_view(text, static_cast<std::size_t>(read(pipe.reader.get(), text, sizeof text))),
            "one\ntwo\n");
}

TEST(OutputTest, AReaderThatWentAwayIsNoError) {
  ignore_sigpipe();
  Pipe pipe;
  pipe.reader.reset();
  Output out(pipe.writer.get());
  out.write("lost");
  EXPECT_FALSE(out.closed());
  out.flush();
  EXPECT_TRUE(out.closed());
  out.write(std::string(1 << 20, 'x'));
  out.flush_if_large();
  EXPECT_TRUE(out.buffer().empty());
  EXPECT_TRUE(out.finish());
}

TEST(OutputTest, AFullDiskIsAnError) {
  UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  if (!full) GTEST_SKIP() << "/dev/full is missing";
  Output out(full.get());
  out.write("x");
  auto result = out.finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::io);
}

TEST(ColorTest, OnlyForTerminalsThatWantIt) {
  unsetenv("NO_COLOR");
  setenv("TERM", "xterm", 1);
  EXPECT_TRUE(wants_color(true, false));
  EXPECT_FALSE(wants_color(false, false));
  EXPECT_FALSE(wants_color(true, true));
  setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(wants_color(true, false));
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(wants_color(true, false));
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(wants_color(true, false));
}

TEST(TerminalWidthTest, APipeHasNone) {
  Pipe pipe;
  EXPECT_EQ(terminal_width(pipe.writer.get()), 0u);
}

}  // namespace
}  // namespace weir::cli
