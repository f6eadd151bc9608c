#include "tls/session_cache.h"

#include <time.h>

#include <algorithm>

#include "tls/certificate.h"
#include "tls/openssl.h"

namespace weir::tls {
namespace {

constexpr long kMaxAge = 3600;  // seconds; then the certificate is judged again
constexpr std::size_t kSessionsPerKey = 4;

bool is_usable(SSL_SESSION* session) {
  long now = ::time(nullptr);
  long born = SSL_SESSION_get_time(session);
  if (now < born || now - born >= std::min(SSL_SESSION_get_timeout(session), kMaxAge)) return false;
  X509* peer = SSL_SESSION_get0_peer(session);
  return peer == nullptr || not_after_of(peer) > now;
}

}  // namespace

void SessionCache::remember(std::string_view key, SSL_SESSION* session) {
  SslSessionPtr copy(SSL_SESSION_dup(session));
  if (!copy || capacity_ == 0) return;
  std::lock_guard lock(mutex_);
  if (auto found = index_.find(key); found != index_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
  } else {
    if (entries_.size() >= capacity_) forget(std::prev(entries_.end()));
    entries_.push_front(Entry{std::string(key), {}});
    index_.emplace(entries_.front().key, entries_.begin());
  }
  std::vector<SslSessionPtr>& sessions = entries_.front().sessions;
  if (sessions.size() >= kSessionsPerKey) sessions.erase(sessions.begin());
  sessions.push_back(std::move(copy));
}

SslSessionPtr SessionCache::take(std::string_view key) {
  std::lock_guard lock(mutex_);
  auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  Place place = found->second;
  SslSessionPtr session = std::move(place->sessions.back());
  place->sessions.pop_back();
  if (!is_usable(session.get())) {  // and those before it are older still
    forget(place);
    return nullptr;
  }
  if (SSL_SESSION_get_protocol_version(session.get()) < TLS1_3_VERSION) {
    SSL_SESSION_up_ref(session.get());
    place->sessions.emplace_back(session.get());
  }
  entries_.splice(entries_.begin(), entries_, place);
  if (place->sessions.empty()) forget(place);
  return session;
}

std::size_t SessionCache::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

void SessionCache::forget(Place place) {
  index_.erase(place->key);
  entries_.erase(place);
}

}  // namespace weir::tls
