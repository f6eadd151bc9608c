// How each kind of setting is read and shown; config/fields.cc picks one for each key. A codec has
//   parse(const Scalar&, const Place&, T& out) -> bool   false: not acceptable, `out` is untouched
//   accepts() -> std::string                             what is acceptable, for the complaint
//   show(const T&) -> Value
//   masked(text) -> std::string                          for secrets only: the text as it may be shown
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/ascii.h"
#include "base/host_port.h"
#include "base/secret_text.h"
#include "config/fields.h"

namespace weir::config {

/// A whole number; no quotes in a file.
template <std::uint64_t kMin, std::uint64_t kMax>
struct Count {
  static std::string accepts() {
    return "a whole number from " + std::to_string(kMin) + " to " + std::to_string(kMax) + ", without quotes";
  }
  static bool parse(const Scalar& scalar, const Place&, std::uint64_t& out) {
    auto number = scalar.type == Scalar::Type::integer || scalar.type == Scalar::Type::argument
                      ? parse_decimal(scalar.text)
                      : std::nullopt;
    if (!number || *number < kMin || *number > kMax) return false;
    out = *number;
    return true;
  }
  static Value show(std::uint64_t number) { return Value::integer(number); }
};

/// Bytes, as a number or with a unit.
template <std::uint64_t kMin, std::uint64_t kMax = INT64_MAX>
struct Size {
  static std::string accepts() {
    std::string range =
        kMax == INT64_MAX ? "at least " + size_text(kMin) : size_text(kMin) + " to " + size_text(kMax);
    return "a size such as \"64KiB\", \"1MiB\" or a number of bytes, " + range;
  }
  static bool parse(const Scalar& scalar, const Place&, std::uint64_t& out) {
    auto bytes = scalar.type == Scalar::Type::other ? std::nullopt : parse_size(scalar.text);
    if (!bytes || *bytes < kMin || *bytes > kMax) return false;
    out = *bytes;
    return true;
  }
  static Value show(std::uint64_t bytes) { return Value::string(size_text(bytes)); }
};

struct Time {
  static std::string accepts() {
    return "a duration with its unit (ms, s, m, h, d), such as \"30s\", or 0 for no limit";
  }
  static bool parse(const Scalar& scalar, const Place&, std::chrono::milliseconds& out);
  static Value show(std::chrono::milliseconds duration) { return Value::string(duration_text(duration)); }
};

/// One of a few words; kWords[i] stands for the enumerator with value i.
template <typename Enum, const auto& kWords>
struct Choice {
  static std::string accepts() {
    std::string out;
    for (std::size_t i = 0; i < kWords.size(); ++i) {
      if (i > 0) out += i + 1 == kWords.size() ? " or " : ", ";
      out.append("\"").append(kWords[i]).append("\"");
    }
    return out;
  }
  static bool parse(const Scalar& scalar, const Place&, Enum& out) {
    for (std::size_t i = 0; i < kWords.size(); ++i) {
      if (scalar.text != kWords[i]) continue;
      out = static_cast<Enum>(i);
      return true;
    }
    return false;
  }
  static Value show(Enum value) { return Value::string(kWords[static_cast<std::size_t>(value)]); }
};

/// A file or folder; "~/" is the home, relative paths start from Place::folder.
struct Path {
  static std::string accepts() { return "a path in quotes (\"~/\" is your home)"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out);
  static Value show(const std::string& path) { return Value::string(path); }
};

/// The same, or "" for the default.
struct OptionalPath : Path {
  static std::string accepts() { return Path::accepts() + ", or \"\" for the default"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out);
};

/// A path and, behind a colon, the port of a guest's vsock.
struct VsockSocketPath {
  static std::string accepts() {
    return "the path that the VMM was given, in quotes, and a port behind it where that is not 5002: "
           "\"/run/vm/v.sock\", \"/run/vm/v.sock:6000\"";
  }
  static bool parse(const Scalar& scalar, const Place& place, VsockSocket& out);
  static Value show(const VsockSocket& socket) {
    return Value::string(socket.path + ":" + std::to_string(socket.port));
  }
};

/// The certificate for the hosts of a pattern: a table in the file, HOST=CERT[,KEY] on the command line.
struct ClientCertificateFiles {
  static std::string accepts() {
    return "a table { host = \"*.corp.example\", cert = \"corp.pem\", key = \"corp.key\" } (on the command "
           "line "
           "HOST=CERT[,KEY]; without a key it is read from the certificate's file)";
  }
  static bool parse(const Scalar& scalar, const Place& place, ClientCertificate& out);
  static Value show(const ClientCertificate& certificate);
};

/// true or false, without quotes.
struct Switch {
  static std::string accepts() { return "true or false, without quotes"; }
  static bool parse(const Scalar& scalar, const Place&, bool& out);
  static Value show(bool on) { return Value::boolean(on); }
};

/// Where to listen. A bare port is on the loopback.
struct Listen {
  static std::string accepts() { return "\"address:port\", such as \"127.0.0.1:8080\" or \"[::1]:0\""; }
  static bool parse(const Scalar& scalar, const Place&, HostPort& out);
  static Value show(const HostPort& address) { return Value::string(address.str()); }
};

struct HostPattern {
  static std::string accepts() {
    return "a host pattern: \"api.example.com\", \"*.example.com\", \"example.com:8443\", \"10.0.0.0/8\" or "
           "\"*\"";
  }
  static bool parse(const Scalar& scalar, const Place&, std::string& out);
  static Value show(const std::string& pattern) { return Value::string(pattern); }
};

struct NoProxyEntry {
  static std::string accepts() {
    return "a host, \".suffix\", host:port, address, range (10.0.0.0/8) or \"*\"";
  }
  static bool parse(const Scalar& scalar, const Place&, std::string& out);
  static Value show(const std::string& entry) { return Value::string(entry); }
};

struct UpstreamProxy {
  static std::string accepts() {
    return "\"http://[user:password@]host:port\", the same with https://, socks5:// or socks5h://, "
           "\"direct\", "
           "or \"\" for the environment's";
  }
  static bool parse(const Scalar& scalar, const Place&, SecretText& out);
  static std::string masked(std::string_view url);
  static Value show(const SecretText& url) { return Value::string(masked(url.reveal())); }
};

/// Who may use the proxy.
struct ProxyUser {
  static std::string accepts() { return "\"name:password\", at most 255 bytes each"; }
  static bool parse(const Scalar& scalar, const Place&, SecretText& out);
  static std::string masked(std::string_view user);
  static Value show(const SecretText& user) { return Value::string(masked(user.reveal())); }
};

/// What stands before other paths.
struct PathPrefix {
  static std::string accepts() {
    return "a path such as \"/relay\", without a slash at its end, or \"\" for none";
  }
  static bool parse(const Scalar& scalar, const Place&, std::string& out);
  static Value show(const std::string& prefix) { return Value::string(prefix); }
};

/// The origin of reverse mode.
struct ReverseUrl {
  static std::string accepts() {
    return "\"http://host[:port]\" or \"https://host[:port]\", or \"\" to be a proxy";
  }
  static bool parse(const Scalar& scalar, const Place&, std::string& out);
  static Value show(const std::string& url) { return Value::string(url); }
};

}  // namespace weir::config
