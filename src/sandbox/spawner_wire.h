// What Weir and the spawner say to each other: small packets over a SOCK_SEQPACKET socketpair. A command,
// which may be larger than a packet can be, travels beside its packet as a memory file.
#pragma once

#include <errno.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "sandbox/spawner.h"

namespace weir::sandbox {

enum class MessageKind : std::int32_t {
  start,         ///< to the spawner; file: the command, detail: 1 = its output goes into a pipe
  forget,        ///< to the spawner; text: names of variables, a '=' behind each
  signal,        ///< to the spawner; value: signal for CMD
  started,       ///< answers start; value: process id, file: the pipe to read from, if one was asked for
  start_failed,  ///< answers start; value: exit status as of `exit_status`, text: why
  ended,         ///< to Weir; value: exit code, detail: signal or 0
  // A sandbox: asked of the spawner, made by the init it starts, which is the sandbox's own spawner.
  open_sandbox,     ///< to the spawner; file: the plan
  sandbox_started,  ///< answers open_sandbox; file: Weir's end of the init's socket, value: process id
  sandbox_socket,   ///< of the init; file: a socket made inside, value: SandboxSocket, detail: port
  sandbox_ready,    ///< of the init: everything is in place and was verified
  sandbox_failed,   ///< answers open_sandbox, or of the init; text: why
  // A runner: asked of the spawner, which forks it.
  open_runner,     ///< to the spawner
  runner_started,  ///< answers open_runner; file: Weir's end of the runner's socket
  runner_failed,   ///< answers open_runner; text: why
  leave_be,        ///< to a runner: what its command has left behind is not to be killed
  make_socket,     ///< to the init's side channel; value: address family, for TCP. Answered in kind: file, or
                   ///< value: errno
};

/// What a socket that was made inside is for.
enum class SandboxSocket : std::int32_t {
  proxy,
  dns_datagrams,
  dns_listener,
  host_port,
  diagnosis,
  side_channel
};

struct Message {
  MessageKind kind = MessageKind::start;
  std::int32_t value = 0;
  std::int32_t detail = 0;
  std::string text;  ///< cut at kMaxText bytes
  UniqueFd file;

  static constexpr std::size_t kMaxText = 1024;
};

/// Blocks while the socket's buffer is full. An error means that the other side is gone.
Result<> send(int socket, const Message& message);
/// Blocks until there is a message. Code::internal when the other side is gone or sends nonsense.
Result<Message> receive(int socket);

/// Calls `call` again as long as a signal handler interrupts it.
template <typename Call>
auto uninterrupted(Call&& call) {
  decltype(call()) result;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

/// The command as a memory file. bad_config when a part holds a NUL byte or argv is empty.
Result<UniqueFd> pack(const Command& command);

/// A command in the form that exec wants; the pointers lead into `bytes`.
struct PackedCommand {
  std::vector<char> bytes;
  std::vector<char*> argv, env;  ///< each ends with a null pointer
  const char* cwd = "";
};
Result<PackedCommand> unpack(int file);

}  // namespace weir::sandbox
