// What the tests of the JSON Lines log share.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include "store/jsonl_reader.h"
#include "store/jsonl_writer.h"
#include "store/test_recording.h"

namespace weir::store {

inline std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + text.size() / 1000 + 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

/// All of a valid gzip file by zlib's own strict reader; "invalid" for any other.
inline std::string gunzip_file(const std::filesystem::path& path) {
  gzFile file = ::gzopen(path.c_str(), "rb");
  std::string out;
  char buffer[65536];
  int count = 0;
  while ((count = ::gzread(file, buffer, sizeof buffer)) > 0)
    out.append(buffer, static_cast<std::size_t>(count));
  int closed = ::gzclose(file);
  return count < 0 || closed != Z_OK ? "invalid" : out;
}

/// About 1 KiB a line that no compressor makes smaller.
inline flow::Flow bulky_flow(flow::FlowId id, std::size_t bytes = 700) {
  flow::Flow flow = sample_flow(id);
  flow.response_body.bytes.resize(bytes);
  std::uint64_t state = id * 0x9E3779B97F4A7C15 + 1;
  for (char& c : flow.response_body.bytes) {
    state = state * 6364136223846793005 + 1442695040888963407;
    c = static_cast<char>(state >> 56);
  }
  flow.response_body.size = bytes;
  return flow;
}

class JsonlTest : public testing::Test {
 protected:
  std::filesystem::path logs() const { return folder_.path() / "logs"; }
  JsonlWriter::Options options() const {
    return {.folder = logs(), .session = "20250131-235959-a1b2", .now = [] { return kNoon; }};
  }
  static std::unique_ptr<JsonlWriter> write(JsonlWriter::Options options) {
    auto writer = JsonlWriter::open(std::move(options));
    EXPECT_TRUE(writer) << writer.error().message();
    return std::move(*writer);
  }
  std::unique_ptr<JsonlWriter> write() const { return write(options()); }

  struct Contents {
    std::vector<Row> rows;
    JsonlDamage damage;
    std::vector<flow::FlowId> ids() const {
      std::vector<flow::FlowId> ids;
      for (const Row& row : rows) ids.push_back(row.flow.id);
      return ids;
    }
  };
  static Contents read(const std::filesystem::path& path) {
    Contents contents;
    auto reader = JsonlReader::open(path);
    EXPECT_TRUE(reader) << reader.error().message();
    if (!reader) return contents;
    while (auto row = reader->next()) contents.rows.push_back(std::move(*row));
    EXPECT_FALSE(reader->next()) << "the end stays the end";
    contents.damage = reader->damage();
    return contents;
  }
  Contents read() const { return read(logs()); }

  std::filesystem::path put(std::string_view name, std::string_view bytes) const {
    std::filesystem::create_directories(logs());
    std::ofstream(logs() / name, std::ios::binary) << bytes;
    return logs() / name;
  }
  static std::string slurp(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const JsonlName& name : jsonl_names(logs())) names.push_back(name.str());
    return names;
  }

  TempFolder folder_;
};

}  // namespace weir::store
