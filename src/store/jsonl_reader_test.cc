#include "store/jsonl_reader.h"

#include <sys/stat.h>

#include <limits>

#include "store/jsonl_line.h"
#include "store/test_jsonl.h"

namespace weir::store {
namespace {

using Ids = std::vector<flow::FlowId>;

std::string lines(std::initializer_list<flow::FlowId> ids) {
  std::string text;
  for (flow::FlowId id : ids) append_jsonl(text, sample_flow(id), "");
  return text;
}

TEST_F(JsonlTest, ReadsPlainAndGzipByContent) {
  EXPECT_EQ(read(put("a.jsonl", lines({1, 2}))).ids(), (Ids{1, 2}));
  EXPECT_EQ(read(put("a.jsonl", gzip(lines({1, 2})))).ids(), (Ids{1, 2}));
  EXPECT_EQ(read(put("a.jsonl.gz", gzip(lines({1})) + gzip(lines({2, 3})) + gzip(""))).ids(), (Ids{1, 2, 3}));
  EXPECT_EQ(read(put("a.jsonl.gz", "")).ids(), (Ids{}));
}

TEST_F(JsonlTest, LinesMayEndAsTheyLike) {
  std::string text = lines({1});
  text.pop_back();
  Contents contents = read(put("a.jsonl", "\r\n" + text + "\r\n\n  \n" + text));
  EXPECT_EQ(contents.ids(), (Ids{1, 1}));
  EXPECT_EQ(contents.damage.invalid + contents.damage.torn, 0u);
}

TEST_F(JsonlTest, ALineCutInAnyPlaceOfAMemberIsReadOnce) {
  std::string text = lines({1, 2, 3});
  for (std::size_t at = 0; at <= text.size(); at += 7)
    EXPECT_EQ(read(put("a.gz", gzip(text.substr(0, at)) + gzip(text.substr(at)))).ids(), (Ids{1, 2, 3}));
}

TEST_F(JsonlTest, ATornTailCostsItsLineAlone) {
  std::string text = lines({1, 2});
  Contents contents = read(put("a.jsonl", text.substr(0, text.size() - 5)));
  EXPECT_EQ(contents.ids(), (Ids{1}));
  EXPECT_EQ(contents.damage.torn, 1u);
  EXPECT_EQ(contents.damage.invalid, 0u);

  std::string packed = gzip(lines({1})) + gzip(lines({2, 3}));
  for (std::size_t size = gzip(lines({1})).size(); size < packed.size(); ++size) {
    contents = read(put("a.jsonl.gz", packed.substr(0, size)));
    ASSERT_GE(contents.rows.size(), 1u) << size;
    EXPECT_EQ(contents.rows[0].flow.id, 1u);
    EXPECT_LE(contents.damage.torn, 1u);
    EXPECT_EQ(contents.damage.invalid, 0u);
  }
}

TEST_F(JsonlTest, ACorruptMemberDoesNotHideTheNext) {
  std::string first = gzip(lines({1})), second = gzip(lines({2, 3, 4})), third = gzip(lines({5}));
  for (std::size_t at = 0; at < second.size(); ++at) {
    std::string bad = second;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    Contents contents = read(put("a.jsonl.gz", first + bad + third));
    Ids ids = contents.ids();
    ASSERT_GE(ids.size(), 2u) << at;
    EXPECT_EQ(ids.front(), 1u) << at;
    EXPECT_EQ(ids.back(), 5u) << at;
    EXPECT_LE(contents.damage.corrupt, 2u) << at;
  }
}

TEST_F(JsonlTest, GarbageAndPaddingBetweenMembersAreSkipped) {
  Contents contents = read(put("a.gz", gzip(lines({1})) + std::string(100'000, '\0') + gzip(lines({2})) +
                                           std::string(200'000, '\x1f') + gzip(lines({3})) + "junk"));
  EXPECT_EQ(contents.ids(), (Ids{1, 2, 3}));
  EXPECT_EQ(contents.damage.corrupt, 2u);
}

// Every header leads to an error only at the end of the file: going back each time would take for ever.
TEST_F(JsonlTest, AFileMadeToBeSearchedForEverIsNot) {
  std::string bytes;
  while (bytes.size() < 16 << 20) {
    std::string stored = "\x1f\x8b\x08";
    stored += std::string(7, '\0');
    bytes += stored + std::string("\0\xff\xff\0\0", 5);
  }
  EXPECT_EQ(read(put("a.gz", bytes)).ids(), (Ids{}));
}

TEST_F(JsonlTest, AnOverlongLineIsSkippedAndCounted) {
  std::string overlong = "{\"ts\":\"" + std::string(3 * kLongestLine, 'x') + "\"}\n";
  Contents contents = read(put("a.jsonl", lines({1}) + overlong + lines({2}) + overlong));
  EXPECT_EQ(contents.ids(), (Ids{1, 2}));
  EXPECT_EQ(contents.damage.too_long, 2u);
  contents = read(put("a.jsonl", gzip(lines({1}) + overlong + lines({2}))));
  EXPECT_EQ(contents.ids(), (Ids{1, 2}));
  EXPECT_EQ(contents.damage.too_long, 1u);
}

TEST_F(JsonlTest, TheLongestLineIsRead) {
  std::string line = lines({1});
  line.pop_back();
  line.insert(line.size() - 1, kLongestLine - line.size(), ' ');
  ASSERT_EQ(line.size(), kLongestLine);
  EXPECT_EQ(read(put("a.jsonl", line + "\r\n" + lines({2}))).ids(), (Ids{1, 2}));
  Contents contents = read(put("a.jsonl", line + "  \n" + lines({2})));
  EXPECT_EQ(contents.ids(), (Ids{2}));
  EXPECT_EQ(contents.damage.too_long, 1u);
}

// In UBSan's hands, as in those of whoever adds them up.
TEST_F(JsonlTest, NumbersOfALineAreBounded) {
  std::string most = std::to_string(std::numeric_limits<std::int64_t>::max());
  std::string line = "{\"ts\":\"2261-12-31T23:59:59Z\",\"duration_ns\":" + most;
  line += ",\"timings_us\":{\"dns\":" + most + ",\"tls\":" + most + ",\"wait\":-" + most + "}}\n";
  Contents contents = read(put("a.jsonl", line + line));
  ASSERT_EQ(contents.rows.size(), 2u);
  const flow::Flow& flow = contents.rows.front().flow;
  EXPECT_GT(flow.duration_us, 0);
  EXPECT_LT(flow.duration_us + flow.timing.dns + flow.timing.tls,
            std::numeric_limits<std::int64_t>::max() / 1000);
  EXPECT_EQ(flow.timing.wait, -1);
}

TEST_F(JsonlTest, InvalidLinesAreSkippedAndCounted) {
  std::string text =
      lines({1}) + "not json\n{\"ts\":1}\n\xff\xfe\n" + std::string(100, '[') + "\n" + lines({2});
  Contents contents = read(put("a.jsonl", text));
  EXPECT_EQ(contents.ids(), (Ids{1, 2}));
  EXPECT_EQ(contents.damage.invalid, 4u);
}

TEST_F(JsonlTest, FilesOfAFolderAreMergedByTheEndOfTheirFlows) {
  put("requests_20240115_10000.jsonl.gz", gzip(lines({7, 8})));
  put("requests_20240115_9999.jsonl.gz", gzip(lines({1, 2, 6})));
  put("requests_20240115_0001.jsonl.gz", "no gzip");
  put("other.jsonl", lines({3, 5}));
  put("notes.txt", lines({99}));
  Contents contents = read();
  EXPECT_EQ(contents.ids(), (Ids{1, 2, 3, 5, 6, 7, 8}));
  EXPECT_EQ(contents.damage.torn, 1u) << "counted once";
}

TEST_F(JsonlTest, MoreFilesThanMayBeOpenAtOnceAreAllRead) {
  for (int file = 0; file < 150; ++file) put("a" + std::to_string(file) + ".jsonl", lines({1, 1000}));
  EXPECT_EQ(read().rows.size(), 300u);
}

TEST_F(JsonlTest, WhatIsNoLogIsRefusedOrLeftOut) {
  EXPECT_EQ(JsonlReader::open(logs()).error().code(), Code::not_found);
  put("notes.txt", "x");
  EXPECT_EQ(JsonlReader::open(logs()).error().code(), Code::not_found);
  ASSERT_EQ(::mkfifo((logs() / "a.jsonl").c_str(), 0600), 0);
  EXPECT_EQ(JsonlReader::open(logs() / "a.jsonl").error().code(), Code::io)
      << "and does not wait for a writer";
  std::filesystem::create_directory(logs() / "b.jsonl");
  put("c.jsonl", lines({1}));
  Contents contents = read();
  EXPECT_EQ(contents.ids(), (Ids{1}));
  EXPECT_EQ(contents.damage.unreadable, 2u);
}

}  // namespace
}  // namespace weir::store
