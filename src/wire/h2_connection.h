// H2Connection: what both ends of an HTTP/2 connection have in common: a stream below, a codec, and the
// driver that moves bytes between them.
//
// Frames leave in batches: whoever has something to send puts it into the codec and calls flush_soon(); the
// writer runs when everything that was ready in this round has run. It holds at most kOutLimit bytes and one
// frame; what a slow peer does not take stays in the bodies it comes from, unread.
#pragma once

#include <optional>
#include <string>

#include "async/signal.h"
#include "async/task_group.h"
#include "http/h2/session.h"
#include "net/stream.h"
#include "wire/read_buffer.h"

namespace weir::wire {

class H2Stream;

/// Limits of HTTP/2 that are not the codec's.
struct H2Limits {
  http::h2::SessionOptions session;
  Duration stall = std::chrono::minutes(5);  ///< something to send, and no window or no room all that time
  /// Unread bytes of all streams together, beyond which the connection's window is no longer opened.
  std::size_t held_bytes = 4 << 20;
};

class H2Connection : protected http::h2::SessionEvents {
 public:
  H2Connection(net::Stream& stream, http::h2::Role role, const H2Limits& limits);
  H2Connection(const H2Connection&) = delete;

  http::h2::Session& session() { return session_; }
  async::Loop& loop() const { return stream_.loop(); }
  net::Stream& stream() { return stream_; }
  const H2Limits& limits() const { return limits_; }
  /// The codec has something to send, or a window was opened.
  void flush_soon() { wake_.notify(); }
  /// Turns what the codec has into bytes, as far as they may wait. Not from within a callback of the codec.
  void pump();
  std::size_t live() const { return live_; }
  bool ended() const { return ended_; }
  /// Somebody on our side has cut the connection; a peer that takes no more bytes is not meant.
  bool cut() const { return stream_.cancelled() && !write_failure_; }

 protected:
  ~H2Connection();

  /// The writer; spawned before anything else, ends when the connection does.
  async::Task<void> write_frames();
  /// Waits until `deadline` for bytes and gives them to the codec. False at the end of the stream.
  async::Task<Result<bool>> read_frames();
  /// No more frames either way: every stream fails with `why`.
  void fail_streams(const Error& why);
  /// Lets the writer send what there is, within 2 s, and end.
  async::Task<void> finish_writing();
  void set_deadline(TimePoint deadline) { stream_.set_read_deadline(deadline); }
  void prepend(std::string_view bytes) { buffer_.prepend(bytes); }

  /// A stream has come or gone.
  virtual void live_changed() = 0;

  net::Stream& stream_;
  const H2Limits& limits_;
  http::h2::Session session_;

 private:
  friend class H2Stream;
  void add(H2Stream& stream);
  void drop(H2Stream& stream);
  void arrived(std::size_t bytes);
  void consumed(H2Stream& stream, std::size_t bytes, bool discarded);

  ReadBuffer buffer_;
  std::string out_;
  std::string writing_;
  bool secret_ = false;  // there may be one in out_
  async::Signal wake_;
  async::Signal room_;
  async::TaskGroup group_;
  H2Stream* first_ = nullptr;
  std::size_t live_ = 0;
  std::size_t held_ = 0;      // unread bytes of all streams
  std::size_t withheld_ = 0;  // of these, what the peer was not given back to the connection's window
  bool closing_ = false;
  bool ended_ = false;
  std::optional<Error> write_failure_;
  bool started_ = false;
};

}  // namespace weir::wire
