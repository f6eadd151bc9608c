// What protocol do these first bytes begin? Pure, and the only place that decides it.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::proxy {

enum class Protocol : std::uint8_t { need_more, tls, http1, http2, socks, other };

/// In this order: (1) 0x16 begins TLS; (2) 0x05 and 0x04 begin SOCKS; (3) the HTTP/2 preface "PRI *
/// HTTP/2.0"; (4) a method of at most 32 token bytes and a space begins HTTP/1; (5) anything else is other.
/// `need_more` while the bytes could still become (3) or (4).
Protocol sniff(std::string_view first_bytes);

}  // namespace weir::proxy
