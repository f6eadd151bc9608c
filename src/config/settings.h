// Settings: everything a user can set, as plain values with their defaults. Loading is config/load.h; each
// room gets its own small Options, filled from here by app/.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/host_port.h"
#include "base/log.h"
#include "base/secret_text.h"
#include "policy/budget.h"
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
  SecretText proxy;
  UpstreamHttp2 http2 = UpstreamHttp2::mirror;
  std::vector<std::string> no_proxy;  ///< entries as in NO_PROXY (policy/no_proxy.h)
  /// Host patterns that may be at addresses which are not global (policy/address_guard.h).
  std::vector<std::string> private_hosts;
};

struct ProxyAuthSettings {
  std::vector<SecretText> users;  ///< "name:password" (config/doors.h); empty = nobody is asked
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
  bool jsonl = false;     ///< write JSON Lines files as well (docs/formats/jsonl.md), also when not `enabled`
  std::string jsonl_dir;  ///< absolute; empty = logs/proxy in the data folder
  std::uint64_t jsonl_roll_bytes = 50 << 20;  ///< a new file begins at this size on the disk
  std::uint64_t jsonl_keep = 5;               ///< the newest files stay
};

/// Which requests are allowed.
struct FilterSettings {
  std::chrono::milliseconds ask_timeout{30'000};  ///< then a question that nobody answered blocks
  bool cache_decisions = true;                    ///< answers may be remembered for the session
  std::array<policy::RuleSet, 5> layers;          ///< by policy::Layer; no layer's rules replace another's
};

/// Where a secret is read from at the start.
struct SecretSource {
  enum class Kind : std::uint8_t { value, env, file, env_file, command };
  Kind kind = Kind::value;
  SecretText value;                  ///< of value: the secret itself
  std::string text;                  ///< the variable's name, or the file
  std::string key;                   ///< of env_file
  std::vector<std::string> command;  ///< of command, which is for credentials alone; what it prints
  std::chrono::milliseconds ttl{};   ///< of command: after that it is run again; 0 = never
};

/// A secret that is kept out of the record: a pattern, or a value from somewhere.
struct RedactionRule {
  std::string name;
  std::string pattern;  ///< RE2; empty when there is a source
  std::optional<SecretSource> source;
  std::string place;  ///< where it was written
};

/// What one layer says. Each adds to the others.
struct RedactionLayer {
  std::optional<bool> enabled;  ///< false switches this layer and those below off, true nothing on
  std::vector<RedactionRule> rules;
  std::vector<std::string> headers;     ///< whose values are redacted, besides the built-in ones
  std::vector<std::string> query_keys;  ///< the same of query parameters
};

struct RedactionSettings {
  std::uint64_t max_scan_bytes = 10 << 20;  ///< a longer body, decoded, is not kept when there are rules
  std::array<RedactionLayer, 5> layers;     ///< by policy::Layer
};

/// Requests that are never recorded.
struct LogSkipSettings {
  std::array<std::vector<policy::Rule>, 5> layers;  ///< by policy::Layer
};

/// A request field whose value is a secret.
struct SecretField {
  std::string name;
  SecretSource value;
};

/// Where an access token is fetched with what the source of a credential has (RFC 6749).
struct OauthSettings {
  std::string token_url;
  std::string client_id;
  std::optional<SecretSource> client_secret;
  std::string scope;
  bool client_credentials = false;  ///< the client's own credentials are all there is: there is no source
};

/// A secret that clients get a placeholder for (broker/binding.h).
struct Credential {
  std::string name;
  std::string place;                 ///< where it was written
  std::string preset;                ///< broker/preset.h; what is empty here is taken from it
  std::vector<std::string> hosts;    ///< patterns
  std::string path;                  ///< empty: every path
  std::vector<std::string> headers;  ///< in which the placeholder may stand
  std::vector<std::string> query;    ///< parameters, the same
  bool inject = false;               ///< put the secret into requests that lack the header
  std::string format;                ///< then: the value of the header, with "{secret}"
  std::string user;                  ///< of Basic credentials, where they are injected
  std::vector<std::string> env;      ///< variables that get the placeholder
  std::string placeholder;           ///< empty: one is made
  std::optional<SecretSource> source, access_key_id, session_token;  ///< the last two of AWS
  std::optional<OauthSettings> oauth;
  bool enabled = true;
};

struct CredentialSettings {
  std::array<std::vector<Credential>, 5> layers;  ///< by policy::Layer; of a name, the weightiest counts
};

/// Where each flow is sent, besides the record.
struct LogReceiver {
  enum class Type : std::uint8_t { syslog, otlp, http };
  enum class Transport : std::uint8_t { local, udp, tcp };
  enum class Encoding : std::uint8_t { json, protobuf };
  enum class Text : std::uint8_t { line, json };

