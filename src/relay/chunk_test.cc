#include "relay/chunk.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::relay {
namespace {

constexpr http::ws::Mask kMask = {'\x12', '\x34', '\x56', '\x78'};
using Event = ChunkReader::Event;

/// What a reader makes of bytes that come in pieces of so many.
std::string read(std::string bytes, bool masked, std::size_t piece = 1 << 20, std::string* broken = nullptr) {
  ChunkReader reader(masked);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::span<char> input(bytes.data() + at, std::min(piece, bytes.size() - at));
    for (;;) {
      auto step = reader.next(input);
      if (step.event == Event::none) break;
      if (step.event == Event::data) out += step.data;
      if (step.event == Event::ping) out.append("<ping ").append(step.data).append(">");
      if (step.event == Event::close) out.append("<close>");
      if (step.event != Event::broken) continue;
      if (broken) *broken = reader.broken();
      return out + "<broken>";
    }
  }
  return out + (reader.at_rest() ? "" : "<unfinished>");
}

std::string why(const std::string& bytes, bool masked = false) {
  std::string out;
  read(bytes, masked, 1 << 20, &out);
  return out;
}

std::string frame(std::uint8_t first, std::string_view payload) {
  return std::string(1, static_cast<char>(first)) + static_cast<char>(payload.size()) + std::string(payload);
}

TEST(Chunk, is_spelled_as_the_protocol_has_it) {
  std::string out;
  append_chunk(out, "hello", nullptr);
  EXPECT_EQ(out, std::string("\x82\x07\x0A\x05hello"));
  out.clear();
  append_chunk(out, "", nullptr);
  EXPECT_EQ(out, std::string("\x82\x00", 2)) << "an empty chunk keeps alive";
  out.clear();
  append_chunk(out, "hi", &kMask);
  EXPECT_EQ(out, std::string("\x82\x84\x12\x34\x56\x78\x18\x36\x3E\x11"));
}

TEST(Chunk, comes_back_whatever_its_size_and_the_pieces) {
  for (std::size_t size : {0u, 1u, 122u, 123u, 124u, 125u, 126u, 127u, 65'530u, 65'536u, 524'288u})
    for (bool masked : {false, true}) {
      std::string data(size, 'x');
      for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 7);
      std::string out;
      append_chunk(out, data, masked ? &kMask : nullptr);
      EXPECT_LE(out.size(), size + kMostChunkHead);
      for (std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1000}, out.size()})
        if (size < 1000 || piece > 1) EXPECT_EQ(read(out, masked, piece), data) << size << " by " << piece;
    }
}

TEST(Chunk, several_and_control_frames_between) {
  for (bool masked : {false, true}) {
    const http::ws::Mask* mask = masked ? &kMask : nullptr;
    std::string out;
    append_chunk(out, "one ", mask);
    append_control(out, 9, "are you", mask);
    append_chunk(out, "", mask);
    append_control(out, 10, "yes", mask);
    append_chunk(out, "two", mask);
    append_control(out, 8, "\x03\xE8", mask);
    for (std::size_t piece : {1, 2, 5, 100})
      EXPECT_EQ(read(out, masked, piece), "one <ping are you>two<close>");
  }
}

TEST(Chunk, in_fragments_with_a_ping_in_its_midst) {
  std::string bytes = frame(0x02, "\x0A\x05he") + frame(0x89, "") + frame(0x00, "ll") + frame(0x80, "o");
  for (std::size_t piece : {1, 2, 100}) EXPECT_EQ(read(bytes, false, piece), "he<ping >llo");
}

TEST(Chunk, fields_of_others_are_passed_over) {
  std::string message(
      "\x10\x96\x01"
      "\x1A\x03"
      "abc"
      "\x0A\x02hi"
      "\x25\x01\x02\x03\x04"
      "\x29\x01\x02\x03\x04\x05\x06\x07\x08",
      26);
  for (std::size_t piece : {1, 100}) EXPECT_EQ(read(frame(0x82, message), false, piece), "hi");
}

TEST(Chunk, texts_are_ignored) {
  EXPECT_EQ(
      read(frame(0x81, "hello") + frame(0x01, "a") + frame(0x80, "b") + frame(0x82, "\x0A\x01x"), false),
      "x");
}

TEST(Chunk, what_breaks_the_rules_ends_it) {
  EXPECT_EQ(why(frame(0xC2, "\x0A\x01x")), "a frame with an extension nobody agreed on");
  EXPECT_EQ(why(frame(0x82, "\x0A\x01x"), true), "a frame without a mask");
  EXPECT_EQ(why(frame(0x80, "x")), "a continuation of nothing");
  EXPECT_EQ(why(frame(0x02, "\x0A") + frame(0x82, "x")), "a message within a message");
  EXPECT_EQ(why(frame(0x83, "x")), "a frame of an unknown kind");
  EXPECT_EQ(why(frame(0x8B, "x")), "a frame of an unknown kind");
  EXPECT_EQ(why(frame(0x09, "x")), "a control frame that is none");
  EXPECT_EQ(why(std::string("\x82\x7E\x00\x05", 4)), "a frame whose length is longer than it needs to be");
  EXPECT_EQ(why(frame(0x82, "\x0A\x02x")), "a chunk that ends in the midst of a field");
  EXPECT_EQ(why(frame(0x82, "\x0A")), "a chunk that ends in the midst of a field");
  EXPECT_EQ(why(frame(0x82, "\x0B")), "a chunk with a field that cannot be");
  EXPECT_EQ(why(frame(0x82, std::string("\x02\x00", 2))), "a chunk with a field that cannot be");
  EXPECT_EQ(why(frame(0x82, "\x0A\x01x\x0A\x01y")), "a chunk with two fields of data");
  EXPECT_EQ(why(frame(0x82, std::string(11, '\xFF'))), "a chunk with a number that is too long");
  EXPECT_EQ(why(frame(0x88, "") + "x"), "bytes after a close frame");
  EXPECT_EQ(why(std::string("\x82\x7F\x00\x00\x00\x00\x00\x10\x00\x00", 10)), "a chunk of more than 512 KiB");
  EXPECT_EQ(why(std::string("\x82\x7F\x00\x00\x00\x00\x00\x08\x00\x06", 10) + "\x0A\x81\x80\x20"),
            "a chunk of more than 512 KiB");
  EXPECT_EQ(why(std::string("\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10)), "a chunk of more than 512 KiB");
}

TEST(Chunk, a_message_without_end_in_fragments_is_none) {
  std::string bytes = frame(0x02, "\x1A\x7F");
  while (bytes.size() < (1 << 20)) bytes += frame(0x00, std::string(120, 'x'));
  EXPECT_EQ(why(bytes), "a chunk of more than 512 KiB") << "the sum of its frames";
}

}  // namespace
}  // namespace weir::relay
