// SessionCache: TLS sessions to resume towards upstream.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tls/handles.h"

namespace weir::tls {

/// Sessions by an opaque key (place and trust setting); the least recently used key goes first. TLS 1.3
/// tickets are handed out once (RFC 8446 appendix C.4), at most four wait for a key; a TLS 1.2 session may be
/// taken again and again. Thread-safe.
class SessionCache {
 public:
  explicit SessionCache(std::size_t keys) : capacity_(keys) {}

  /// Keeps a copy of `session`: OpenSSL spoils the original when its connection ends without close_notify.
  void remember(std::string_view key, SSL_SESSION* session);
  /// Nothing when there is none, or it is older than an hour or than its own lifetime, or the peer's
  /// certificate has expired meanwhile.
  SslSessionPtr take(std::string_view key);
  std::size_t size() const;

 private:
  struct Entry {
    std::string key;
    std::vector<SslSessionPtr> sessions;  ///< newest last
  };
  using Place = std::list<Entry>::iterator;

  void forget(Place place);

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  ///< most recently used first
  std::unordered_map<std::string_view, Place> index_;
};

}  // namespace weir::tls