  std::string name;   ///< for the log; unique
  std::string place;  ///< where it was written
  Type type = Type::syslog;
  std::optional<Text> text;  ///< syslog: line, otlp: json; http has entries only
  bool bodies = false;
  std::uint64_t batch = 100;
  std::chrono::milliseconds interval{1000};
  std::uint64_t queue_bytes = 16 << 20;
  std::chrono::milliseconds timeout{10'000};
  // syslog
  Transport transport = Transport::local;
  HostPort address;               ///< of udp and tcp
  std::string path = "/dev/log";  ///< of local
  std::string facility = "user";
  std::string app_name = "weir";
  std::uint64_t max_bytes = 0;  ///< 0 = 2 KiB for udp, 8 KiB for the others
  // otlp and http
  std::string url;
  Encoding encoding = Encoding::json;  ///< of otlp
  std::string method = "POST";         ///< of http
  std::vector<SecretField> headers;
  std::optional<SecretSource> bearer_token;  ///< for Authorization
  bool gzip = false;
  std::string ca;    ///< PEM file in place of the system's roots; empty = those
  SecretText proxy;  ///< URL; empty = none
  std::vector<std::pair<std::string, std::string>> attributes;  ///< of otlp's resource
};

struct LoggingSettings {
  std::chrono::milliseconds flush_timeout{5000};      ///< at the end, for what is still unsent
  std::array<std::vector<LogReceiver>, 5> receivers;  ///< by policy::Layer
};

/// The port for who watches over Weir.
struct ControlSettings {
  std::optional<HostPort> listen;  ///< nothing = none
  std::string token_file;          ///< of the token that clients must show; empty = nobody is asked
  bool allow_remote = false;       ///< listen beyond this machine
};

struct BudgetSettings {
  std::array<std::vector<policy::Budget>, 5> layers;  ///< by policy::Layer; all of them are in force
};

/// A host that serves models besides those that are known.
struct ModelHost {
  std::string pattern;   ///< in lower case, with at most one `*`
  std::string provider;  ///< who bills
};

/// A price of the user's own, before that of the table: picodollars for one token.
struct ModelPrice {
  std::string provider;  ///< empty: any
  std::string model;     ///< in lower case, may have `*`
  std::int64_t input = 0, output = 0;
  std::optional<std::int64_t> cache_read, cache_write, cache_write_1h;  ///< unset: as input
};

/// What is recorded of calls of models, besides the flows that they are.
struct ModelSettings {
  bool enabled = true;
  bool previews = true;                         ///< the beginnings of texts are kept, not only their lengths
  bool redact = true;                           ///< what looks like a credential is replaced in them
  std::array<std::vector<ModelHost>, 5> hosts;  ///< by policy::Layer, as below; the first that fits
  std::array<std::vector<ModelPrice>, 5> prices;
};

/// Where a VMM that maps vsock to Unix sockets (Firecracker, Cloud Hypervisor) connects for its guest.
struct VsockSocket {
  std::string path;  ///< absolute, as the VMM was given it; the socket is `path`_`port`
  std::uint32_t port = 0;
};

/// The doors of virtual machines.
struct GuestSettings {
  std::vector<std::string> uds;  ///< Unix sockets, absolute paths
  std::uint64_t vsock = 0;       ///< AF_VSOCK port; 0 = none
  std::vector<VsockSocket> vsock_uds;
  bool any() const { return vsock != 0 || !uds.empty() || !vsock_uds.empty(); }
};

/// The far side of relays (`weir gateway`).
struct GatewaySettings {
  std::vector<HostPort> listen{HostPort{"127.0.0.1", 8443}};  ///< port 0 = any free port
  std::string cert, key;                   ///< PEM files; empty = plain HTTP, on loopback alone
  std::string sessions;                    ///< who may come in (config/relay_sessions.h); empty = not given
  std::string prefix;                      ///< before every path of the protocol; "" or "/x"
  std::uint64_t most_tunnels = 1024;       ///< of one session
  std::chrono::milliseconds idle{50'000};  ///< of a tunnel without any frame, keep-alive included; 0 = none
};

struct Settings {
  std::vector<HostPort> listen{HostPort{"127.0.0.1", 8080}};  ///< port 0 = any free port
  std::vector<HostPort> transparent;  ///< for connections that a rule of the system redirects here
  bool transparent_preamble = false;  ///< and their streams may begin with a guest's preamble
  std::uint64_t threads = 0;          ///< 0 = one for each core
  std::string ca_dir;                 ///< absolute; `load` fills in default_ca_dir()
  std::string data_dir;               ///< absolute; empty = the data folder of the project (config/paths.h)
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
  RedactionSettings redaction;
  CredentialSettings credentials;
  LogSkipSettings log_skip;
  LoggingSettings logging;
  ControlSettings control;
  GuestSettings guest;
  GatewaySettings gateway;
  BudgetSettings budget;
  ModelSettings models;
};

}  // namespace weir::config
