#include "store/body_table.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/ascii.h"

namespace weir::store {
namespace {

constexpr std::size_t kRecentBodies = 1024;
constexpr std::size_t kKnownBodies = 65'536;
constexpr std::size_t kSlotBytes = 64;
constexpr std::size_t kRecentBytes = 8192;   // larger ones are cheaper to hash than to remember
constexpr std::size_t kCompressFrom = 2048;  // half a page: less is not worth the time
constexpr int kLevel = 1;
constexpr std::uint64_t kLargestBody = 1ULL << 30;  // of a row that is read; beyond that it is damaged

std::int64_t first_64_bits(const Sha256& sha256) {
  std::int64_t bits;
  std::memcpy(&bits, sha256.data(), sizeof bits);
  return bits;
}

std::string_view as_bytes(const Sha256& sha256) {
  return {reinterpret_cast<const char*>(sha256.data()), sha256.size()};
}

// The ends tell most bodies apart; where they do not, two bodies share a slot and are hashed in full.
std::size_t recent_slot(std::string_view bytes) {
  std::hash<std::string_view> hash;
  std::size_t end = std::min(bytes.size(), kSlotBytes);
  std::size_t both = hash(bytes.substr(0, end)) * 31 + hash(bytes.substr(bytes.size() - end));
  return (both + bytes.size()) % kRecentBodies;
}

bool is_compressed(const http::Fields& fields) {
  bool compressed = false;
  for_each_element(fields.get("content-encoding").value_or(""),
                   [&](std::string_view coding) { compressed |= !iequals(coding, "identity"); });
  return compressed;
}

}  // namespace

void BodyTable::FreeContext::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

Result<BodyTable> BodyTable::open(Database& database) {
  auto look = database.prepare("SELECT sha256 FROM bodies WHERE id = ?");
  if (!look) return pass(look);
  auto insert = database.prepare(
      "INSERT INTO bodies(hash64, sha256, size, stored_size, codec, data) VALUES (?, ?, ?, ?, ?, ?)");
  if (!insert) return pass(insert);
  BodyTable table;
  table.look_ = std::move(*look);
  table.insert_ = std::move(*insert);
  table.compressor_.reset(ZSTD_createCCtx());
  table.recent_.resize(kRecentBodies);
  table.known_.resize(kKnownBodies);
  table.handle_ = database.handle();
  return table;
}

void BodyTable::forget() {
  recent_.assign(kRecentBodies, {});
  known_.assign(kKnownBodies, {});
}

Result<BodyId> BodyTable::put(const flow::Captured& body, const http::Fields& fields) {
  std::string_view bytes = body.bytes;
  if (bytes.empty()) return 0;
  Recent* recent = nullptr;
  if (bytes.size() <= kRecentBytes) recent = &recent_[recent_slot(bytes)];
  if (recent && recent->id != 0 && recent->bytes == bytes) return recent->id;
  Sha256 sha256 = weir::sha256(bytes);
  std::int64_t hash64 = first_64_bits(sha256);
  Known& known = known_[static_cast<std::uint64_t>(hash64) % kKnownBodies];
  bool there = false;
  if (known.id != 0 && known.hash64 == hash64) {
    auto same = holds(known.id, sha256);
    if (!same) return pass(same);
    there = *same;
  }
  if (!there) {
    auto id = insert(bytes, sha256, hash64, body.decoded || !is_compressed(fields));
    if (!id) return id;
    known = {hash64, *id};
  }
  if (recent) {
    recent->bytes = bytes;
    recent->id = known.id;
  }
  return known.id;
}

// 64 bits of a hash can be made equal on purpose; the whole cannot.
Result<bool> BodyTable::holds(BodyId id, const Sha256& sha256) {
  look_.bind(1, id);
  auto row = look_.step();
  if (!row) return pass(row);
  bool same = *row && look_.bytes(0) == as_bytes(sha256);
  look_.reset();
  return same;
}

Result<BodyId> BodyTable::insert(std::string_view bytes, const Sha256& sha256, std::int64_t hash64,
                                 bool compress) {
  std::string_view stored = bytes;
  if (compress && bytes.size() >= kCompressFrom) {
    compressed_.resize(ZSTD_compressBound(bytes.size()));
    std::size_t size = ZSTD_compressCCtx(compressor_.get(), compressed_.data(), compressed_.size(),
                                         bytes.data(), bytes.size(), kLevel);
    if (!ZSTD_isError(size) && size <= bytes.size() - bytes.size() / 10) stored = {compressed_.data(), size};
  }
  bool packed = stored.data() != bytes.data();
  insert_.bind(1, hash64);
  insert_.bind_blob(2, as_bytes(sha256));
  insert_.bind(3, static_cast<std::int64_t>(bytes.size()));
  insert_.bind(4, static_cast<std::int64_t>(stored.size()));
  insert_.bind_text(5, packed ? "zstd" : "none");
  insert_.bind_blob(6, stored);
  if (auto done = insert_.run(); !done) return pass(done);
  return sqlite3_last_insert_rowid(handle_);
}

Result<std::string> load_body(Database& database, BodyId id) {
  auto select = database.prepare("SELECT codec, size, data FROM bodies WHERE id = ?");
  if (!select) return pass(select);
  select->bind(1, id);
  auto row = select->step();
  if (!row) return pass(row);
  if (!*row) return fail(Code::not_found, fmt::format("body {} is not in the store", id));
  std::string_view data = select->bytes(2);
  if (select->bytes(0) == "none") return std::string(data);
  auto size = static_cast<std::uint64_t>(select->integer(1));
  if (size > kLargestBody)
    return fail(Code::io, fmt::format("body {} claims {} bytes: the file is damaged", id, size));
  std::string bytes(size, '\0');
  std::size_t got = ZSTD_decompress(bytes.data(), bytes.size(), data.data(), data.size());
  if (ZSTD_isError(got) || got != size)
    return fail(Code::io, fmt::format("body {} cannot be decompressed: the file is damaged", id));
  return bytes;
}

}  // namespace weir::store
