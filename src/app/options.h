// Settings (what users write) to the small Options of each room.
#pragma once

#include "app/filtering.h"
#include "app/model_settings.h"
#include "app/remote_logs.h"
#include "config/settings.h"
#include "flow/redactor.h"
#include "proxy/rejections.h"
#include "proxy/session.h"
#include "proxy/walk.h"
#include "store/jsonl_writer.h"
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
  Filtering filtering;
  Sight sight;                             ///< what filtering was checked against, and another one will be
  std::vector<std::string> private_hosts;  ///< of its guard
  std::vector<tls::ClientCertificate> certificates;  ///< of ours, for upstream hosts that ask
  store::SessionStore::Options store;
  std::shared_ptr<const flow::Redactor> redactor;    ///< null: the built-in redaction is all there is
  std::shared_ptr<const policy::Policy> log_skip;    ///< null: everything is recorded
  std::optional<store::JsonlWriter::Options> jsonl;  ///< without its session
  ModelOptions models;
  std::vector<RemoteReceiver> receivers;
  Duration flush_timeout{};  ///< for what receivers were not sent yet
  Duration drain_timeout{};
  std::size_t connections = 0;
  std::size_t body_limit = 0;
};

/// Errors (bad_config) name the setting.
/// `live`: secrets to keep out of the record besides; null: none.
Result<RoomOptions> room_options(const config::Settings& settings,
                                 std::shared_ptr<const flow::LiveSecrets> live = nullptr);

}  // namespace weir::app
