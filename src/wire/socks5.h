// SOCKS5 (RFC 1928) with user names and passwords (RFC 1929): bytes to a request and back, both sides. No
// sockets, no clock.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/host_port.h"
#include "base/secret_text.h"

namespace weir::wire {

/// What a proxy answers to a request (RFC 1928 section 6).
enum class SocksReply : std::uint8_t {
  succeeded,
  general_failure,
  not_allowed,
  network_unreachable,
  host_unreachable,
  connection_refused,
  ttl_expired,
  command_not_supported,
  address_type_not_supported,
};
std::string_view name(SocksReply reply);  ///< "connection refused"
/// The bytes of a reply. The bound address in it is 0.0.0.0:0: it is nobody's business.
std::string socks_reply_bytes(SocksReply reply);

/// What both sides share: feed what came, send what take_output() gives before waiting for more. How the
/// bytes were cut makes no difference. Holds less than 600 bytes between two feeds.
class Socks5Dialogue {
 public:
  virtual ~Socks5Dialogue() = default;

  /// True when the dialogue is over and good: what came behind it is in take_rest(). False when more is
  /// needed. An error is the end: it must not be fed again.
  Result<bool> feed(std::string_view bytes);
  std::string take_output() { return std::exchange(output_, {}); }
  std::string take_rest() { return std::exchange(input_, {}); }

 protected:
  /// Takes one whole message off `input_`; false when it has not come yet.
  virtual Result<bool> step() = 0;

  std::string input_;
  std::string output_;
  bool done_ = false;
};

/// The proxy's side, up to the request. The reply to it is the caller's: socks_reply_bytes().
class Socks5Server final : public Socks5Dialogue {
 public:
  /// Whether this user may come in. An empty Judge asks nobody, and takes any pair of a client that offers
  /// nothing but a pair; otherwise a pair is the only way in.
  using Judge = std::function<bool(std::string_view user, std::string_view password)>;
  explicit Socks5Server(Judge judge) : judge_(std::move(judge)) {}

  /// Errors of feed(): proxy_auth_required, bad_host, bad_target (port 0), bad_request for all else, SOCKS4
  /// and commands other than CONNECT among it. What the protocol has to say of it is in take_output().
  /// The place is what CONNECT named; good once feed() was true.
  const HostPort& place() const { return place_; }

 private:
  enum class State : std::uint8_t { greeting, login, request };
  Result<bool> step() override;
  Result<bool> read_greeting();
  Result<bool> choose(std::string_view methods);
  Result<bool> read_login();
  Result<bool> read_request();
  Failure refuse(SocksReply reply, Code code, std::string context);

  Judge judge_;
  State state_ = State::greeting;
  HostPort place_;
};

/// At most 255 bytes each.
struct SocksLogin {
  std::string user;
  SecretText password;
};

/// The client's side, until the tunnel stands. The greeting is in take_output() from the start.
class Socks5Client final : public Socks5Dialogue {
 public:
  /// Asks for a tunnel to `to`; a name is sent as it is, for the proxy to resolve. `login` is offered beside
  /// "no authentication", and shown when the proxy chooses it.
  Socks5Client(HostPort to, std::optional<SocksLogin> login);

  /// Errors of feed() are upstream_proxy_refused, in words.

 private:
  enum class State : std::uint8_t { method, login, reply };
  Result<bool> step() override;
  Result<bool> read_method();
  Result<bool> read_status();
  Result<bool> read_reply();
  void ask();

  HostPort to_;
  std::optional<SocksLogin> login_;
  State state_ = State::method;
};

}  // namespace weir::wire
