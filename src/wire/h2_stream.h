// H2Stream: one stream of an HTTP/2 connection, either side: what has come and was not read, and what goes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "async/signal.h"
#include "http/h2/session.h"
#include "wire/body.h"
#include "wire/h2_connection.h"

namespace weir::wire {

/// Is the Body of what the peer sends. One reader and one writer, different coroutines perhaps. Destroying it
/// resets the stream if it is not over. Must not outlive its connection.
class H2Stream final : public Body, private http::h2::StreamEvents {
 public:
  H2Stream(H2Connection& connection, http::h2::StreamId id);
  ~H2Stream() override;

  http::h2::StreamEvents& events() { return *this; }
  /// Of a stream that we open ourselves.
  void set_id(http::h2::StreamId id) { id_ = id; }
  http::h2::StreamId id() const { return id_; }

  // Body. Unread bytes cost the peer its window; length() is what content-length said.
  async::Task<Result<std::string_view>> read() override;
  bool ready() const override { return stopped_ || failure_ || ended_ || unread() > 0; }
  bool finished() const override { return ended_ && unread() == 0; }
  std::optional<std::uint64_t> length() const override;
  const http::Fields& trailers() const override { return trailers_; }
  void set_length(std::optional<std::uint64_t> length) { length_ = length; }
  /// The request or response has no body: the peer said so with the head.
  void set_ended() { ended_ = true; }
  /// Makes a waiting or later read() end with Code::cancelled.
  void stop();
  void set_idle_limit(Duration limit) { idle_limit_ = limit; }

  /// Copies what has come, without waiting; nothing when a wait is needed, 0 at the end.
  Result<std::optional<std::size_t>> take(std::span<char> into);
  async::Signal& arrivals() { return arrived_; }

  /// Client: the next response head. Waits until `deadline_` set by expect_by.
  async::Task<Result<http::h2::HeaderBlock>> head();
  void expect_head_by(TimePoint deadline);

  /// Pulls `body` to its end and sends it, trailers included. `first` is what was read of it already.
  async::Task<Result<void>> send_body(Body& body, std::optional<std::string_view> first);
  /// What is to be sent next; the head must have been submitted with a body. The bytes must stay until
  /// offered() is false. `last` ends our direction.
  void offer(std::string_view bytes, bool last, const http::Fields* trailers = nullptr);
  bool offered() const { return offered_; }
  /// Waits until all that was offered has become frames.
  async::Task<Result<void>> wait_taken();
  async::Signal& departures() { return taken_; }
  /// Our direction has ended, or never was to have a body.
  void set_sent() { sent_all_ = true; }

  /// Ends the stream at once, both ways; waits end with Code::cancelled.
  void cancel(http::h2::ErrorCode why);
  bool cancelled() const { return cancelled_; }
  /// Called once when the peer ends the stream before its time, or the connection fails.
  void on_gone(std::move_only_function<void()> call);
  const std::optional<Error>& failure() const { return failure_; }
  /// Nothing comes or goes any more; without a failure() because one half had ended in order, and the peer
  /// has no use for the other.
  bool closed() const { return closed_; }
  bool responded_to() const { return !heads_.empty() || heads_taken_ > 0; }
  H2Connection& connection() { return connection_; }

 private:
  friend class H2Connection;
  void on_head(http::h2::HeaderBlock block) override;
  void on_data(std::string_view data) override;
  void on_trailers(http::h2::HeaderBlock block) override;
  void on_end() override;
  void on_close(http::h2::ErrorCode why, std::string_view fault) override;
  std::optional<http::h2::Outflow> outflow() override;
  void sent(std::size_t bytes) override;

  std::size_t unread() const { return received_.size() - taken_bytes_; }
  void fail_with(const Error& why);
  void tell();
  /// Gives the peer back the window of what was handed out.
  void give_back();

  H2Connection& connection_;
  http::h2::StreamId id_;
  // The connection's list of its streams.
  H2Stream* previous_ = nullptr;
  H2Stream* next_ = nullptr;

  std::string received_;
  std::string handed_;           // what the last read() gave out
  std::size_t taken_bytes_ = 0;  // of received_, by take()
  http::Fields trailers_;
  std::optional<std::uint64_t> length_;
  std::vector<http::h2::HeaderBlock> heads_;
  std::size_t heads_taken_ = 0;
  TimePoint head_deadline_ = kNever;
  Duration idle_limit_{0};
  async::Signal arrived_;

  std::string_view sending_;
  const http::Fields* sending_trailers_ = nullptr;
  async::Signal taken_;
  std::optional<Error> failure_;
  std::move_only_function<void()> gone_;
  bool offered_ = false;
  bool last_ = false;
  bool sent_all_ = false;  // our direction has ended
  bool ended_ = false;     // the peer's direction has
  bool closed_ = false;    // the codec has forgotten the stream
  bool stopped_ = false;
  bool cancelled_ = false;
};

}  // namespace weir::wire
