// The walk: what happens to one request, from its head to its account. docs/life_of_a_request.md reads along.
#pragma once

#include "proxy/exchange.h"
#include "proxy/filter.h"

namespace weir::proxy {

struct WalkOptions {
  Duration response_timeout = std::chrono::seconds(300);  ///< request sent to response head; zero = none
  bool block_when_capture_fails = false;
  bool wait_for_capture = true;  ///< messages wait, in place of being lost, when the capture queue is full
};

/// Carries exchanges. One a thread; what it is given must outlive it.
class Walk {
 public:
  /// `onlookers` may be null.
  Walk(async::Loop& loop, wire::UpstreamPool& pool, Recorder& recorder, const Filters& filters,
       const WalkOptions& options, Onlookers* onlookers = nullptr)
      : loop_(loop),
        pool_(pool),
        recorder_(recorder),
        filters_(filters),
        options_(options),
        onlookers_(onlookers) {}

  /// Answers `incoming`, one way or another, and records it. Returns when the response has been sent or the
  /// client cannot be answered any more. Never fails: what went wrong is in the flow.
  async::Task<void> carry(wire::Incoming& incoming, const ClientSide& client);
  /// Fails (capture_failed) while nothing may pass unrecorded and recording fails; for tunnels, which are not
  /// carried, to ask as well.
  Result<void> may_pass() const;

 private:
  struct Upload;
  async::Task<Result<void>> serve(Exchange& exchange);
  async::Task<Result<std::optional<Answer>>> ask_filters(Exchange& exchange);
  async::Task<Result<void>> give(Exchange& exchange, Answer answer);
  async::Task<Result<void>> forward(Exchange& exchange);
  async::Task<Result<void>> converse(Exchange& exchange, wire::Outgoing& out);
  async::Task<Result<void>> send(Exchange& exchange, wire::Outgoing& out, wire::Body* body);
  async::Task<Result<http::ResponseHead>> final_head(Exchange& exchange, wire::Outgoing& out);
  async::Task<Result<void>> respond(Exchange& exchange, wire::Outgoing& out);
  async::Task<Result<void>> pass_on(Exchange& exchange, wire::Outgoing& out);
  async::Task<Result<void>> change_protocol(Exchange& exchange, wire::Outgoing& out);
  void note_sent(Exchange& exchange, wire::Outgoing& out, TimePoint begun);
  async::Task<void> run_upload(Upload& upload);
  async::Task<void> end_in_error(Exchange& exchange, Error error);
  async::Task<void> explain(Exchange& exchange, const Error& error);

  async::Loop& loop_;
  wire::UpstreamPool& pool_;
  Recorder& recorder_;
  const Filters& filters_;
  const WalkOptions& options_;
  Onlookers* onlookers_;
};

}  // namespace weir::proxy
