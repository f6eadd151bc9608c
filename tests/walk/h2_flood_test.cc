// Attacks on HTTP/2: by a client that reads the answers, by one that never does, and by an origin. Each must
// end with a word that says why, hold no memory, and harm nobody else.
#include <malloc.h>

#include <functional>

#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#endif

#include "tests/support/h2_peer.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using namespace std::string_literals;
using Role = H2Peer::Role;

constexpr std::uint32_t kCalm = 11;  // ENHANCE_YOUR_CALM

h2::Headers ask(const h2::Headers& fields = {}) { return request("GET", "/", fields, "a.test"); }

// Made of the number of a stream that nobody has used yet.
using Each = std::function<std::string(std::uint32_t id)>;

std::string post(std::uint32_t id) { return h2::headers(id, request("POST", "/", {}, "a.test"), false); }

std::string repeated(std::size_t count, std::uint32_t first, const Each& each) {
  std::string out;
  for (std::uint32_t i = 0; i < count; ++i) out += each(first + 2 * i);
  return out;
}
std::string repeated(std::size_t count, const std::string& frame) {
  return repeated(count, 1, [&](std::uint32_t) { return frame; });
}

struct Attack {
  const char* name;
  Each each;                 ///< sent until the connection ends, some at a time, or for ever
  const char* told;          ///< a part of the record's words; empty: none are said, for no harm is done
  std::size_t at_once = 50;  ///< before the proxy may act
  std::string first = {};    ///< sent once before
};
constexpr std::size_t kMost = 50'000;  // frames of an attack

Each always(const std::string& frame) {
  return [frame](std::uint32_t) { return frame; };
}
Each opens_and(const Each& what) {
  return [what](std::uint32_t id) { return post(id) + what(id); };
}

