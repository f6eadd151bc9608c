#include "app/guest_doors.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

#include "control/unix_socket.h"
#include "net/listener.h"

namespace weir::app {

GuestDoors::GuestDoors()
    : zone_(names_),
      entrance_{.kind = proxy::EntranceKind::guest,
                .name_of = [this](const std::string& address) { return name_of(address); },
                .answer_dns =
                    [this](std::string_view message, bool datagram) {
                      return zone_.respond(
                          message, datagram ? sandbox::DnsTransport::udp : sandbox::DnsTransport::tcp);
                    }} {}

GuestDoors::~GuestDoors() {
  for (const File& file : files_) {
    struct stat found;
    bool ours =
        ::lstat(file.path.c_str(), &found) == 0 && found.st_dev == file.device && found.st_ino == file.inode;
    if (ours) ::unlink(file.path.c_str());
  }
}

Result<std::unique_ptr<GuestDoors>> GuestDoors::open(const config::GuestSettings& settings) {
  std::unique_ptr<GuestDoors> doors(new GuestDoors());
  if (settings.vsock != 0)
    if (auto opened = doors->open_vsock(settings.vsock); !opened) return pass(opened);
  for (const std::string& path : settings.uds)
    if (auto opened = doors->open_unix(path, "--uds"); !opened) return pass(opened);
  for (const config::VsockSocket& each : settings.vsock_uds)
    if (auto opened = doors->open_unix(each.path + "_" + std::to_string(each.port), "--vsock-uds"); !opened)
      return pass(opened);
  return doors;
}

Result<void> GuestDoors::open_vsock(std::uint64_t port) {
  auto socket = net::listen_vsock(static_cast<std::uint32_t>(port));
  if (!socket) return fail(Code::io, "--vsock: " + socket.error().context());
  sockets_.push_back(std::move(*socket));
  places_.push_back("vsock port " + std::to_string(port));
  return {};
}

Result<void> GuestDoors::open_unix(const std::string& path, const char* flag) {
  auto socket = control::listen_unix(path, control::Folder::shared);
  if (!socket) return fail(Code::io, std::string(flag) + ": " + socket.error().context());
  struct stat made;
  if (::lstat(path.c_str(), &made) != 0) return fail_errno(Code::io, std::string(flag) + " " + path, errno);
  files_.push_back({path, made.st_dev, made.st_ino});
  sockets_.push_back(std::move(*socket));
  places_.push_back(path);
  return {};
}

Result<std::vector<Listening>> GuestDoors::listeners() const {
  std::vector<Listening> out;
  for (const UniqueFd& socket : sockets_) {
    UniqueFd copy(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) return fail_errno(Code::io, "a listener of guests for another thread", errno);
    out.push_back({std::move(copy), &entrance_});
  }
  return out;
}

Result<std::optional<std::string>> GuestDoors::name_of(const std::string& address) const {
  if (!sandbox::SyntheticNames::is_synthetic(address)) return std::nullopt;
  auto name = names_.name_of(address);
  if (name) return name;
  return fail(Code::bad_target,
              "no guest has looked up the name of " + address +
                  "; it may be an address that a program kept from before Weir was started");
}

}  // namespace weir::app
