#include "proxy/relay_sessions.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "base/secret_bytes.h"

namespace weir::proxy {
namespace {

// Of a detail that others have a hand in.
constexpr std::size_t kMostDetail = 500;

bool same(const Sha256& a, const Sha256& b) {
  auto bytes = [](const Sha256& digest) {
    return std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size());
  };
  return same_secret(bytes(a), bytes(b));
}

// Who has one address of an IPv6 network of 64 bits has them all.
std::string name_of(std::string_view peer) {
  std::string_view host = peer.substr(0, peer.rfind(':'));
  if (!host.starts_with('[')) return std::string(host);
  host.remove_prefix(1);
  std::string text(host.substr(0, host.find_first_of("]%")));
  std::array<char, 16> bytes{};
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return text;
  return std::string(bytes.data(), 8);
}

}  // namespace

std::string_view deny_reason(const Error& error) {
  return error.code() == Code::blocked ? "policy" : info(error.code()).name;
}

void Denials::note(const Error& error) {
  std::string_view reason = deny_reason(error);
  std::lock_guard lock(mutex_);
  auto& counts = told_.counts;
  auto found = std::ranges::find(counts, reason, &std::pair<std::string_view, std::uint64_t>::first);
  if (found == counts.end()) found = counts.insert(found, {reason, 0});
  ++found->second;
  told_.last = wall_now();
  told_.last_reason = reason;
  told_.last_detail = error.context().substr(0, kMostDetail);
}

Denials::Told Denials::told() const {
  std::lock_guard lock(mutex_);
  Told out = told_;
  std::ranges::stable_sort(out.counts, std::ranges::greater(),
                           &std::pair<std::string_view, std::uint64_t>::second);
  return out;
}

std::shared_ptr<const RelayGrant> RelaySession::grant() const {
  std::lock_guard lock(mutex_);
  return grant_;
}

void RelaySession::set(std::shared_ptr<const RelayGrant> grant) {
  std::lock_guard lock(mutex_);
  grant_ = std::move(grant);
}

Result<void> RelaySession::stands(WallNanos now) const {
  auto granted = grant();
  if (!granted)
    return fail(Code::session_expired, "session " + id + " was removed, or has another token now");
  if (granted->expires != 0 && now >= granted->expires)
    return fail(Code::session_expired, "session " + id + " has expired");
  return {};
}

Result<void> RelaySession::may_reach(const HostPort& place, WallNanos now) const {
  if (auto standing = stands(now); !standing) return standing;
  auto granted = grant();
  if (!granted || granted->any_host || granted->allowed_hosts.matches(place)) return {};
  return fail(Code::host_not_allowed, place.str() + " is not among the allowed_hosts of session " + id);
}

AttemptLimit::Address* AttemptLimit::find(const std::string& name, TimePoint now) {
  auto found = known_.find(name);
  if (found == known_.end()) return nullptr;
  Address& address = *found->second;
  double seconds = std::chrono::duration<double>(now - address.at).count();
  address.tries = std::min(kBurst, address.tries + seconds * kPerSecond);
  address.at = now;
  return &address;
}

bool AttemptLimit::may_try(std::string_view peer, TimePoint now) {
  const Address* address = find(name_of(peer), now);
  return address == nullptr || address->tries >= 1;
}

void AttemptLimit::failed(std::string_view peer, TimePoint now) {
  std::string name = name_of(peer);
  if (Address* address = find(name, now)) {
    address->tries = std::max(0.0, address->tries - 1);
    addresses_.splice(addresses_.begin(), addresses_, known_.at(name));
    return;
  }
  if (known_.size() == kMostAddresses) {
    known_.erase(addresses_.back().name);
    addresses_.pop_back();
  }
  addresses_.push_front({name, kBurst - 1, now});
  known_.emplace(std::move(name), addresses_.begin());
}

void RelaySessions::replace(std::vector<RelayGrant> grants) {
  std::lock_guard lock(mutex_);
  file_ = {wall_now(), {}};
  std::vector<RelaySessionPtr> before = std::exchange(sessions_, {});
  for (RelayGrant& grant : grants) {
    auto kept = std::ranges::find_if(before, [&](const RelaySessionPtr& each) {
      return each && each->id == grant.id && same(each->grant()->token, grant.token);
    });
    if (kept == before.end()) {
      sessions_.push_back(std::make_shared<RelaySession>(std::move(grant)));
      continue;
    }
    (*kept)->set(std::make_shared<const RelayGrant>(std::move(grant)));
    sessions_.push_back(std::move(*kept));
  }
  for (const RelaySessionPtr& gone : before)
    if (gone) gone->set(nullptr);
}

Result<RelaySessionPtr> RelaySessions::admit(const std::optional<Sha256>& token, std::string_view peer,
                                             TimePoint now, WallNanos wall) {
  std::lock_guard lock(mutex_);
  if (!attempts_.may_try(peer, now)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return fail(Code::too_many_attempts,
                "too many wrong tokens came from this address; try again in a second");
  }
  // All are compared, whichever it is.
  RelaySessionPtr found;
  for (const RelaySessionPtr& each : sessions_)
    if (token && same(each->grant()->token, *token)) found = each;
  if (!found) {
    attempts_.failed(peer, now);
    refused_.fetch_add(1, std::memory_order_relaxed);
    return fail(Code::session_unknown, token ? "the token belongs to no session of this gateway"
                                             : "the request shows no token (Authorization: Bearer TOKEN)");
  }
  if (auto standing = found->stands(wall); !standing) return pass(standing);
  return found;
}

Result<void> RelaySessions::confirm(const RelaySession& session, std::string_view id,
                                    const std::optional<Sha256>& token, std::string_view peer,
                                    TimePoint now) {
  auto granted = session.grant();
  if (granted && token && id == session.id && same(granted->token, *token)) return {};
  if (!granted) return session.stands(0);
  std::lock_guard lock(mutex_);
  attempts_.failed(peer, now);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return fail(Code::session_mismatch,
              token ? "the WebSocket was opened by session " + session.id
                    : "the first bytes show no session (Proxy-Authorization: Basic base64(SESSION:TOKEN))");
}

void RelaySessions::keep(std::string mistake) {
  std::lock_guard lock(mutex_);
  file_.mistake = std::move(mistake);
}

RelaySessions::File RelaySessions::file() const {
  std::lock_guard lock(mutex_);
  return file_;
}

std::vector<RelaySessionPtr> RelaySessions::all() const {
  std::lock_guard lock(mutex_);
  return sessions_;
}

}  // namespace weir::proxy
