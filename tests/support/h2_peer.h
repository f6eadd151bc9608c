// H2Peer: one end of an HTTP/2 connection in a dialogue, played by the test frame by frame.
//
//   H2Peer client(play, play.client());
//   client.greets();
//   client.headers(1, get());
//   client.expects_headers(1, {{":status", "204"}}, true);
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/support/h2_frames.h"
#include "tests/support/playbook.h"

struct nghttp2_hd_inflater;

namespace weir::testing {

struct H2Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;       ///< of DATA without padding
  h2::Headers headers = {};  ///< of HEADERS and the CONTINUATIONs behind it
  bool end() const { return type <= h2::kHeaders && (flags & h2::kEndStream) != 0; }
};

/// Frames wait here until a line asks for them, in the order of their stream; those of other streams may come
/// in between. SETTINGS and PING are answered, WINDOW_UPDATE is added up, in silence. Texts in headers and
/// DATA are filled in by the stage. When it goes, no frame may be left that no line spoke of. Must go before
/// its playbook.
class H2Peer {
 public:
  using Where = std::source_location;
  /// `wire` is a client's connection, or an origin's (`serves`).
  enum class Role { asks, serves };
  H2Peer(Playbook& play, Peer& wire, Role role = Role::asks);
  H2Peer(const H2Peer&) = delete;
  ~H2Peer();

  /// Preface and SETTINGS both ways.
  void greets(const h2::Settings& settings = {}, Where where = Where::current());
  /// Frames as they are (h2_frames.h).
  void sends(std::string_view frames, Where where = Where::current());
  /// The same, as far as the proxy takes it, reading nothing meanwhile; how much that was.
  std::size_t pushes(std::string_view frames);
  void headers(std::uint32_t stream, const h2::Headers& headers, bool end = true,
               Where where = Where::current());
  /// In frames of 16 KiB at most, whatever the windows are.
  void data(std::uint32_t stream, std::string_view text, bool end = false, Where where = Where::current());

  void expects_headers(std::uint32_t stream, const h2::Headers& headers, bool end = false,
                       Where where = Where::current());
  /// Exactly these bytes come next on the stream, in any number of DATA frames, and with `end` its end.
  void expects_data(std::uint32_t stream, std::string_view text, bool end = false,
                    Where where = Where::current());
  void expects_reset(std::uint32_t stream, std::uint32_t code, Where where = Where::current());
  /// Of any last stream.
  void expects_goaway(std::uint32_t code, Where where = Where::current());
  /// A response comes next, whatever is in it, and its whole body.
  Answer expects_answer(std::uint32_t stream, Where where = Where::current());
  /// No frame has come by now but those that were spoken of.
  void expects_silence(Where where = Where::current());
  /// The connection ends, in order, and no frame comes before that.
  void expects_end(Where where = Where::current());
  /// The next frame of `stream`; nothing if none comes.
  std::optional<H2Frame> next(std::uint32_t stream, Where where = Where::current());
  /// All bytes of DATA on `stream` that have come by now.
  std::string all_data(std::uint32_t stream);
  /// Frames that have come and were not asked for are no failure.
  void forgets() { strict_ = false; }
  void answers_nothing() { answers_ = false; }  ///< neither SETTINGS nor PING

  /// What may still be sent: on `stream`, or (0) altogether.
  std::int64_t window(std::uint32_t stream);
  /// Of the last SETTINGS; nothing if it was not in there.
  std::optional<std::uint32_t> setting(std::uint16_t id);
  std::size_t pongs() const { return pongs_; }
  std::size_t acks() const { return acks_; }
  void closes();
  Peer& wire() { return wire_; }

 private:
  struct Free {
    void operator()(nghttp2_hd_inflater* inflater) const noexcept;
  };
  bool read_frame(bool wait);
  void drain();
  void take(H2Frame frame);
  void take_settings(const H2Frame& frame);
  void inflate(H2Frame& frame);
  h2::Headers filled(const h2::Headers& headers) const;
  void complain(const Where& where, const std::string& wanted, const std::optional<H2Frame>& got);

  Playbook& play_;
  Peer& wire_;
  Role role_;
  std::string buffer_;
  std::deque<H2Frame> frames_;
  std::optional<H2Frame> open_;  // HEADERS without its end
  std::map<std::uint16_t, std::uint32_t> settings_;
  std::map<std::uint32_t, std::int64_t> credit_;  // WINDOW_UPDATE less DATA sent
  std::unique_ptr<nghttp2_hd_inflater, Free> inflater_;
  std::size_t pongs_ = 0;
  std::size_t acks_ = 0;
  bool strict_ = true;
  bool answers_ = true;
};

/// A client in TLS inside a tunnel, and an origin in TLS, that choose "h2" by ALPN.
Peer& secure_h2_client(Playbook& play);
Peer& secure_h2_upstream(Playbook& play);

/// A request's head: to the proxy port ({origin}), or into a tunnel ({tunnel}).
h2::Headers request(const std::string& method, const std::string& path, const h2::Headers& fields = {},
                    const std::string& authority = "{origin}", const std::string& scheme = "http");

}  // namespace weir::testing
