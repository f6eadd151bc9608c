// Flow: the account of one exchange, and Connection: the account of one transport connection.
// Plain records. The walk fills them in; sinks and views read them; nobody changes them after `closed`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/process.h"
#include "http/message.h"

namespace weir::flow {

/// Numbers of flows and connections: unique within a session, counted from 1; 0 = none.
using FlowId = std::uint64_t;
using ConnectionId = std::uint64_t;

/// Microseconds of each phase; -1 = did not happen (a reused connection has no dns, connect and tls).
struct Timing {
  std::int64_t blocked = -1;  ///< waiting for a free upstream connection or for capture
  std::int64_t dns = -1;
  std::int64_t connect = -1;  ///< TCP, without TLS
  std::int64_t tls = -1;
  std::int64_t send = -1;     ///< first byte of the request to its last
  std::int64_t wait = -1;     ///< last byte of the request to first byte of the response
  std::int64_t receive = -1;  ///< first byte of the response to its last
};

/// What was kept of a body. `bytes` are the bytes of the wire after transfer coding, before content coding.
struct Captured {
  std::string bytes;       ///< at most the capture limit, before it is decoded
  std::uint64_t size = 0;  ///< whole length that passed
  bool truncated = false;  ///< `bytes` is a prefix
  bool complete = false;   ///< the body ended as its framing said
  bool decoded = false;    ///< `bytes` have their content coding undone, since they had to be changed
};

enum class Kind : std::uint8_t { http, tunnel };

/// How the flow reached its bytes.
enum class Interception : std::uint8_t { plain, intercepted, passthrough, opaque };
std::string_view name(Interception interception);  ///< "plain", "intercepted", "passthrough", "opaque"

/// Of a client that would not have our certificate: what a person needs to make it.
struct Rejection {
  std::string alert;    ///< what it said, "unknown CA"; empty: it went without a word
  std::string library;  ///< its TLS library, "OpenSSL (libssl.so.3)"; empty: nobody knows
  std::string mend;     ///< what makes it trust Weir
  friend bool operator==(const Rejection&, const Rejection&) = default;
};

struct Flow {
  FlowId id = 0;
  Kind kind = Kind::http;
  Interception interception = Interception::plain;
  WallNanos started = 0;
  std::int64_t duration_us = -1;  ///< -1 while open

  http::RequestHead request;
  http::Fields request_trailers;
  Captured request_body;

  bool has_response = false;
  bool synthesised = false;  ///< the response was made by Weir, not by the origin
  http::ResponseHead response;
  http::Fields response_trailers;
  Captured response_body;

  Timing timing;
  ConnectionId client_connection = 0;
  ConnectionId upstream_connection = 0;
  bool upstream_reused = false;

  /// What policy said, "allow", "block" or "ask", and why; empty where no policy is in force.
  std::string filter_action;
  std::string filter_reason;

  /// The program that sent it, the device that it came from, the model it asks: empty as long as nobody has
  /// found out.
  std::string process, device, model;
  /// All that is known of that program, or why nothing is; null when nobody has asked. See set_sender.
  std::shared_ptr<const Process> sender;

  Code error = Code::none;
  std::string error_detail;
  std::shared_ptr<const Rejection> rejection;  ///< null: `error` is another, or none
  /// Marks for the reader: comma-separated words such as "capture_dropped", "host_mismatch".
  std::string marks;

  std::uint64_t request_head_bytes = 0;   ///< as received from the client
  std::uint64_t response_head_bytes = 0;  ///< as received from upstream
};

/// Appends a word to marks; once is enough.
void add_mark(Flow& flow, std::string_view word);
bool has_mark(const Flow& flow, std::string_view word);
/// Captured::decoded of both bodies as the marks say it, for who reads a record back.
void set_decoded(Flow& flow);

enum class Leg : std::uint8_t { client, upstream };

struct Connection {
  ConnectionId id = 0;
  Leg leg = Leg::client;
  WallNanos opened = 0;
  WallNanos closed = 0;  ///< 0 while open
  std::string local;     ///< "address:port"
  std::string peer;      ///< "address:port" of the other side of the socket
  std::string host;      ///< upstream: the name that was dialled
  std::string via;       ///< upstream: the proxy it went through, without credentials
  // TLS facts; all empty on a plain connection
  std::string tls_version;
  std::string cipher;
  std::string alpn;
  std::string sni;
  bool resumed = false;
  std::string certificate_subject;  ///< upstream: of the origin's leaf
  std::string certificate_issuer;
  std::string certificate_sha256;  ///< hex
  std::string certificate_not_after;
  Timing timing;  ///< dns, connect, tls
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint32_t requests = 0;
  Code error = Code::none;
  std::string error_detail;
};

}  // namespace weir::flow
