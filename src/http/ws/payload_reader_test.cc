#include "http/ws/payload_reader.h"

#include <gtest/gtest.h>

#include "tests/support/websocket.h"

namespace weir::http::ws {
namespace {

const Extensions kDeflate{.deflate = DeflateParameters{}};
const Extensions kAlone{.deflate = DeflateParameters{.client_no_context_takeover = true}};

struct Read {
  std::string said;      // texts; "|" ends a message, "(...)" is a control frame
  std::size_t wire = 0;  // told of
  std::string_view broken;
};

Read read(const Extensions& extensions, const std::vector<std::string_view>& parts, std::size_t room = 64) {
  PayloadReader reader(Side::client, extensions);
  std::vector<char> scratch(room);
  Read out;
  std::size_t came = 0;
  for (std::string_view part : parts) {
    came += part.size();
    while (auto step = reader.next(part, scratch)) {
      out.wire += step->wire;
      if (step->control && !step->ends) EXPECT_EQ(step->text, "");
      if (step->plain) EXPECT_EQ(step->wire, step->text.size());
      if (step->control && step->ends) {
        out.said.append("(").append(step->text).append(")");
      } else {
        out.said.append(step->text).append(step->ends ? "|" : "");
      }
    }
    out.broken = reader.broken();
    if (!out.broken.empty()) break;
    EXPECT_TRUE(part.empty());
    EXPECT_EQ(out.wire, came) << "all that was taken has been told of";
  }
  return out;
}

void expect_said(const Extensions& extensions, const std::string& wire, const std::string& said) {
  for (std::size_t room : {std::size_t{1}, std::size_t{64}, std::size_t{1} << 16})
    test::for_each_split(wire, [&](const auto& parts, const std::string& how) {
      Read seen = read(extensions, parts, room);
      EXPECT_EQ(seen.said, said) << how << ", room " << room;
      EXPECT_EQ(seen.broken, "") << how;
    });
}

TEST(PayloadReader, says_what_frames_say_however_they_are_cut) {
  expect_said({},
              from_client(kFin | 1, "one") + from_client(2, "tw") + from_client(kFin | 9, "ping") +
                  from_client(0, "") + from_client(kFin, "o") + from_client(kFin | 1, "") +
                  from_client(kFin | 9, "") +
                  from_client(kFin | 8,
                              "\x03\xe8"
                              "bye"),
              "one|tw(ping)o||()(\x03\xe8"
              "bye)");
  expect_said({.deflate = {}, .unknown = true}, from_client(kFin | kRsv1 | 1, "as it is"), "as it is|");
}

TEST(PayloadReader, inflates) {
  Deflater kept;
  std::string first = kept.message("a text, a text"), second = kept.message("a text, another");
  expect_said(kDeflate,
              from_client(kRsv1 | 1, first.substr(0, 3)) + from_client(kFin | 9, "?") +
                  from_client(kFin, first.substr(3)) + from_client(kFin | 1, "plain") +
                  from_client(kFin | kRsv1 | 2, second),
              "a (?)text, a text|plain|a text, another|");
  Deflater alone(15, false);
  std::string wire;
  for (int i = 0; i < 2; ++i) wire += from_client(kFin | kRsv1 | 1, alone.message("a text, a text"));
  expect_said(kAlone, wire, "a text, a text|a text, a text|");
  Deflater final;
  expect_said(kDeflate,
              from_client(kRsv1 | 1, final.final_message("in a final block")) + from_client(kFin, ""),
              "in a final block|");
}

TEST(PayloadReader, inflates_what_grows_a_thousandfold) {
  Deflater deflater;
  const std::string text(40 << 20, 'x');
  const std::string wire = from_client(kFin | kRsv1 | 1, deflater.message(text));
  ASSERT_LT(wire.size(), 100u << 10);
  Read seen = read(kDeflate, {wire}, 32 << 10);
  EXPECT_EQ(seen.broken, "");
  EXPECT_TRUE(seen.said == text + "|");
}

TEST(PayloadReader, stops_where_nobody_can_tell_what_the_bytes_mean) {
  auto broken = [](const Extensions& extensions, const std::string& wire) {
    std::string out;
    test::for_each_split(wire, [&](const auto& parts, const std::string& how) {
      Read seen = read(extensions, parts);
      if (out.empty()) out = seen.broken;
      EXPECT_EQ(seen.broken, out) << how;
    });
    return out;
  };
  EXPECT_EQ(broken({}, from_server(kFin | 1, "x")), "a frame of the client is not masked");
  EXPECT_EQ(broken({}, from_client(kFin | kRsv1 | 1, "x")), "a reserved bit is set");
  EXPECT_EQ(broken({}, from_client(kFin, "x")), "a continuation continues nothing");
  EXPECT_EQ(broken({}, from_client(1, "x") + from_client(kFin | 1, "y")), "a message begins inside another");
  EXPECT_EQ(broken({}, from_client(kFin | 9, std::string(126, 'x'))),
            "a control frame is longer than 125 bytes");
  EXPECT_EQ(broken(kDeflate, from_client(kFin | kRsv1 | 1, "\xff\xff\xff")), "a message cannot be inflated");
  Deflater deflater;
  std::string packed = deflater.message("cut off, and so no message at all");
  EXPECT_EQ(broken(kDeflate, from_client(kFin | kRsv1 | 1, packed.substr(0, packed.size() - 4))),
            "a message cannot be inflated");
}

TEST(FrameEdges, stand_between_two_frames) {
  const std::string first = from_server(kFin | 1, "text"), second = from_server(kFin | 2, ""),
                    third = from_server(2, std::string(70'000, 'x'));
  const std::string wire = first + second + third;
  test::for_each_split(wire.substr(0, first.size() + second.size() + 40),
                       [&](const auto& parts, const auto& how) {
                         FrameEdges edges;
                         std::size_t passed = 0;
                         EXPECT_TRUE(edges.between());
                         for (std::string_view part : parts) {
                           edges.pass(part);
                           passed += part.size();
                           bool at_edge = passed == first.size() || passed == first.size() + second.size();
                           EXPECT_EQ(edges.between(), at_edge) << how << " after " << passed;
                         }
                       });
  FrameEdges edges;
  edges.pass(wire);
  EXPECT_TRUE(edges.between());
}

}  // namespace
}  // namespace weir::http::ws
