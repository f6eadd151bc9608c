#include <gtest/gtest.h>

#include "base/hash.h"
#include "http/ws/payload_reader.h"
#include "proxy/leak_search.h"
#include "tests/support/fake_secrets.h"
#include "tests/support/websocket.h"

namespace weir::proxy {
namespace {

using http::ws::from_client, http::ws::from_server, http::ws::kFin, http::ws::kRsv1;
using testing::kPlaceholder, testing::kSecret;
using What = broker::Guarded::What;
constexpr unsigned kText = 1, kPing = 9, kClose = 8;

struct Passed {
  std::string bytes;
  std::optional<Error> error;
};

class WebSocketGuardTest : public ::testing::Test {
 protected:
  void open(bool deflate = false, broker::Allowed allowed = {}) {
    http::Fields response;
    if (deflate) response.add("Sec-WebSocket-Extensions", "permessage-deflate");
    guard = guard_messages(
        {secrets, std::move(allowed),
         [](broker::Guarded thing) {
           return Error(thing.what == What::secret ? Code::secret_leak : Code::placeholder_leak, "found");
         }},
        response);
  }
  /// As a tunnel does.
  Passed send(std::string_view bytes) {
    Passed out;
    while (!bytes.empty() && !out.error) {
      auto cleared = guard->look(bytes);
      if (cleared)
        out.bytes.append(cleared->held).append(cleared->fresh);
      else
        out.error = cleared.error();
    }
    return out;
  }
  Passed send(const std::vector<std::string_view>& parts) {
    Passed out;
    for (std::string_view part : parts) {
      Passed more = send(part);
      out.bytes += more.bytes;
      out.error = more.error;
      if (out.error) break;
    }
    return out;
  }
  /// What whoever reads these bytes learns of data and control frames, in the order of their bytes.
  static std::string said(bool deflate, std::string_view bytes) {
    http::ws::Extensions extensions;
    if (deflate) extensions.deflate.emplace();
    http::ws::PayloadReader reader(Side::client, extensions);
    std::vector<char> scratch(1 << 16);
    std::string out;
    while (auto step = reader.next(bytes, scratch)) out += step->text;
    return out;
  }
  /// Nothing passes of what `wire` says behind `before`, but for the few bytes that may.
  void expect_found(bool deflate, const std::string& wire, std::string_view before,
                    Code code = Code::placeholder_leak) {
    test::for_each_split(wire, [&](const auto& parts, const std::string& how) {
      open(deflate);
      Passed passed = send(parts);
      ASSERT_TRUE(passed.error) << how << ": " << before;
      EXPECT_EQ(passed.error->code(), code) << passed.error->message();
      EXPECT_TRUE(wire.starts_with(passed.bytes)) << how;
      std::string heard = said(deflate, passed.bytes);
      EXPECT_LE(heard.size(), before.size() + broker::Sieve::kMayPass) << how << ": " << heard;
      EXPECT_TRUE(heard.starts_with(before.substr(0, heard.size()))) << how << ": " << heard;
    });
  }