// A field of 3,900 bytes that is put into the table of HPACK, and then named by its index again and again.
std::string bomb(std::uint32_t id) {
  std::string block =
      h2::block(ask()) + "\x40" + h2::hpack_text("x-bomb") + h2::hpack_text(std::string(3'900, 'b'));
  return h2::frame(h2::kHeaders, 5, id, block + std::string(16'000 - block.size(), '\xBE'));
}

std::string too_much(std::uint32_t id) {
  return h2::headers(id, request("POST", "/", {{"content-length", "1"}}, "a.test"), false) +
         h2::data(id, "more", true);
}

const std::vector<Attack>& attacks() {
  static const std::string open_head = h2::frame(h2::kHeaders, 1, 1, h2::block(ask()));
  static const std::string over = post(1) + h2::rst_stream(1, 8);
  static const std::vector<Attack> all = {
      {"rapid_reset", [](std::uint32_t id) { return h2::headers(id, ask()) + h2::rst_stream(id, 8); },
       "resets"},
      {"rapid_reset_all_at_once",
       [](std::uint32_t id) { return h2::headers(id, ask()) + h2::rst_stream(id, 8); }, "resets", 3'000},
      {"made_you_reset_by_window",
       opens_and([](std::uint32_t id) { return h2::window_update(id, 0x7FFFFFFF); }), "resets"},
      {"made_you_reset_by_length", too_much, "resets"},
      {"made_you_reset_by_trailers",
       opens_and([](std::uint32_t id) { return h2::headers(id, {{"x", "y"}}, false); }), "resets"},
      {"malformed_requests", [](std::uint32_t id) { return h2::headers(id, ask({{"X", "y"}})); }, "resets"},
      {"continuation",
       always(h2::frame(h2::kContinuation, 0, 1, h2::block({{"x", std::string(1'000, 'y')}}))),
       "CONTINUATION", 1, open_head},
      {"empty_continuation", always(h2::frame(h2::kContinuation, 0, 1)), "CONTINUATION", 1, open_head},
      {"ping", always(h2::ping()), "pings"},
      {"ping_all_at_once", always(h2::ping()), "pings", 10'000},
      {"settings", always(h2::settings({{h2::kInitialWindow, 1}})), "settings"},
      {"settings_all_at_once", always(h2::settings({{h2::kInitialWindow, 1}})), "settings", 10'000},
      {"empty_data", always(h2::data(1, "")), "empty data", 50, post(1)},
      {"padding_alone", always(h2::frame(h2::kData, h2::kPadded, 1, h2::padded("", 9))), "empty data", 50,
       post(1)},
      {"priority", [](std::uint32_t id) { return h2::priority(id, 0); }, "priorities"},
      {"unknown_frames", always(h2::frame(0x77, 0, 0, "x")), "", 500},
      {"window_updates", always(h2::window_update(0, 1)), "window updates"},
      {"window_updates_of_a_stream", always(h2::window_update(1, 1)), "window updates", 50, post(1)},
      {"hpack_bomb", bomb, "a header list", 1},
      {"heads_of_streams_that_are_over", always(h2::headers(1, {{"x", "y"}})), "", 500, over},
      {"data_of_streams_that_are_over", always(h2::data(1, "x")), "", 500, over},
  };
  return all;
}

std::size_t heap() {
#if __has_feature(address_sanitizer)
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

class H2Attacks : public ::testing::TestWithParam<std::tuple<std::size_t, bool>> {
 protected:
  const Attack& attack = attacks()[std::get<0>(GetParam())];
  const bool reads = std::get<1>(GetParam());
  const bool harmless = attack.told[0] == '\0';
  std::unique_ptr<MemoryStage> made = make_memory_stage();
  MemoryStage& stage = *made;
  Playbook play{std::move(made)};

  void greet(H2Peer& client) {
    client.forgets();
    if (reads) return client.greets();
    client.pushes(std::string(h2::kPreface) + h2::settings({}));
  }
  /// The most bytes that were held at once.
  std::size_t run(H2Peer& client) {
    client.pushes(attack.first);
    std::size_t before = heap();
    std::size_t most = before;
    std::uint32_t id = 3;
    for (std::size_t sent = 0; sent < kMost; sent += attack.at_once) {
      std::string frames = repeated(attack.at_once, id, attack.each);
      id += 2 * static_cast<std::uint32_t>(attack.at_once);
      if (client.pushes(frames) < frames.size()) break;
      frames = std::string();
      most = std::max(most, heap());
      if (reads) client.window(0);
    }
    return most - before;
  }
  void is_told(H2Peer& client) {
    if (reads) client.expects_goaway(kCalm);
    if (reads) client.expects_end();
    stage.pass(std::chrono::seconds(3));
    auto ended = stage.ended();
    ASSERT_TRUE(ended) << "the connection goes on";
    EXPECT_EQ(info(ended->error).name, info(Code::flood).name);
    EXPECT_TRUE(ended->error_detail.contains(attack.told)) << ended->error_detail;
    std::string told;
    while (auto flow = stage.closed())
      if (flow->error == Code::flood) told = flow->error_detail;
    EXPECT_TRUE(told.contains(attack.told)) << told;
  }
  void serves_others() {
    while (!play.broken() && stage.dialled_more()) play.upstream().takes(false);
    while (stage.closed()) {
    }
    auto& other = play.client();
    other.sends(kGetSent);
    auto& upstream = play.upstream();
    upstream.expects(kGetSeen);
    upstream.sends(kOkLast);
    other.expects(kOk);
    play.records({.status = 200});
  }
};

TEST_P(H2Attacks, end_with_a_word_and_without_harm) {
  {
    H2Peer client(play, play.client());
    greet(client);
    EXPECT_LE(run(client), std::size_t{4} << 20) << "bytes held";
    if (!harmless) is_told(client);
    client.closes();
  }
  stage.pass(std::chrono::seconds(3));
  serves_others();
}

std::string attack_name(const ::testing::TestParamInfo<std::tuple<std::size_t, bool>>& info) {
  return attacks()[std::get<0>(info.param)].name +
         std::string(std::get<1>(info.param) ? "_reading" : "_blind");
}
INSTANTIATE_TEST_SUITE_P(Every, H2Attacks,
                         ::testing::Combine(::testing::Range(std::size_t{0}, attacks().size()),
                                            ::testing::Bool()),
                         attack_name);

class H2Limits : public TimedDialogue {};

TEST_F(H2Limits, a_header_list_over_the_limit_is_refused_and_the_connection_lives) {
  H2Peer client(play, play.client());
  client.greets();
  h2::Headers large = ask();
  for (int i = 0; i < 100; ++i) large.emplace_back("x-" + std::to_string(i), std::string(1'000, 'y'));
  std::string block = h2::block(large);
  std::string frames = h2::frame(h2::kHeaders, 1, 1, block.substr(0, 16'000));
  for (std::size_t at = 16'000; at < block.size(); at += 16'000)
    frames += h2::frame(h2::kContinuation, at + 16'000 >= block.size() ? 4 : 0, 1, block.substr(at, 16'000));
  client.sends(frames);
  EXPECT_EQ(client.expects_answer(1).head.status, 431);
  play.records({.status = 431, .error = Code::head_too_large});
  client.headers(3, ask());
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects_headers(3, {{":status", "200"}, {"content-length", "2"}});
  client.expects_data(3, "ok", true);
  play.records({.status = 200});
}

TEST_F(H2Limits, too_many_fields_are_refused) {
  H2Peer client(play, play.client());
  client.greets();
  h2::Headers many = ask();
  for (int i = 0; i < 300; ++i) many.emplace_back("x", "y");
  client.headers(1, many);
  EXPECT_EQ(client.expects_answer(1).head.status, 431);
  play.records({.status = 431, .error = Code::head_too_large});
}

TEST_F(H2Limits, trailers_over_the_limit_end_their_stream) {
  H2Peer client(play, play.client());
  client.greets();
  client.sends(post(1));
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n");
  h2::Headers many;
  for (int i = 0; i < 300; ++i) many.emplace_back("x", "y");
  client.headers(1, many, true);
  client.expects_reset(1, kCalm);
  EXPECT_EQ(upstream.reads_all(), "") << "a whole request";
  flow::Flow flow = *stage.closed();
  EXPECT_NE(flow.error, Code::none);
  client.headers(3, ask());
  auto& again = play.upstream();
  again.expects(kGetSeen);
  again.sends(kOk);
  client.expects_headers(3, {{":status", "200"}, {"content-length", "2"}});
  client.expects_data(3, "ok", true);
  play.records({.status = 200});
}

TEST_F(H2Limits, a_slow_head_ends_the_connection) {
  H2Peer client(play, play.client());
  client.greets();
  std::string head = h2::headers(1, ask({{"x", std::string(100, 'y')}}));
  for (std::size_t at = 0; at < 40; ++at) {
    client.pushes(head.substr(at, 1));
    stage.pass(std::chrono::seconds(1));
  }
  client.expects_goaway(0);
  client.expects_end();
  client.closes();
  EXPECT_EQ(stage.ended()->error, Code::client_timeout);
}

TEST_F(H2Limits, so_does_a_head_whose_rest_does_not_come) {
  H2Peer client(play, play.client());
  client.greets();
  client.sends(h2::frame(h2::kHeaders, 1, 1, h2::block(ask())));
  stage.pass(std::chrono::seconds(29));
  client.expects_silence();
  stage.pass(std::chrono::seconds(2));
  client.expects_goaway(0);
  client.expects_end();
}

TEST_F(H2Limits, a_slow_greeting_ends_the_connection) {
  Peer& wire = play.client();
  H2Peer client(play, wire);
  std::string greeting = std::string(h2::kPreface) + h2::settings({{h2::kInitialWindow, 1}});
  for (std::size_t at = 0; at + 1 < greeting.size(); ++at) {
    client.pushes(greeting.substr(at, 1));
    stage.pass(std::chrono::seconds(1));
  }
  stage.pass(std::chrono::seconds(30));
  client.expects_goaway(0);
  client.expects_end();
}

TEST_F(H2Limits, a_client_that_never_reads_holds_no_memory) {
  H2Peer client(play, play.tunnel());
  client.greets({{h2::kInitialWindow, 0x7FFFFFFF}});
  client.sends(h2::window_update(0, 0x7FFF0000 - 65'535));
  client.headers(1, request("GET", "/", {}, "{tunnel}"));
  H2Peer up(play, play.upstream(), Role::serves);
  up.greets();
  up.expects_headers(1, request("GET", "/", {}, "{tunnel}"), true);
  up.headers(1, {{":status", "200"}}, false);
  std::size_t before = heap();
  for (int i = 0; i < 200; ++i)
    if (up.window(1) >= 16'000 && up.window(0) >= 16'000) up.data(1, std::string(16'000, 'x'));
  EXPECT_LE(heap() - std::min(heap(), before), std::size_t{6} << 20);
  EXPECT_LE(up.window(1), 16'000) << "it goes on to take what it cannot give on";
  client.forgets();
  stage.pass(std::chrono::minutes(6));
  EXPECT_EQ(stage.ended()->error, Code::client_timeout);
  play.records({.status = 200, .error = Code::client_closed});
  up.forgets();
}

TEST_F(H2Limits, an_origin_that_informs_without_end_is_left) {
  H2Peer client(play, play.tunnel());
  client.greets();
  client.headers(1, request("GET", "/", {}, "{tunnel}"));
  H2Peer up(play, play.upstream(), Role::serves);
  up.greets();
  up.expects_headers(1, request("GET", "/", {}, "{tunnel}"), true);
  up.pushes(repeated(5'000, h2::headers(1, {{":status", "103"}}, false)));
  up.forgets();
  client.forgets();
  play.records({.error = Code::upstream_bad_response});
  EXPECT_GE(up.window(0), 0);
}

TEST_F(H2Limits, an_origin_that_floods_is_left) {
  const std::vector<std::string> floods = {
      repeated(3'000, h2::ping()),
      repeated(3'000, h2::settings({})),
      repeated(3'000, h2::window_update(0, 1)),
      h2::headers(1, {{":status", "200"}}, false) + repeated(3'000, h2::data(1, "")),
  };
  H2Peer client(play, play.tunnel());
  client.greets();
  std::uint32_t id = 1;
  for (const std::string& flood : floods) {
    client.headers(id, request("GET", "/", {}, "{tunnel}"));
    H2Peer up(play, play.upstream(), Role::serves);
    up.greets();
    up.expects_headers(1, request("GET", "/", {}, "{tunnel}"), true);
    up.pushes(flood);
    up.expects_goaway(kCalm);
    up.wire().reads_all();
    play.records({.error = Code::upstream_bad_response});
    id += 2;
  }
  client.forgets();
}

// Work of a whole day, none of which is an attack.
TEST_F(H2Limits, much_traffic_is_no_flood) {
  H2Peer client(play, play.tunnel());
  client.greets();
  std::unique_ptr<H2Peer> up;
  for (std::uint32_t id = 1; id < 6'000; id += 2) {
    client.headers(id, request("GET", "/", {}, "{tunnel}"));
    if (!up) {
      up = std::make_unique<H2Peer>(play, play.upstream(), Role::serves);
      up->greets();
    }
    up->expects_headers(id, request("GET", "/", {}, "{tunnel}"), true);
    up->headers(id, {{":status", "200"}}, false);
    up->data(id, "x", true);
    client.expects_headers(id, {{":status", "200"}});
    client.expects_data(id, "x", true);
    client.sends(h2::window_update(0, 1) + h2::ping());
    up->sends(h2::window_update(0, 1) + h2::ping());
    if (id % 50 == 1) client.sends(h2::priority(id, 0));
    play.stage().closed();
  }
  client.expects_silence();
}

// A browser that scrolls: a page of pictures, cancelled, and the next, for a minute.
TEST_F(H2Limits, a_hasty_reader_is_no_flood) {
  H2Peer client(play, play.client());
  client.greets();
  std::uint32_t id = 1;
  for (int page = 0; page < 60; ++page) {
    for (int picture = 0; picture < 30; ++picture, id += 2)
      client.sends(h2::headers(id, ask()) + h2::rst_stream(id, 8));
    while (play.stage().dialled_more()) play.upstream().resets();
    stage.pass(std::chrono::seconds(1));
    while (play.stage().closed()) {
    }
  }
  client.expects_silence();
}

}  // namespace
}  // namespace weir::testing
