// Session: one end of an HTTP/2 connection as a codec (RFC 9113): bytes in, events out; messages in, bytes
// out. No sockets, no clock. The only code that sees nghttp2.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "http/fields.h"
#include "http/h2/error_code.h"
#include "http/h2/flood_guard.h"

struct nghttp2_session;

namespace weir::http::h2 {

using StreamId = std::int32_t;

enum class Role : std::uint8_t { server, client };

struct SessionOptions {
  std::uint32_t peer_streams = 128;           ///< streams the client may have open at once (server)
  std::uint32_t stream_window = 256 * 1024;   ///< bytes a stream may send before they are consumed
  std::uint32_t connection_window = 1 << 20;  ///< the same for all streams together
  std::size_t head_bytes = 64 * 1024;         ///< header list as RFC 9113 section 6.5.2 counts it
  std::size_t fields = 256;
  FloodLimits flood;
};

/// A header block as it came or goes: pseudo-fields apart, the others in order. Pseudo-fields that are not
/// there are empty; 0 for the status, whose digits are not looked at.
struct HeaderBlock {
  std::string method;
  std::string scheme;
  std::string authority;
  std::string path;
  bool secret_path = false;  ///< see RequestHead::secret_target
  std::string protocol;
  std::uint16_t status = 0;
  Fields fields;
  std::size_t bytes = 0;   ///< of the header list, 32 for each field included
  bool too_large = false;  ///< the limits were passed: the rest of the fields is missing
};

/// What a stream wants to send next.
struct Outflow {
  std::string_view data;             ///< the session takes a prefix of it, and says how much by sent()
  bool last = false;                 ///< nothing comes behind `data`
  const Fields* trailers = nullptr;  ///< sent behind it when it is the last; null or empty = none
};

/// One stream's end of the events. on_* are called from within Session::receive, outflow and sent from within
/// Session::produce; none of them may destroy the session or a stream.
class StreamEvents {
 public:
  /// A response head: any number of 1xx, then the final one. Not called on the server's side.
  virtual void on_head(HeaderBlock block) = 0;
  virtual void on_data(std::string_view data) = 0;
  virtual void on_trailers(HeaderBlock block) = 0;
  /// The peer has nothing more to send.
  virtual void on_end() = 0;
  /// The stream is over; nothing is called after this. `no_error` when both directions ended as they should;
  /// `refused_stream` when the peer has certainly not looked at it (RST_STREAM with that code, or a GOAWAY).
  /// `fault` is empty unless it was us who reset it: then it says what rule the peer broke, if it was that.
  virtual void on_close(ErrorCode why, std::string_view fault) = 0;

  /// What to send now; nothing makes the stream wait for resume().
  virtual std::optional<Outflow> outflow() = 0;
  virtual void sent(std::size_t bytes) = 0;

 protected:
  ~StreamEvents() = default;
};

class SessionEvents {
 public:
  /// A whole request head has come (server). `end`: no body follows. Returns who takes the stream's events.
  virtual StreamEvents* on_request(StreamId stream, HeaderBlock block, bool end) = 0;
  /// A stream broke a rule of RFC 9113 section 8 and is being reset. Only told where no on_request was
  /// called.
  virtual void on_malformed(StreamId stream, std::string_view why) = 0;
  /// The peer accepts no streams above `last`.
  virtual void on_goaway(StreamId last, ErrorCode why) = 0;
  virtual void on_settings() = 0;
  /// The peer has seen what was sent before ping().
  virtual void on_pong() = 0;

 protected:
  ~SessionEvents() = default;
};

/// Belongs to one thread. Windows are opened by consume_* alone, so that who does not read stops the sender.
class Session {
 public:
  /// The preface and SETTINGS are ready to be produced at once. `events` outlives the session.
  Session(Role role, const SessionOptions& options, SessionEvents& events, TimePoint now);
  Session(const Session&) = delete;
  ~Session();

  /// Takes all of `bytes`. An error ends the connection: flood, or bad_request / upstream_bad_response with
  /// what was wrong; a GOAWAY that says so is ready to be produced.
  Result<void> receive(std::string_view bytes, TimePoint now);
  /// Appends frames to `out` until there are none, or `out` holds at least `limit` bytes. True when there may
  /// be a secret in them: `out` is to be overwritten, then.
  bool produce(std::string& out, std::size_t limit);
  /// True when produce() would append something, flow control permitting.
  bool has_output() const;
  /// False once nothing more will be read (GOAWAY sent for an error, or both sides have ended).
  bool wants_input() const;
  /// Frames that wait for produce(): bounded by us, unless the peer does not read.
  std::size_t queued() const;
  /// Why we have ended the connection with an error, once that has been produced.
  const std::optional<Error>& fault() const { return fault_; }
  /// A header block has begun and is not complete.
  bool head_open() const { return head_open_; }

  /// Client. `body`: DATA follows by StreamEvents::outflow. Nothing when no stream can be opened any more.
  std::optional<StreamId> submit_request(const HeaderBlock& block, bool body, StreamEvents* events);
  /// Server: a final head. An interim one by submit_interim.
  void submit_response(StreamId stream, const HeaderBlock& block, bool body);
  void submit_interim(StreamId stream, const HeaderBlock& block);
  /// There is something to send again on a stream whose outflow() was empty.
  void resume(StreamId stream);
  /// Ends a stream at once. on_close comes when the frame is produced.
  void reset(StreamId stream, ErrorCode why);
  /// Server: resets a request whose rest nobody wants, without an error (RFC 9113 section 8.1), as soon as
  /// the response that was submitted has gone; a reset before would take it away. The stream is forgotten.
  void finish(StreamId stream);
  /// The stream's events go nowhere from now on.
  void forget(StreamId stream);

  void consume_stream(StreamId stream, std::size_t bytes);
  void consume_connection(std::size_t bytes);

  /// No new streams, those under way go on. First a notice, which costs no stream that is on its way already;
  /// final when the peer has seen it (on_pong).
  void announce_goaway();
  void submit_goaway();
  void ping();
  /// Ends the connection with an error: GOAWAY, then wants_input() is false.
  void terminate(ErrorCode why);

  std::uint32_t peer_max_streams() const;
  bool peer_takes_connect_protocol() const;  ///< RFC 8441
  const FloodGuard& guard() const { return guard_; }

 private:
  struct Callbacks;
  struct Free {
    void operator()(nghttp2_session* session) const noexcept;
  };

  void introduce();
  void flooded(std::string what);
  /// What a callback returns: of a peer that floods not one byte more is looked at.
  int verdict() const;
  void counted_reset();
  void control(FloodGuard::Control kind);
  Error failure(std::string_view why) const;

  const Role role_;
  const SessionOptions options_;
  SessionEvents& events_;
  FloodGuard guard_;
  TimePoint now_;
  HeaderBlock block_;
  bool head_open_ = false;
  bool unsent_secret_ = false;     // requests wait for produce(), and one of them holds a secret
  std::size_t continuations_ = 0;  // of the header block under way
  std::optional<Error> fault_;
  std::string problem_;         // the library's words for what the peer did last
  StreamId reset_by_us_ = 0;    // while its frame is being produced
  std::string flood_;           // why we have had enough of this peer; empty = we have not
  std::string* out_ = nullptr;  // while producing
  std::unique_ptr<nghttp2_session, Free> session_;
};

}  // namespace weir::http::h2