  testing::FakeSecrets secrets;
  std::unique_ptr<TunnelGuard> guard;
};

TEST_F(WebSocketGuardTest, what_is_harmless_passes_as_it_came) {
  http::ws::Deflater deflater;
  const std::string plain = from_client(kFin | kText, "a text") + from_client(2, "ghp_we") +
                            from_client(kFin | kPing, "ghp_weir") + from_client(0, "") +
                            from_client(kFin, "ird") + from_client(kFin | kText, "") +
                            from_client(kFin | kClose, "\x03\xe8");
  std::string packed = deflater.message("ghp_weirAbC123, and on, ghp_");
  const std::string compressed = from_client(kRsv1 | kText, packed.substr(0, 9)) +
                                 from_client(kFin | kPing, "") + from_client(kFin, packed.substr(9)) +
                                 from_client(kFin | kRsv1 | kText, deflater.message("ghp_weirAbC1!"));
  for (bool deflate : {false, true})
    test::for_each_split(deflate ? compressed : plain, [&](const auto& parts, const std::string& how) {
      open(deflate);
      Passed passed = send(parts);
      EXPECT_FALSE(passed.error) << how;
      EXPECT_EQ(passed.bytes, deflate ? compressed : plain)
          << how << ": the end of a message holds nothing back";
      EXPECT_EQ(guard->rest(), "");
    });
}

TEST_F(WebSocketGuardTest, nothing_of_a_find_passes_however_it_is_cut) {
  const std::string before = "before, ", after = ", after";
  for (const std::string& text :
       {kPlaceholder, hex(kPlaceholder), std::string("ghp%5f") + kPlaceholder.substr(4)}) {
    const std::string whole = before + text + after;
    expect_found(false, from_client(kFin | kText, whole), before);
    std::size_t middle = before.size() + text.size() / 2;
    expect_found(false,
                 from_client(2, whole.substr(0, middle)) + from_client(0, "") +
                     from_client(kFin, whole.substr(middle)),
                 before);
    http::ws::Deflater deflater;
    std::string packed = deflater.message(whole);
    expect_found(true, from_client(kFin | kRsv1 | kText, packed), before);
    http::ws::Deflater another;
    packed = another.message("12345678 " + whole + std::string(300, 'x'));
    expect_found(true,
                 from_client(kRsv1 | kText, packed.substr(0, packed.size() / 2)) +
                     from_client(kFin, packed.substr(packed.size() / 2)),
                 "12345678 " + before);
  }
  expect_found(false, from_client(kFin | kText, before + kSecret), before, Code::secret_leak);
}

TEST_F(WebSocketGuardTest, what_one_message_lets_the_next_say) {
  // The second says by reference what the first has said.
  http::ws::Deflater deflater;
  std::string first = "ghp_weirAbC123xyz", wire = from_client(kFin | kRsv1 | kText, deflater.message(first));
  wire += from_client(kFin | kRsv1 | kText, deflater.message(first + "AbC123xyz"));
  expect_found(true, wire, first);
  expect_found(false, from_client(kFin | kText, "fine") + from_client(kFin | kText, kPlaceholder), "fine");
}

TEST_F(WebSocketGuardTest, control_frames_are_searched_by_themselves) {
  for (unsigned opcode : {kPing, 10u})
    expect_found(false, from_client(kFin | kText, "text") + from_client(kFin | opcode, kPlaceholder), "text");
  expect_found(false, from_client(kFin | kClose, "\x03\xe8" + kPlaceholder), "");
  std::string half = kPlaceholder.substr(0, 12);
  // Between the halves of a find, and a find itself between two frames.
  expect_found(false,
               from_client(kText, "x " + half) + from_client(kFin | kPing, "ping") +
                   from_client(kFin, kPlaceholder.substr(12)),
               "x ");
  expect_found(false, from_client(kText, "x ") + from_client(kFin | kPing, kPlaceholder), "x ");
}

TEST_F(WebSocketGuardTest, holds_back_no_more_than_a_body_does) {
  open();
  std::string wire = from_client(kText, "some text, ghp_weir") + from_client(0, "Ab");
  std::size_t begun = std::string_view("ghp_weir").size();
  std::size_t first = wire.size() - 8;  // the second frame: six bytes of head, two of text
  EXPECT_EQ(send(wire.substr(0, first)).bytes, wire.substr(0, first - begun));
  EXPECT_EQ(send(wire.substr(first)).bytes, "");
  std::string ping = from_client(kFin | kPing, "?"), rest = from_client(0, "x and more");
  EXPECT_EQ(send(ping).bytes, "") << "it stands behind them";
  EXPECT_EQ(send(rest).bytes, wire.substr(first - begun) + ping + rest);
  EXPECT_EQ(send(from_client(0, "so few: ghp")).bytes, from_client(0, "so few: ghp"));
}

TEST_F(WebSocketGuardTest, what_was_held_back_goes_where_the_client_ends) {
  open();
  std::string wire = from_client(kText, "text ghp_weir");
  std::string passed = send(wire).bytes;
  EXPECT_EQ(passed + std::string(guard->rest()), wire);
}

// Every byte may begin anew: what is held back must not grow.
TEST_F(WebSocketGuardTest, holds_little_of_a_message_that_always_begins) {
  secrets.renew(std::string(40, 'a') + "b");
  open();
  std::string head = http::ws::frame_head(kFin | kText, 100'000, 0x80) + std::string(4, '\0');
  std::size_t sent = head.size();
  std::size_t passed = send(head).bytes.size();
  for (int i = 0; i < 99'999; ++i) {
    passed += send(std::string_view("a")).bytes.size();
    ++sent;
    ASSERT_LE(sent - passed, 41u);
  }
  passed += send(std::string_view("c")).bytes.size();
  EXPECT_EQ(passed, sent + 1);
}

TEST_F(WebSocketGuardTest, a_compressed_message_that_says_much_does_not_wait_for_the_next) {
  for (std::size_t size : {std::size_t{1} << 20, std::size_t{3} << 20, std::size_t{40} << 20}) {
    http::ws::Deflater deflater;
    std::string wire = from_client(kFin | kRsv1 | kText, deflater.message(std::string(size, 'x')));
    open(true);
    EXPECT_EQ(send(wire).bytes.size(), wire.size());
    wire = from_client(kFin | kRsv1 | kText, deflater.message(std::string(size, 'x') + kPlaceholder));
    EXPECT_TRUE(send(wire).error);
  }
}

TEST_F(WebSocketGuardTest, looks_at_little_in_one_call) {
  http::ws::Deflater deflater;
  std::string wire = from_client(kFin | kRsv1 | kText, deflater.message(std::string(40 << 20, 'x')));
  open(true);
  std::string_view bytes = wire;
  int calls = 0;
  for (; !bytes.empty(); ++calls) ASSERT_TRUE(guard->look(bytes));
  EXPECT_GE(calls, 20);
}

TEST_F(WebSocketGuardTest, what_cannot_be_searched_ends_it) {
  for (const std::string& wire :
       {from_server(kFin | kText, "x"), from_client(kFin | kRsv1 | kText, "\xff\xff")}) {
    open(true);
    Passed passed = send(wire);
    ASSERT_TRUE(passed.error);
    EXPECT_EQ(passed.error->code(), Code::bad_request);
    EXPECT_TRUE(passed.error->context().contains("cannot be searched")) << passed.error->context();
  }
  open();
  Passed passed = send(from_client(kText, "ghp_weir"));
  std::string ping = from_client(kFin | kPing, "");
  std::size_t sent = 0;
  for (; !passed.error && sent < (1u << 20); sent += ping.size()) passed = send(ping);
  ASSERT_TRUE(passed.error) << "frames that say nothing are held back without an end";
  EXPECT_LE(sent, 300u << 10);
}

TEST_F(WebSocketGuardTest, what_may_pass_does) {
  broker::Allowed allowed;
  allowed.add({0, What::secret});
  open(false, allowed);
  std::string wire = from_client(kFin | kText, "it is " + kSecret);
  EXPECT_EQ(send(wire).bytes, wire);
  EXPECT_TRUE(send(from_client(kFin | kText, kPlaceholder)).error);
}

TEST_F(WebSocketGuardTest, a_new_secret_is_known_at_once) {
  open();
  EXPECT_FALSE(send(from_client(kFin | kText, "another-secret")).error);
  secrets.renew("another-secret");
  EXPECT_TRUE(send(from_client(kFin | kText, "another-secret")).error);
}

TEST_F(WebSocketGuardTest, the_last_words_are_a_close_frame_where_one_may_stand) {
  open();
  Error leak(Code::placeholder_leak, "");
  const std::string close = from_server(kFin | kClose, "\x03\xf0placeholder_leak");
  EXPECT_EQ(guard->last_words(leak), close);
  std::string frame = from_server(kFin | kText, "text");
  guard->told_client(frame.substr(0, 3));
  EXPECT_EQ(guard->last_words(leak), "");
  guard->told_client(frame.substr(3));
  EXPECT_EQ(guard->last_words(leak), close);
  EXPECT_EQ(guard->last_words(Error(Code::secret_leak, "")),
            from_server(kFin | kClose, "\x03\xf0secret_leak"));
}

}  // namespace
}  // namespace weir::proxy
