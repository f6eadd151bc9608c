#include "wire/socks5.h"

#include <arpa/inet.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "base/wipe_freed.h"

namespace weir::wire {
namespace {

constexpr char kVersion = 5;
constexpr char kLoginVersion = 1;  // RFC 1929 section 2
constexpr char kNoLogin = 0, kLogin = 2, kNoMethod = '\xff';
constexpr char kConnect = 1, kBind = 2, kUdpAssociate = 3;
constexpr char kIpv4 = 1, kName = 3, kIpv6 = 4;
// SOCKS4's "request rejected or failed", with an address of zeros.
constexpr std::string_view kSocks4Refusal("\0\x5b\0\0\0\0\0\0", 8);

constexpr std::array<std::string_view, 9> kReplies = {
    "succeeded",           "general failure",       "not allowed by its rules",
    "network unreachable", "host unreachable",      "connection refused",
    "TTL expired",         "command not supported", "address type not supported"};

std::size_t byte(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::string number(std::string_view bytes, std::size_t at) { return std::to_string(byte(bytes, at)); }

bool known_type(char type) { return type == kIpv4 || type == kName || type == kIpv6; }

// The size of "ATYP, address, port" at the start of `bytes`; nothing while that cannot be told yet.
std::optional<std::size_t> address_size(std::string_view bytes) {
  constexpr std::size_t kTypeAndPort = 3;
  if (bytes[0] == kIpv4) return kTypeAndPort + sizeof(in_addr);
  if (bytes[0] == kIpv6) return kTypeAndPort + sizeof(in6_addr);
  if (bytes.size() < 2) return std::nullopt;
  return kTypeAndPort + 1 + byte(bytes, 1);
}

// `bytes` is one whole "ATYP, address, port".
Result<HostPort> read_address(std::string_view bytes) {
  std::string_view address = bytes.substr(1, bytes.size() - 3);
  char text[INET6_ADDRSTRLEN] = "";
  if (bytes[0] == kName) {
    address.remove_prefix(1);
  } else {
    inet_ntop(bytes[0] == kIpv4 ? AF_INET : AF_INET6, address.data(), text, sizeof text);
    address = text;
  }
  auto host = canonical_host(address);
  if (!host) return fail(host.error().code(), "SOCKS5 CONNECT: " + host.error().context());
  std::size_t port = byte(bytes, bytes.size() - 2) << 8 | byte(bytes, bytes.size() - 1);
  if (port == 0) return fail(Code::bad_target, "SOCKS5 CONNECT to " + *host + ": port 0");
  return HostPort{std::move(*host), static_cast<std::uint16_t>(port)};
}

void append_address(std::string& out, const HostPort& place) {
  char address[sizeof(in6_addr)];
  if (inet_pton(AF_INET, place.host.c_str(), address) == 1) {
    out.append(1, kIpv4).append(address, sizeof(in_addr));
  } else if (inet_pton(AF_INET6, place.host.c_str(), address) == 1) {
    out.append(1, kIpv6).append(address, sizeof(in6_addr));
  } else {
    assert(place.host.size() <= 255);
    out.append(1, kName).append(1, static_cast<char>(place.host.size())).append(place.host);
  }
  out.append(1, static_cast<char>(place.port >> 8)).append(1, static_cast<char>(place.port & 0xff));
}

}  // namespace

std::string_view name(SocksReply reply) { return kReplies[static_cast<std::size_t>(reply)]; }

std::string socks_reply_bytes(SocksReply reply) {
  return std::string{kVersion, static_cast<char>(reply), 0, kIpv4, 0, 0, 0, 0, 0, 0};
}

Result<bool> Socks5Dialogue::feed(std::string_view bytes) {
  WipeFreed wipe;  // it may grow with a password in it
  input_ += bytes;
  while (!done_) {
    if (input_.empty()) return false;
    auto further = step();
    if (!further) return pass(further);
    if (!*further) return false;
  }
  return true;
}

Result<bool> Socks5Server::step() {
  switch (state_) {
    case State::greeting: return read_greeting();
    case State::login: return read_login();
    case State::request: break;
  }
  return read_request();
}

Failure Socks5Server::refuse(SocksReply reply, Code code, std::string context) {
  output_ += socks_reply_bytes(reply);
  return fail(code, std::move(context));
}

// Version, number of methods, methods.
Result<bool> Socks5Server::read_greeting() {
  if (input_[0] == 4) {
    output_ += kSocks4Refusal;
    return fail(Code::bad_request, "SOCKS4, which Weir does not speak: use socks5:// in the proxy's URL");
  }
  if (input_[0] != kVersion) return fail(Code::bad_request, "SOCKS version " + number(input_, 0));
  if (input_.size() < 2 || input_.size() < 2 + byte(input_, 1)) return false;
  std::size_t size = 2 + byte(input_, 1);
  auto chosen = choose(std::string_view(input_).substr(2, size - 2));
  input_.erase(0, size);
  return chosen;
}

Result<bool> Socks5Server::choose(std::string_view methods) {
  if (!judge_ && methods.contains(kNoLogin)) {
    output_.append({kVersion, kNoLogin});
    state_ = State::request;
    return true;
  }
  if (methods.contains(kLogin)) {
    output_.append({kVersion, kLogin});
    state_ = State::login;
    return true;
  }
  output_.append({kVersion, kNoMethod});
  if (judge_) return fail(Code::proxy_auth_required, "the SOCKS5 client offers no user name and password");
  return fail(Code::bad_request, "the SOCKS5 client offers no method of authentication that Weir knows");
}

// Version, length and user name, length and password.
Result<bool> Socks5Server::read_login() {
  if (input_[0] != kLoginVersion)
    return fail(Code::bad_request, "SOCKS5 login of version " + number(input_, 0));
  if (input_.size() < 2) return false;
  std::size_t user_size = byte(input_, 1);
  if (input_.size() < 3 + user_size) return false;
  std::size_t password_size = byte(input_, 2 + user_size);
  if (input_.size() < 3 + user_size + password_size) return false;
  std::string_view all = input_;
  bool welcome = !judge_ || judge_(all.substr(2, user_size), all.substr(3 + user_size, password_size));
  ::explicit_bzero(input_.data(), 3 + user_size + password_size);  // erasing alone moves bytes at most
  input_.erase(0, 3 + user_size + password_size);
  output_.append({kLoginVersion, welcome ? '\0' : '\1'});
  if (!welcome) return fail(Code::proxy_auth_required, "wrong SOCKS5 user name or password");
  state_ = State::request;
  return true;
}

// Version, command, reserved, address. Judged when it is whole: a client that is refused within its own
// request may never read the answer.
Result<bool> Socks5Server::read_request() {
  constexpr std::size_t kBeforeAddress = 3;
  if (input_[0] != kVersion)
    return refuse(SocksReply::general_failure, Code::bad_request,
                  "SOCKS5 request of version " + number(input_, 0));
  if (input_.size() <= kBeforeAddress) return false;
  if (!known_type(input_[kBeforeAddress]))
    return refuse(SocksReply::address_type_not_supported, Code::bad_request,
                  "SOCKS5 address type " + number(input_, kBeforeAddress));
  std::string_view address = std::string_view(input_).substr(kBeforeAddress);
  auto size = address_size(address);
  if (!size || address.size() < *size) return false;
  if (char command = input_[1]; command != kConnect) {
    std::string what = command == kBind           ? "BIND"
                       : command == kUdpAssociate ? "UDP ASSOCIATE"
                                                  : "command " + number(input_, 1);
    return refuse(SocksReply::command_not_supported, Code::bad_request,
                  "SOCKS5 " + what + ": only CONNECT is supported");
  }
  auto place = read_address(address.substr(0, *size));
  if (!place) return refuse(SocksReply::general_failure, place.error().code(), place.error().context());
  place_ = std::move(*place);
  input_.erase(0, kBeforeAddress + *size);
  return done_ = true;
}

Socks5Client::Socks5Client(HostPort to, std::optional<SocksLogin> login)
    : to_(std::move(to)), login_(std::move(login)) {
  assert(!login_ || (login_->user.size() <= 255 && login_->password.reveal().size() <= 255));
  output_ = login_ ? std::string{kVersion, 2, kNoLogin, kLogin} : std::string{kVersion, 1, kNoLogin};
}

Result<bool> Socks5Client::step() {
  switch (state_) {
    case State::method: return read_method();
    case State::login: return read_status();
    case State::reply: break;
  }
  return read_reply();
}

void Socks5Client::ask() {
  output_.append({kVersion, kConnect, 0});
  append_address(output_, to_);
  state_ = State::reply;
}

// Version, method.
Result<bool> Socks5Client::read_method() {
  if (input_[0] != kVersion) return fail(Code::upstream_proxy_refused, "its answer is not SOCKS5");
  if (input_.size() < 2) return false;
  char method = input_[1];
  input_.erase(0, 2);
  if (method == kNoLogin) {
    ask();
    return true;
  }
  if (method == kLogin && login_) {
    // All of it at once, and not in the few bytes that a string has of its own: nothing is left behind.
    output_.reserve(std::max<std::size_t>(64, 3 + login_->user.size() + login_->password.reveal().size()));
    output_.append(1, kLoginVersion).append(1, static_cast<char>(login_->user.size())).append(login_->user);
    std::string_view password = login_->password.reveal();
    output_.append(1, static_cast<char>(password.size())).append(password);
    state_ = State::login;
    return true;
  }
  return fail(Code::upstream_proxy_refused,
              login_ ? "it takes no user name and password" : "it wants credentials");
}

// Version, status.
Result<bool> Socks5Client::read_status() {
  if (input_.size() < 2) return false;
  if (input_[1] != 0) return fail(Code::upstream_proxy_refused, "user name or password refused");
  input_.erase(0, 2);
  ask();
  return true;
}

// Version, reply, reserved, address. A refusal is told by its second byte; some send no more.
Result<bool> Socks5Client::read_reply() {
  constexpr std::size_t kBeforeAddress = 3;
  if (input_[0] != kVersion) return fail(Code::upstream_proxy_refused, "its reply is not SOCKS5");
  if (input_.size() < 2) return false;
  if (std::size_t reply = byte(input_, 1); reply != 0)
    return fail(Code::upstream_proxy_refused,
                reply < kReplies.size() ? std::string(kReplies[reply]) : "reply " + std::to_string(reply));
  if (input_.size() <= kBeforeAddress) return false;
  if (!known_type(input_[kBeforeAddress]))
    return fail(Code::upstream_proxy_refused, "reply with address type " + number(input_, kBeforeAddress));
  auto size = address_size(std::string_view(input_).substr(kBeforeAddress));
  if (!size || input_.size() < kBeforeAddress + *size) return false;
  input_.erase(0, kBeforeAddress + *size);
  return done_ = true;
}

}  // namespace weir::wire
