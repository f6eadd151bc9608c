#include "sandbox/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>

namespace weir::sandbox {
namespace {

constexpr std::size_t kBuffer = 64 << 10;  // NLMSG_GOODSIZE of a dump is at most 32 KiB
constexpr timeval kPatience{.tv_sec = 2, .tv_usec = 0};

void pad(std::string& bytes) { bytes.resize(NLMSG_ALIGN(bytes.size()), '\0'); }

std::string_view as_bytes(const auto& value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

/// Calls `see` for each whole message until it says no; false when it has said so.
bool each_message(std::string_view bytes, const auto& see) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return true;
    if (!see(header, bytes.substr(sizeof header, header.nlmsg_len - sizeof header))) return false;
    bytes.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes.size()));
  }
  return true;
}

/// What an NLMSG_ERROR or NLMSG_DONE says: 0 or an errno.
int errno_in(std::string_view body) {
  std::int32_t code = 0;
  if (body.size() >= sizeof code) std::memcpy(&code, body.data(), sizeof code);
  return -code;
}

}  // namespace

void NetlinkMessages::open(std::uint16_t type, std::uint16_t flags, std::string_view body) {
  close_last();
  starts_.push_back(bytes_.size());
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  bytes_.append(as_bytes(header));
  bytes_.append(body);
  pad(bytes_);
}

void NetlinkMessages::attribute(std::uint16_t type, std::string_view bytes) {
  nlattr head{.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + bytes.size()), .nla_type = type};
  bytes_.append(as_bytes(head)).append(bytes);
  pad(bytes_);
}

void NetlinkMessages::text(std::uint16_t type, std::string_view value) {
  attribute(type, std::string(value) + '\0');
}

void NetlinkMessages::big32(std::uint16_t type, std::uint32_t value) {
  std::uint32_t network = htonl(value);
  attribute(type, as_bytes(network));
}

void NetlinkMessages::native32(std::uint16_t type, std::uint32_t value) { attribute(type, as_bytes(value)); }

void NetlinkMessages::byte(std::uint16_t type, std::uint8_t value) { attribute(type, as_bytes(value)); }

void NetlinkMessages::nest(std::uint16_t type, const std::function<void()>& inside) {
  std::size_t start = bytes_.size();
  attribute(static_cast<std::uint16_t>(type | NLA_F_NESTED), {});
  inside();
  auto length = static_cast<std::uint16_t>(bytes_.size() - start);
  std::memcpy(bytes_.data() + start, &length, sizeof length);
}

void NetlinkMessages::close_last() {
  if (starts_.empty()) return;
  auto length = static_cast<std::uint32_t>(bytes_.size() - starts_.back());
  std::memcpy(bytes_.data() + starts_.back(), &length, sizeof length);
}

std::string NetlinkMessages::finish(std::uint32_t sequence) {
  close_last();
  for (std::size_t start : starts_) {
    std::memcpy(bytes_.data() + start + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
    ++sequence;
  }
  starts_.clear();
  return std::exchange(bytes_, {});
}

std::vector<NetlinkAttribute> attributes_of(std::string_view bytes) {
  std::vector<NetlinkAttribute> out;
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr head;
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > bytes.size()) break;
    out.push_back({static_cast<std::uint16_t>(head.nla_type & NLA_TYPE_MASK),
                   bytes.substr(sizeof head, head.nla_len - sizeof head)});
    bytes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(head.nla_len), bytes.size()));
  }
  return out;
}

std::string_view find_attribute(std::span<const NetlinkAttribute> attributes, std::uint16_t type) {
  for (const NetlinkAttribute& one : attributes)
    if (one.type == type) return one.payload;
  return {};
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) return fail_errno(Code::io, "a netlink socket", errno);
  return adopt(std::move(fd));
}

NetlinkSocket NetlinkSocket::adopt(UniqueFd fd) {
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  int size = 1 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return NetlinkSocket(std::move(fd));
}

Result<std::string> NetlinkSocket::receive(std::string_view what) {
  std::string bytes(kBuffer, '\0');
  ssize_t size;
  do size = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
  while (size < 0 && errno == EINTR);
  if (size < 0) return fail_errno(Code::io, std::string(what) + ": the kernel's answer", errno);
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

Result<> NetlinkSocket::request(NetlinkMessages messages, std::string_view what) {
  std::string bytes = messages.finish(sequence_);
  std::size_t waiting = 0;
  each_message(bytes, [&](const nlmsghdr& header, std::string_view) {
    ++sequence_;
    waiting += (header.nlmsg_flags & NLM_F_ACK) != 0;
    return true;
  });
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0)
    return fail_errno(Code::io, std::string(what), errno);
  while (waiting > 0) {
    auto answer = receive(what);
    if (!answer) return pass(answer);
    int error = 0;
    each_message(*answer, [&](const nlmsghdr& header, std::string_view body) {
      if (header.nlmsg_type != NLMSG_ERROR) return true;
      if (waiting > 0) --waiting;
      error = errno_in(body);
      return error == 0;
    });
    if (error != 0) return fail_errno(Code::io, std::string(what), error);
  }
  return {};
}

Result<std::vector<NetlinkAnswer>> NetlinkSocket::dump(NetlinkMessages message, std::string_view what) {
  std::string bytes = message.finish(sequence_++);
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0)
    return fail_errno(Code::io, std::string(what), errno);
  std::vector<NetlinkAnswer> out;
  for (bool more = true; more;) {
    auto answer = receive(what);
    if (!answer) return pass(answer);
    int error = 0;
    each_message(*answer, [&](const nlmsghdr& header, std::string_view body) {
      bool last = header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR;
      if (last) {
        error = errno_in(body);
        more = false;
      } else {
        out.push_back({header.nlmsg_type, std::string(body)});
      }
      return !last;
    });
    if (error != 0) return fail_errno(Code::io, std::string(what), error);
  }
  return out;
}

Result<std::optional<NetlinkAnswer>> NetlinkSocket::ask(NetlinkMessages message, std::string_view what) {
  std::uint32_t sequence = sequence_++;
  std::string bytes = message.finish(sequence);
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0)
    return fail_errno(Code::io, std::string(what), errno);
  while (true) {
    auto answer = receive(what);
    if (!answer) return pass(answer);
    int error = 0;
    std::optional<NetlinkAnswer> found;
    // An answer to something that was given up waiting for has another number.
    bool others = each_message(*answer, [&](const nlmsghdr& header, std::string_view body) {
      if (header.nlmsg_seq != sequence) return true;
      if (header.nlmsg_type == NLMSG_ERROR) {
        error = errno_in(body);
      } else {
        found = NetlinkAnswer{header.nlmsg_type, std::string(body)};
      }
      return false;
    });
    if (others) continue;
    if (error != 0 && error != ENOENT) return fail_errno(Code::io, std::string(what), error);
    return found;
  }
}

}  // namespace weir::sandbox
