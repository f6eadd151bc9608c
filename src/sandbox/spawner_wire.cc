#include "sandbox/spawner_wire.h"

#include <errno.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "sandbox/string_file.h"

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

Result<UniqueFd> pack(const Command& command) {
  if (command.argv.empty()) return fail(Code::bad_config, "there is no command to start");
  return write_groups(std::array{command.argv, command.env, std::vector{command.cwd}});
}

Result<PackedCommand> unpack(int file) {
  auto read = read_groups(file);
  if (!read) return pass(read);
  constexpr std::size_t kParts = 3;
  bool whole = read->groups.size() == kParts && read->groups[0].front() != nullptr &&
               read->groups[2].front() != nullptr;
  if (!whole) return fail(Code::internal, "the command is cut short");
  PackedCommand out;
  out.bytes = std::move(read->bytes);
  out.argv = std::move(read->groups[0]);
  out.env = std::move(read->groups[1]);
  out.cwd = read->groups[2].front();
  return out;
}

}  // namespace weir::sandbox
