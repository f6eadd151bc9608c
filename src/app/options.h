// Settings (what users write) to the small Options of each room.
#pragma once

#include "config/settings.h"
#include "policy/policy.h"
#include "proxy/rejections.h"
#include "proxy/session.h"
#include "proxy/walk.h"
#include "store/session_store.h"
#include "tls/client_identity.h"
#include "wire/upstream_pool.h"

namespace weir::app {

/// Everything the rooms need, checked: patterns compiled, proxies parsed. Immutable once made.
struct RoomOptions {
  proxy::SessionOptions session;
  proxy::WalkOptions walk;
  wire::PoolOptions pool;  ///< without its callbacks into a running server
  proxy::RejectionOptions rejections;
  std::shared_ptr<const policy::Policy> policy;
  std::vector<tls::ClientCertificate> certificates;  ///< of ours, for upstream hosts that ask
  store::SessionStore::Options store;
  Duration drain_timeout{};
  std::size_t connections = 0;
  std::size_t body_limit = 0;
};

/// Errors (bad_config) name the setting.
Result<RoomOptions> room_options(const config::Settings& settings);

}  // namespace weir::app
