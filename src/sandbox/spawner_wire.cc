#include "sandbox/spawner_wire.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string_view>

namespace weir::sandbox {
namespace {

struct Header {
  std::int32_t kind, value, detail;
};

/// Ancillary space for one descriptor.
union Ancillary {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int))];
};

UniqueFd received_file(msghdr& packet) {
  cmsghdr* part = CMSG_FIRSTHDR(&packet);
  if (part == nullptr || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) return {};
  int fd;
  std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
  return UniqueFd(fd);
}

void attach_file(msghdr& packet, Ancillary& space, int fd) {
  packet.msg_control = space.bytes;
  packet.msg_controllen = sizeof space.bytes;
  cmsghdr* part = CMSG_FIRSTHDR(&packet);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
}

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = uninterrupted([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (written < 0) return fail_errno(Code::internal, "writing the command for the spawner", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// Takes `count` NUL-terminated strings from `at` on; null when the buffer ends before.
char* take_strings(char* at, char* end, std::uint32_t count, std::vector<char*>& out) {
  for (; count > 0; --count) {
    char* nul = static_cast<char*>(std::memchr(at, 0, static_cast<std::size_t>(end - at)));
    if (nul == nullptr) return nullptr;
    out.push_back(at);
    at = nul + 1;
  }
  out.push_back(nullptr);
  return at;
}

}  // namespace

Result<> send(int socket, const Message& message) {
  Header header{static_cast<std::int32_t>(message.kind), message.value, message.detail};
  std::string text = message.text.substr(0, Message::kMaxText);
  iovec parts[] = {{&header, sizeof header}, {text.data(), text.size()}};
  msghdr packet{};
  packet.msg_iov = parts;
  packet.msg_iovlen = 2;
  Ancillary space{};
  if (message.file) attach_file(packet, space, message.file.get());
  if (uninterrupted([&] { return ::sendmsg(socket, &packet, MSG_NOSIGNAL); }) < 0)
    return fail_errno(Code::internal, "the spawner process cannot be reached", errno);
  return {};
}

Result<Message> receive(int socket) {
  Header header;
  char text[Message::kMaxText];
  iovec parts[] = {{&header, sizeof header}, {text, sizeof text}};
  msghdr packet{};
  packet.msg_iov = parts;
  packet.msg_iovlen = 2;
  Ancillary space{};
  packet.msg_control = space.bytes;
  packet.msg_controllen = sizeof space.bytes;
  ssize_t size = uninterrupted([&] { return ::recvmsg(socket, &packet, MSG_CMSG_CLOEXEC); });
  if (size < 0) return fail_errno(Code::internal, "the spawner process cannot be reached", errno);
  Message message;
  message.file = received_file(packet);
  if (size == 0) return fail(Code::internal, "the spawner process has ended");
  if (static_cast<std::size_t>(size) < sizeof header)
    return fail(Code::internal, "a spawner message is too short");
  message.kind = static_cast<MessageKind>(header.kind);
  message.value = header.value;
  message.detail = header.detail;
  message.text.assign(text, static_cast<std::size_t>(size) - sizeof header);
  return message;
}

// Layout: the number of arguments and of variables, 32 bits each, then all strings with their NUL: argv, env,
// cwd.
Result<UniqueFd> pack(const Command& command) {
  if (command.argv.empty()) return fail(Code::bad_config, "there is no command to start");
  std::array<std::uint32_t, 2> counts = {static_cast<std::uint32_t>(command.argv.size()),
                                         static_cast<std::uint32_t>(command.env.size())};
  std::string bytes(reinterpret_cast<const char*>(counts.data()), sizeof counts);
  bool clean = true;
  auto append = [&](const std::string& text) {
    clean = clean && text.find('\0') == std::string::npos;
    bytes.append(text).push_back('\0');
  };
  for (const std::string& argument : command.argv) append(argument);
  for (const std::string& variable : command.env) append(variable);
  append(command.cwd);
  if (!clean) return fail(Code::bad_config, "a command, its arguments and variables cannot hold NUL bytes");
  UniqueFd file(::memfd_create("weir-command", MFD_CLOEXEC));
  if (!file) return fail_errno(Code::internal, "memfd_create for the command", errno);
  if (auto written = write_all(file.get(), bytes); !written) return pass(written);
  return file;
}

Result<PackedCommand> unpack(int file) {
  struct stat info;
  if (::fstat(file, &info) != 0) return fail_errno(Code::internal, "reading the command", errno);
  PackedCommand out;
  out.bytes.resize(static_cast<std::size_t>(info.st_size));
  std::size_t filled = 0;
  while (filled < out.bytes.size()) {
    ssize_t size = uninterrupted([&] {
      return ::pread(file, out.bytes.data() + filled, out.bytes.size() - filled, static_cast<off_t>(filled));
    });
    if (size < 0) return fail_errno(Code::internal, "reading the command", errno);
    if (size == 0) break;
    filled += static_cast<std::size_t>(size);
  }
  std::array<std::uint32_t, 2> counts;
  if (filled != out.bytes.size() || filled < sizeof counts)
    return fail(Code::internal, "the command is cut short");
  std::memcpy(counts.data(), out.bytes.data(), sizeof counts);
  char* at = out.bytes.data() + sizeof counts;
  char* end = out.bytes.data() + out.bytes.size();
  std::vector<char*> cwd;
  if ((at = take_strings(at, end, counts[0], out.argv)) == nullptr ||
      (at = take_strings(at, end, counts[1], out.env)) == nullptr ||
      (at = take_strings(at, end, 1, cwd)) == nullptr || counts[0] == 0)
    return fail(Code::internal, "the command is cut short");
  out.cwd = cwd.front();
  return out;
}

}  // namespace weir::sandbox
