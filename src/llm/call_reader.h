// CallReader: one exchange of a model, from its bytes to its ModelCall.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"
#include "llm/event_source.h"
#include "llm/model_call.h"
#include "llm/protocol_reader.h"

namespace weir::llm {

/// Looks on and touches nothing: bodies come decoded, in any cuts, with the time of each. Never fails. Keeps
/// at most one unfinished event of a stream, or kMaxDocument of an answer in one piece. Not thread-safe.
class CallReader {
 public:
  static constexpr std::size_t kMaxDocument = 8 << 20;

  /// For a protocol without a reader only the heads and sizes are recorded. `sent`: when the request went
  /// out.
  CallReader(Protocol protocol, TimePoint sent);

  /// Before the body: some protocols name the model in the path.
  void request_head(const http::RequestHead& head);
  /// Once. `cut`: this is only the beginning of the body.
  void request_body(std::string_view body, bool cut);
  void response_head(const http::ResponseHead& head, TimePoint at);
  void response_body(std::string_view chunk, TimePoint at);
  /// A WebSocket message from upstream, instead of head and body of a response.
  void message(std::string_view text, TimePoint at);
  /// The body cannot be decoded any further.
  void undecodable(std::string_view why);

  /// `complete`: the response ended as HTTP says it should. Nothing may be called after it.
  ModelCall finish(bool complete, TimePoint at);

  /// What is known so far, for live views and budgets.
  const ModelCall& so_far() const { return call_; }

 private:
  enum class Framing : std::uint8_t { unknown, document, events };

  static constexpr std::size_t kSniff = 16;

  void sniff(std::string_view chunk, TimePoint at);
  void choose_framing(std::string_view beginning);
  void take_bytes(std::string_view chunk, TimePoint at);
  void take_events(TimePoint at);
  void take_event(const StreamEvent& event, TimePoint at);
  void content_at(Duration at);
  void read_document();

  std::unique_ptr<ProtocolReader> reader_;
  ModelCall call_;
  TimePoint sent_;
  std::unique_ptr<EventSource> source_;
  std::string content_type_;
  std::string beginning_;  // of the response, until it is enough to tell the framing
  std::string document_;
  Framing framing_ = Framing::unknown;
  bool document_cut_ = false, ended_ = false;
};

}  // namespace weir::llm
