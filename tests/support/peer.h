// Peer: one end of a connection in a dialogue, played by the test.
#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <source_location>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "http/message.h"
#include "tests/support/stage.h"

namespace weir::testing {

/// A whole HTTP/1 response, as far as its Content-Length says.
struct Answer {
  http::ResponseHead head;
  std::string body;
  std::string field(std::string_view name) const { return std::string(head.fields.get(name).value_or("")); }
};

/// Texts are filled in by the stage ({origin}, {host}, {tunnel}). After the first failure of the dialogue
/// every further line of it does nothing, so that the first difference is the one that is told.
class Peer {
 public:
  using Where = std::source_location;
  Peer(Stage& stage, bool& broken, UniqueFd socket, std::string name);

  void sends(std::string_view text, Where where = Where::current());
  /// Exactly these bytes come next.
  void expects(std::string_view text, Where where = Where::current());
  /// These bytes come next, and then nothing but the end of the connection.
  void expects_last(std::string_view text, Where where = Where::current());
  /// A response comes next, whatever is in it.
  Answer expects_answer(Where where = Where::current());
  /// Nothing has come by now.
  void expects_silence(Where where = Where::current());
  /// The connection ends now: closed, or (`reset`) cut.
  void expects_end(Where where = Where::current());
  void expects_reset(Where where = Where::current());
  /// Reads until the end of the connection, whatever comes. How it ended is in `was_reset`.
  std::string reads_all(Where where = Where::current());
  bool was_reset() const { return reset_; }

  /// What has come; waits for it if `wait`. Empty at the end, or when nothing more will come.
  std::string takes(bool wait = true);
  /// Sends what the proxy takes, reading nothing meanwhile: how much that was. An end is no failure.
  std::size_t pushes(std::string_view bytes);

  /// Shakes hands over what was a plain connection until now.
  void starts_tls(tls::SslPtr session, Where where = Where::current());
  /// The same; true when the handshake succeeded.
  bool tries_tls(tls::SslPtr session);
  SSL* tls() const { return tls_.get(); }

  /// No more bytes come from here; it goes on reading.
  void half_closes();
  void closes();
  void resets();

  void complain(const Where& where, const std::string& text);
  bool broken() const { return broken_; }
  const std::string& name() const { return name_; }
  bool open() const { return static_cast<bool>(socket_); }
  int fd() const { return socket_.get(); }
  /// What has come, and no line of the dialogue spoke of.
  std::string leftover();

 private:
  enum class Read { some, nothing, end };
  Read read_now();
  /// Waits for more; false at the end of the connection or when nothing will come.
  bool read_more();
  bool want(int ssl_result);
  /// 0 when it must be tried again, below when it cannot be.
  ssize_t write_some(std::string_view bytes);

  Stage& stage_;
  bool& broken_;
  UniqueFd socket_;
  std::string name_;
  tls::SslPtr tls_;
  std::string received_;
  bool ended_ = false;
  bool reset_ = false;
};

}  // namespace weir::testing
