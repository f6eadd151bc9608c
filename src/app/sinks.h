// Sinks: the one sink that the walk knows, in front of all there are.
#pragma once

#include <vector>

#include "app/observer.h"
#include "flow/sink.h"

namespace weir::app {

/// The record gets every event; each log gets a copy of each flow that closes; observers look at it
/// first. Without any of them, events vanish. All that was added outlives it; adding ends before the first
/// event.
class Sinks final : public flow::Sink {
 public:
  void set_record(flow::Sink& record) { record_ = &record; }
  void add_log(flow::Sink& log) { logs_.push_back(&log); }
  void add_observer(Observer& observer) { observers_.push_back(&observer); }

  void opened(std::unique_ptr<const flow::Flow> flow) override;
  void closed(std::unique_ptr<const flow::Flow> flow) override;
  void message(std::unique_ptr<const flow::Message> message) override;
  void connection(std::unique_ptr<const flow::Connection> connection) override;
  /// While all have room: the fullest sets the pace.
  bool has_room() const override;
  /// When any of them fails: what is to be in each is not in all.
  bool failing() const override;

 private:
  flow::Sink* record_ = nullptr;
  std::vector<flow::Sink*> logs_;
  std::vector<Observer*> observers_;
};

}  // namespace weir::app
