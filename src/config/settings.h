// Settings: everything a user can set, as plain values with their defaults. Loading is config/load.h; each
// room gets its own small Options, filled from here by app/.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/host_port.h"
#include "base/log.h"
#include "policy/rule.h"

namespace weir::config {

/// What the walk does when the capture queue is full: `slow` makes the client wait, `drop` loses the record
/// (counted, shown) and keeps the traffic at speed.
enum class WhenFull : std::uint8_t { slow, drop };
/// What happens to traffic when capture cannot be written (disk full): `open` goes on unrecorded with an
/// alarm, `block` refuses requests.
enum class OnCaptureFailure : std::uint8_t { open, block };

/// Who we are to the hosts of a pattern.
struct ClientCertificate {
  std::string host;  ///< pattern (policy/host_patterns.h)
  std::string cert;  ///< PEM file
  std::string key;   ///< PEM file; empty = in `cert`
};

/// When upstream hosts are offered HTTP/2: where the client speaks it, always, or never.
enum class UpstreamHttp2 : std::uint8_t { mirror, always, never };

struct TlsSettings {
  std::vector<std::string> intercept;       ///< host patterns (policy/host_patterns.h); empty = every host
  std::vector<std::string> passthrough;     ///< host patterns tunnelled undecrypted; beats `intercept`
  std::vector<std::string> upstream_ca;     ///< PEM files trusted for upstreams besides the system's roots
  std::vector<std::string> insecure_hosts;  ///< host patterns whose bad certificates are accepted, and logged
  std::vector<ClientCertificate> client_certificates;  ///< the first that matches is shown upstream
  std::string keylog;             ///< TLS secrets are appended to this file; empty = none
  bool auto_passthrough = false;  ///< tunnel what a client keeps refusing our leaf for
  std::chrono::milliseconds auto_passthrough_for{3'600'000};  ///< then decrypting is tried again
};

struct UpstreamSettings {
  /// "http://[user:password@]host:port", https:// or socks5:// (config/upstream_proxy.h); "direct" = none,
  /// and the environment is not asked; "" = ask the environment.
  std::string proxy;
  UpstreamHttp2 http2 = UpstreamHttp2::mirror;
  std::vector<std::string> no_proxy;  ///< entries as in NO_PROXY (policy/no_proxy.h)
};

struct ProxyAuthSettings {
  std::vector<std::string> users;  ///< "name:password" (config/doors.h); empty = nobody is asked. Secrets.
};

/// A zero duration means no limit, everywhere below.
struct LimitSettings {
  std::uint64_t head_bytes = 64 << 10;
  std::chrono::milliseconds head_timeout{30'000};       ///< from the first byte of a request head to its last
  std::chrono::milliseconds idle_timeout{120'000};      ///< a kept-alive connection without a request
  std::chrono::milliseconds connect_timeout{10'000};    ///< DNS and TCP together
  std::chrono::milliseconds tls_timeout{10'000};        ///< each TLS handshake, either side
  std::chrono::milliseconds response_timeout{300'000};  ///< from the end of the request to the response head
  std::chrono::milliseconds body_idle_timeout{0};       ///< between two parts of a body
  std::chrono::milliseconds drain_timeout{10'000};      ///< open exchanges at shutdown
  std::uint64_t connections = 20'000;                   ///< client connections at once
};

struct CaptureSettings {
  bool enabled = true;                   ///< of `serve`; `run` always records
  std::uint64_t body_bytes = 1 << 20;    ///< kept of each body, the rest is cut with a mark
  std::uint64_t queue_bytes = 64 << 20;  ///< waiting for the writer
  WhenFull when_full = WhenFull::slow;
  OnCaptureFailure on_failure = OnCaptureFailure::open;
  std::uint64_t roll_bytes = 1ULL << 30;        ///< a session starts a new file at this size
  std::uint64_t retention_days = 30;            ///< older files are deleted; 0 = never
  std::uint64_t retention_bytes = 10ULL << 30;  ///< oldest files are deleted above this sum; 0 = never
};

/// Which requests are allowed.
struct FilterSettings {
  std::chrono::milliseconds ask_timeout{30'000};  ///< then a question that nobody answered blocks
  bool cache_decisions = true;                    ///< answers may be remembered for the session
  std::array<policy::RuleSet, 5> layers;          ///< by policy::Layer; no layer's rules replace another's
};

struct Settings {
  std::vector<HostPort> listen{HostPort{"127.0.0.1", 8080}};  ///< port 0 = any free port
  std::uint64_t threads = 0;                                  ///< 0 = one for each core
  std::string ca_dir;                                         ///< absolute; `load` fills in default_ca_dir()
  std::string data_dir;  ///< absolute; empty = the data folder of the project (config/paths.h)
  log::Level log_level = log::Level::info;
  bool allow_open_proxy = false;  ///< listen beyond this machine although nobody is asked for credentials
  std::string reverse;            ///< the origin that every request goes to (config/doors.h); empty = a proxy
  bool reverse_keep_host = false;  ///< send Host on as it came, in place of the origin's own
  ProxyAuthSettings proxy_auth;
  TlsSettings tls;
  UpstreamSettings upstream;
  LimitSettings limits;
  CaptureSettings capture;
  FilterSettings filter;
};

}  // namespace weir::config
