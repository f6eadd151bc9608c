// ProtocolReader: what one provider protocol means. Knows no framing and no time: CallReader does that.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "http/message.h"
#include "llm/event_source.h"
#include "llm/model_call.h"

namespace weir::llm {

/// What an event was to its stream.
enum class Progress : std::uint8_t {
  other,    ///< a head, a ping, the end of a block
  content,  ///< text, thinking or tool arguments that are not empty
  end,      ///< the protocol's own end: after it a stream is not partial
};

/// One reader for one call. Everything it is given may be hostile, and nothing fails: what cannot be read is
/// marked on the call (ModelCall::mark_parse_error), what is unknown is skipped. Order of calls: request,
/// response_head, then events or one document, then finish. None but the last is sure to come.
class ProtocolReader {
 public:
  virtual ~ProtocolReader() = default;

  /// The request's body, decoded; `cut` when only its beginning is here. `call.path` is set.
  virtual void request(std::string_view body, bool cut, ModelCall& call) = 0;
  /// What is particular to the protocol; CallReader takes status, request ids and rate limits.
  virtual void response_head(const http::ResponseHead& head, ModelCall& call) { (void)head, (void)call; }
  virtual Progress event(const StreamEvent& event, ModelCall& call) = 0;
  /// A response that is one JSON text: an answer or an error.
  virtual void document(std::string_view body, bool cut, ModelCall& call) = 0;
  /// Everything has come that will. `call.usage.settle()` and the marks for a broken stream are CallReader's.
  virtual void finish(ModelCall& call) { (void)call; }
};

/// Nothing for a protocol that has no reader.
std::unique_ptr<ProtocolReader> make_protocol_reader(Protocol protocol);

/// Reads an error in any of the shapes that providers use (`{"error":{"type","message"}}`, `{"error":"…"}`,
/// `{"message"}`, `{"detail"}`, `{"errors":[…]}`) into the call; false where there is none.
bool read_error(std::string_view body, ModelCall& call);

}  // namespace weir::llm
