// The fixtures of the walk's tests: a dialogue runs twice, over socket pairs with manual time and over
// loopback TCP against a whole server; those that need the clock, or the exact turn of things, run on the
// former alone.
#pragma once

#include <gtest/gtest.h>

#include "tests/support/playbook.h"

namespace weir::testing {

enum class Over { memory, loopback };

class Dialogue : public ::testing::TestWithParam<Over> {
 protected:
  bool over_memory() const { return GetParam() == Over::memory; }
  Playbook play{over_memory() ? make_memory_stage() : make_server_stage()};
};

class TimedDialogue : public ::testing::Test {
 protected:
  explicit TimedDialogue(std::unique_ptr<MemoryStage> made = make_memory_stage())
      : stage(*made), play(std::move(made)) {}
  MemoryStage& stage;
  Playbook play;
};

inline std::string over_name(const ::testing::TestParamInfo<Over>& info) {
  return info.param == Over::memory ? "memory" : "loopback";
}

#define WEIR_DIALOGUES(suite)       \
  class suite : public Dialogue {}; \
  INSTANTIATE_TEST_SUITE_P(Over, suite, ::testing::Values(Over::memory, Over::loopback), over_name)

// Lines that most dialogues begin and end with. "Sent" is on the client's side, "seen" on the origin's.
inline constexpr const char* kGetSent = "GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n";
inline constexpr const char* kGetSeen = "GET / HTTP/1.1\r\nHost: {origin}\r\n\r\n";
inline constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
inline constexpr const char* kOkLast = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

}  // namespace weir::testing
