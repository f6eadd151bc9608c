#include "app/sinks.h"

#include <algorithm>
#include <utility>

namespace weir::app {

void Sinks::opened(std::unique_ptr<const flow::Flow> flow) {
  if (record_) record_->opened(std::move(flow));
}

void Sinks::closed(std::unique_ptr<const flow::Flow> flow) {
  for (Observer* observer : observers_) observer->closed(*flow);
  std::size_t takers = logs_.size() + (record_ ? 1 : 0);
  for (flow::Sink* log : logs_)
    log->closed(--takers == 0 ? std::move(flow) : std::make_unique<const flow::Flow>(*flow));
  if (record_) record_->closed(std::move(flow));
}

void Sinks::message(std::unique_ptr<const flow::Message> message) {
  if (record_) record_->message(std::move(message));
}

void Sinks::connection(std::unique_ptr<const flow::Connection> connection) {
  if (record_) record_->connection(std::move(connection));
}

bool Sinks::has_room() const {
  return (!record_ || record_->has_room()) && std::ranges::all_of(logs_, &flow::Sink::has_room);
}

bool Sinks::failing() const {
  return (record_ && record_->failing()) || std::ranges::any_of(logs_, &flow::Sink::failing);
}

}  // namespace weir::app
