#include "store/session_store.h"

#include "store/event_queue.h"
#include "store/retention.h"
#include "store/session_writer.h"

namespace weir::store {

Result<std::unique_ptr<SessionStore>> SessionStore::open(const Options& options) {
  adopt_orphans(options.data_dir, options.catalog);
  apply_retention(options.data_dir, options.catalog, {options.retention_days, options.retention_bytes},
                  options.now());
  auto queue = std::make_unique<EventQueue>(EventQueue::Limits{options.queue_bytes, options.when_full});
  auto writer = SessionWriter::start(options, *queue);
  if (!writer) return pass(writer);
  return std::unique_ptr<SessionStore>(new SessionStore(std::move(queue), std::move(*writer)));
}

SessionStore::SessionStore(std::unique_ptr<EventQueue> queue, std::unique_ptr<SessionWriter> writer)
    : queue_(std::move(queue)), writer_(std::move(writer)) {}

SessionStore::~SessionStore() { close(); }

void SessionStore::opened(std::unique_ptr<const flow::Flow> flow) { queue_->push_opened(std::move(flow)); }
void SessionStore::closed(std::unique_ptr<const flow::Flow> flow) { queue_->push_closed(std::move(flow)); }
void SessionStore::message(std::unique_ptr<const flow::Message> message) { queue_->push(std::move(message)); }
void SessionStore::connection(std::unique_ptr<const flow::Connection> connection) {
  queue_->push(std::move(connection));
}
void SessionStore::model_call(std::unique_ptr<const ModelRecord> record) { queue_->push(std::move(record)); }
void SessionStore::mcp_call(std::unique_ptr<const McpRecord> record) { queue_->push(std::move(record)); }
bool SessionStore::has_room() const { return queue_->has_room(); }
bool SessionStore::failing() const { return queue_->stalled(); }
bool SessionStore::flush() { return queue_->flush(); }
void SessionStore::keep_house() { writer_->tidy(); }

void SessionStore::close() {
  if (closed_) return;
  closed_ = true;
  queue_->close();
  writer_->finish();
}

const std::string& SessionStore::session_id() const { return writer_->session_id(); }
const std::filesystem::path& SessionStore::directory() const { return writer_->directory(); }

SessionStore::Counters SessionStore::counters() const {
  EventQueue::Counters queue = queue_->counters();
  return {.accepted = queue.accepted,
          .written = writer_->written(),
          .shed_bodies = queue.shed_bodies,
          .shed_flows = queue.shed_flows,
          .shed_models = queue.shed_models,
          .shed_connections = queue.shed_connections,
          .failed_writes = writer_->failed_writes(),
          .lost_flows = writer_->lost_flows(),
          .lost_messages = queue.shed_messages + writer_->lost_messages(),
          .queue_bytes = queue.bytes,
          .queue_events = queue.events};
}

}  // namespace weir::store
