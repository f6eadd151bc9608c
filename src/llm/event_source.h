// EventSource: one response body in any cuts, as the events in it. Four framings share it.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::llm {

/// Views live until the next call of the source.
struct StreamEvent {
  std::string_view name =
      {};  ///< of SSE and AWS event streams; empty for the others and where none was given
  std::string_view data = {};
  bool cut = false;        ///< the end is missing: too large, or the stream broke off within
  bool exception = false;  ///< AWS: an exception or error frame
};

/// Feed a chunk, then take events until there is none; what is left of the chunk is then kept by the source.
/// Work is linear in the bytes fed, memory bounded by the limit each source is made with: an event above it
/// is handed out cut, and reading goes on behind it.
class EventSource {
 public:
  static constexpr std::size_t kMaxEvent = 4 << 20;

  virtual ~EventSource() = default;

  /// The chunk must live until `next` has said false.
  virtual void feed(std::string_view chunk) = 0;
  /// The bytes are over: `next` may give one more event, which is cut unless its end was only implied.
  virtual void finish() = 0;
  virtual bool next(StreamEvent& event) = 0;

  /// Why the bytes are not what they should be; empty while all is well. Static storage.
  std::string_view trouble() const { return trouble_; }

 protected:
  void note(std::string_view what) {
    if (trouble_.empty()) trouble_ = what;
  }

 private:
  std::string_view trouble_;
};

}  // namespace weir::llm
