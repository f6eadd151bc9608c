// RFC 8441 section 5: WebSockets that are open, on every pair of legs: what passes, how they end, and who
// waits for whom.
#include <fmt/format.h>

#include "http/ws/handshake.h"
#include "tests/conformance/websocket_opening.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using http::ws::from_client;
using http::ws::from_server;
using Role = H2Peer::Role;

constexpr std::uint32_t kReset = 8;  // CANCEL, as section 5 has it

/// One end of a WebSocket that is open: a connection of HTTP/1.1, or a stream of HTTP/2.
struct End {
  Peer* wire;
  H2Peer* h2 = nullptr;
  std::uint32_t stream = 0;

  void says(const std::string& text) { h2 ? h2->data(stream, text) : wire->sends(text); }
  void hears(const std::string& text) { h2 ? h2->expects_data(stream, text) : wire->expects(text); }
  void ends() { h2 ? h2->data(stream, "", true) : wire->half_closes(); }
  void hears_end() { h2 ? h2->expects_data(stream, "", true) : wire->expects_end(); }
  void cuts() { h2 ? h2->sends(h2::rst_stream(stream, kReset)) : wire->resets(); }
  void hears_cut() {
    if (h2) return h2->expects_reset(stream, kReset);
    wire->reads_all();
    EXPECT_TRUE(wire->was_reset()) << "RST, not FIN (section 5)";
  }
  /// Sends as much as it may; what that was.
  std::string floods() {
    constexpr std::size_t kFar = 8 << 20;
    if (!h2) {
      std::string all(kFar, 'x');
      return all.substr(0, wire->pushes(all));
    }
    std::string all;
    for (;;) {
      auto room = std::min({h2->window(stream), h2->window(0), std::int64_t{16'384}});
      if (room <= 0 || all.size() > kFar) return all;
      h2->data(stream, std::string(static_cast<std::size_t>(room), 'x'));
      all.append(static_cast<std::size_t>(room), 'x');
    }
  }
  /// Takes what comes from now on.
  void opens_window() {
    constexpr std::uint32_t kWide = 32 << 20;
    if (h2) h2->sends(h2::window_update(stream, kWide) + h2::window_update(0, kWide));
  }
};

struct Ends2 {
  End client;
  End origin;
};

enum class Speaks { http1, http2 };
struct Legs {
  Speaks client;
  Speaks origin;
  Over over;
};

/// WebSockets on every pair of legs, any number of them beside one another.
class Sockets : public ::testing::TestWithParam<Legs> {
 protected:
  Sockets() {
    if (secure()) play.settings().upstream.http2 = config::UpstreamHttp2::always;
  }
  bool h2_client() const { return GetParam().client == Speaks::http2; }
  bool h2_origin() const { return GetParam().origin == Speaks::http2; }
  // A client of HTTP/1.1 cannot tell that its origin has prior knowledge.
  bool secure() const { return !h2_client() && h2_origin(); }
  bool over_memory() const { return GetParam().over == Over::memory; }

  /// Both sides get to know each other. `window`: of each stream, as peers of HTTP/2 give it.
  void begins(std::uint32_t window = 65'535) {
    if (h2_client()) {
      client_.emplace(play, h2_origin() ? play.tunnel() : play.client());
      client_->greets({{h2::kInitialWindow, window}});
    }
    if (!h2_origin()) return;
    Peer* plain = nullptr;
    if (h2_client()) {
      client_->headers(1, request("GET", "/", {}, "{tunnel}"));
      next_client_ = 3;
    } else {
      plain = &play.secure_client();
      plain->sends("GET / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
    }
    origin_.emplace(play, plain ? secure_h2_upstream(play) : play.upstream(), Role::serves);
    origin_->greets({{h2::kConnectProtocol, 1}, {h2::kInitialWindow, window}});
    EXPECT_EQ(origin_->next(1)->type, h2::kHeaders);
    origin_->headers(1, {{":status", "204"}});
    if (plain) {
      plain->expects("HTTP/1.1 204 No Content\r\n\r\n");
      plain->half_closes();
    } else {
      client_->expects_headers(1, {{":status", "204"}}, true);
    }
    play.records({.status = 204});
  }

  /// A client asks.
  End asks() {
    std::string place = h2_client() && h2_origin() ? "{tunnel}" : "{origin}";
    if (h2_client()) {
      End out{&client_->wire(), &*client_, next_client_};
      next_client_ += 2;
      client_->headers(out.stream, extended({}, place), false);
      return out;
    }
    Peer& wire = secure() ? play.secure_client() : play.client();
    wire.sends(
        fmt::format("GET {}/chat HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\n\r\n",
                    secure() ? "" : "http://{origin}", place, kKey));
    return {&wire};
  }
  /// Its origin hears of it.
  End hears() {
    if (!h2_origin()) {
      Peer& wire = play.upstream();
      key_ = key_in(head_of(wire));
      EXPECT_TRUE(http::ws::valid_key(key_)) << key_;
      return {&wire};
    }
    End out{&origin_->wire(), &*origin_, next_origin_};
    next_origin_ += 2;
    auto head = origin_->next(out.stream);
    EXPECT_TRUE(head && head->type == h2::kHeaders && !head->end());
    return out;
  }
  void agrees(End& origin) {
    if (h2_origin()) return origin_->headers(origin.stream, {{":status", "200"}}, false);
    origin.wire->sends(consent(key_));
  }
  void hears_consent(End& client) {
    if (h2_client()) return client_->expects_headers(client.stream, {{":status", "200"}});
    client.wire->expects(consent(kKey));
  }
  Ends2 opens() {
    End client = asks();
    End origin = hears();
    agrees(origin);
    hears_consent(client);
    return {client, origin};
  }
  int status() const { return h2_origin() ? 200 : 101; }
  void ends(Ends2& both) {
    both.client.ends();
    both.origin.hears_end();
    both.origin.ends();
    both.client.hears_end();
  }

  Playbook play{over_memory() ? make_memory_stage() : make_server_stage()};
  std::optional<H2Peer> client_;
  std::optional<H2Peer> origin_;
  std::uint32_t next_client_ = 1;
  std::uint32_t next_origin_ = 3;
  std::string key_;
};

const std::vector<Speaks> kEither = {Speaks::http1, Speaks::http2};

std::vector<Legs> legs(const std::vector<Over>& places, const std::vector<Speaks>& clients = kEither,
                       const std::vector<Speaks>& origins = kEither) {
  std::vector<Legs> out;
  for (Over over : places)
    for (Speaks client : clients)
      for (Speaks origin : origins) out.push_back({client, origin, over});
  return out;
}
std::string legs_name(const ::testing::TestParamInfo<Legs>& info) {
  auto version = [](Speaks speaks) { return speaks == Speaks::http2 ? "2" : "1"; };
  return fmt::format("h{}_to_h{}_{}", version(info.param.client), version(info.param.origin),
                     info.param.over == Over::memory ? "memory" : "loopback");
}
INSTANTIATE_TEST_SUITE_P(Rfc8441, Sockets, ::testing::ValuesIn(legs({Over::memory, Over::loopback})),
                         legs_name);

TEST_P(Sockets, section_5_bytes_pass_both_ways_on_several_at_once) {
  begins();
  std::vector<Ends2> all;
  for (int i = 0; i < 3; ++i) all.push_back(opens());
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string up = from_client(kText, fmt::format("up {}", i));
    std::string down = from_server(kText, fmt::format("down {}", i));
    all[i].client.says(up);
    all[2 - i].origin.says(from_server(kText, "across"));
    all[i].origin.hears(up);
    all[2 - i].client.hears(from_server(kText, "across"));
    all[i].origin.says(down);
    all[i].client.hears(down);
  }
  for (Ends2& each : all) {
    ends(each);
    flow::Flow flow = play.records({.status = status(), .marks = ""});
    EXPECT_EQ(flow.request_body.size, from_client(kText, "up 0").size());
    EXPECT_EQ(flow.response_body.size, from_server(kText,
                                                   "down 0"
                                                   "across")
                                               .size() +
                                           2);
  }
}

TEST_P(Sockets, section_5_either_side_may_end_first) {
  begins();
  Ends2 one = opens();
  one.client.says(from_client(kText, "last"));
  one.client.ends();
  one.origin.hears(from_client(kText, "last"));
  one.origin.hears_end();
  one.origin.says(from_server(kText, "still here"));
  one.client.hears(from_server(kText, "still here"));
  one.origin.ends();
  one.client.hears_end();
  play.records({.status = status(), .marks = ""});
  Ends2 two = opens();
  two.origin.says(from_server(kText, "last"));
  two.origin.ends();
  two.client.hears(from_server(kText, "last"));
  two.client.hears_end();
  two.client.says(from_client(kText, "still here"));
  two.origin.hears(from_client(kText, "still here"));
  two.client.ends();
  two.origin.hears_end();
  play.records({.status = status(), .marks = ""});
}

// Socket pairs know no RST.
class SocketsCut : public Sockets {};
INSTANTIATE_TEST_SUITE_P(Rfc8441, SocketsCut, ::testing::ValuesIn(legs({Over::loopback})), legs_name);

TEST_P(SocketsCut, section_5_a_cut_is_a_cut) {
  begins();
  Ends2 other = opens();
  Ends2 one = opens();
  one.client.says(from_client(kText, "a"));
  one.origin.hears(from_client(kText, "a"));
  one.client.cuts();
  one.origin.hears_cut();
  play.records({.status = status(), .error = h2_client() ? Code::client_closed : Code::client_reset});
  Ends2 two = opens();
  two.origin.says(from_server(kText, "a"));
  two.client.hears(from_server(kText, "a"));
  two.origin.cuts();
  two.client.hears_cut();
  play.records({.status = status(), .error = Code::upstream_reset});
  ends(other);
  play.records({.status = status()});
}

TEST_P(Sockets, section_5_what_comes_before_the_consent_waits_for_it) {
  begins();
  End client = asks();
  client.says(from_client(kText, "eager"));
  End origin = hears();
  if (over_memory()) origin.h2 ? origin.h2->expects_silence() : origin.wire->expects_silence();
  agrees(origin);
  hears_consent(client);
  origin.hears(from_client(kText, "eager"));
  Ends2 both{client, origin};
  ends(both);
  play.records({.status = status(), .marks = ""});
}

// Where the client speaks HTTP/2.
class SocketsOfH2 : public Sockets {};
INSTANTIATE_TEST_SUITE_P(Rfc8441, SocketsOfH2,
                         ::testing::ValuesIn(legs({Over::memory, Over::loopback}, {Speaks::http2})),
                         legs_name);

TEST_P(SocketsOfH2, section_5_a_request_that_ends_with_its_head_is_half_closed) {
  begins();
  client_->headers(next_client_, extended({}, h2_origin() ? "{tunnel}" : "{origin}"), true);
  End client{&client_->wire(), &*client_, next_client_};
  End origin = hears();
  agrees(origin);
  hears_consent(client);
  origin.hears_end();
  origin.says(from_server(kText, "a"));
  client.hears(from_server(kText, "a"));
  origin.ends();
  client.hears_end();
  play.records({.status = status(), .marks = ""});
}

TEST_P(SocketsOfH2, section_5_a_reset_without_error_cuts_what_has_not_ended) {
  begins();
  Ends2 both = opens();
  both.origin.ends();
  both.client.hears_end();
  client_->sends(h2::rst_stream(both.client.stream, 0));
  if (h2_origin()) {
    both.origin.hears_cut();
  } else {
    both.origin.wire->reads_all();
  }
  play.records({.status = status(), .error = Code::client_closed});
}

// Where the origin speaks HTTP/2.
class SocketsToH2 : public Sockets {};
INSTANTIATE_TEST_SUITE_P(Rfc8441, SocketsToH2,
                         ::testing::ValuesIn(legs({Over::memory}, kEither, {Speaks::http2})), legs_name);

TEST_P(SocketsToH2, section_5_a_reset_without_error_refuses_what_comes_later) {
  begins();
  Ends2 one = opens();
  one.origin.ends();
  one.client.hears_end();
  origin_->pushes(h2::rst_stream(one.origin.stream, 0));
  one.client.says(from_client(kText, "too late"));
  one.client.h2 ? one.client.hears_cut() : void(one.client.wire->reads_all());
  play.records({.status = status(), .error = Code::upstream_closed});
  Ends2 two = opens();
  two.origin.ends();
  two.client.hears_end();
  origin_->pushes(h2::rst_stream(two.origin.stream, 0));
  two.client.ends();
  play.records({.status = status()});
}

// The exact turn of things is the point.
class SocketsTimed : public Sockets {
 protected:
  MemoryStage& stage() { return static_cast<MemoryStage&>(play.stage()); }
  // Enough for what is on its way in windows, buffers and socket pairs, and nowhere near all.
  static constexpr std::size_t kBound = 2 << 20;
  // Like what was sent before, for TLS must be given again what it could not write.
  const std::string more_ = std::string(20'000, 'x');
};
INSTANTIATE_TEST_SUITE_P(Rfc8441, SocketsTimed, ::testing::ValuesIn(legs({Over::memory})), legs_name);

TEST_P(SocketsTimed, section_5_a_client_that_does_not_read_stops_its_origin_and_nobody_else) {
  begins(1000);
  Ends2 other = opens();
  Ends2 one = opens();
  std::string sent = one.origin.floods();
  EXPECT_LT(sent.size(), kBound);
  other.origin.says(from_server(kText, "a"));
  other.client.hears(from_server(kText, "a"));
  one.client.says(from_client(kText, "b"));
  one.origin.hears(from_client(kText, "b"));
  one.client.opens_window();
  one.client.hears(sent);
  one.origin.says(more_);
  one.client.hears(more_);
  ends(one);
  play.records({.status = status(), .marks = "websocket_malformed"});
  ends(other);
  play.records({.status = status(), .marks = ""});
}

TEST_P(SocketsTimed, section_5_an_origin_that_does_not_read_stops_its_client_and_nobody_else) {
  begins(1000);
  Ends2 other = opens();
  Ends2 one = opens();
  std::string sent = one.client.floods();
  EXPECT_LT(sent.size(), kBound);
  other.client.says(from_client(kText, "a"));
  other.origin.hears(from_client(kText, "a"));
  one.origin.says(from_server(kText, "b"));
  one.client.hears(from_server(kText, "b"));
  one.origin.opens_window();
  one.origin.hears(sent);
  one.client.says(more_);
  one.origin.hears(more_);
  ends(one);
  play.records({.status = status(), .marks = "websocket_malformed"});
  ends(other);
  play.records({.status = status(), .marks = ""});
}

TEST_P(SocketsTimed, an_idle_socket_is_not_cut) {
  begins();
  Ends2 both = opens();
  for (int hour = 0; hour < 24; ++hour) stage().pass(std::chrono::hours(1));
  both.client.says(from_client(kText, "still there?"));
  both.origin.hears(from_client(kText, "still there?"));
  both.origin.says(from_server(kText, "yes"));
  both.client.hears(from_server(kText, "yes"));
  ends(both);
  play.records({.status = status(), .marks = ""});
}

}  // namespace
}  // namespace weir::testing
