// The SOCKS5 door: from a client's first bytes to the place it wants, and the answer.
#pragma once

#include <string>

#include "async/task.h"
#include "net/stream.h"
#include "proxy/credentials.h"
#include "wire/socks5.h"

namespace weir::proxy {

struct SocksRequest {
  HostPort place;
  std::string rest;  ///< what the client sent behind its request already: the tunnel's first bytes
};

/// Speaks with a client whose `first_bytes` begin SOCKS, up to its request; the reply to that is
/// answer_socks(). Wants what `credentials` want. When it fails the client has been told what its protocol
/// can say, and the connection is to be closed (with a linger, or the client may never read it). Errors:
/// those of wire::Socks5Server; client_timeout at `deadline`; client_closed.
async::Task<Result<SocksRequest>> accept_socks(net::Stream& stream, std::string first_bytes,
                                               const Credentials& credentials, TimePoint deadline);

/// The final reply: `succeeded`, and the stream is a tunnel; anything else, and it is to be closed.
async::Task<Result<void>> answer_socks(net::Stream& stream, wire::SocksReply reply);

/// What SOCKS can say of an error.
wire::SocksReply socks_reply_for(const Error& error);

}  // namespace weir::proxy
