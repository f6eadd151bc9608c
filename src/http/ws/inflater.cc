#include "http/ws/inflater.h"

#include <zlib.h>

#include <algorithm>

namespace weir::http::ws {
namespace {

// The empty block that ends a flush, less what a sender puts on the wire (RFC 7692 section 7.2.1).
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);
// A sender that was told 8 may use 9 all the same: zlib knows no raw stream with 8 and takes 9 without a
// word.
constexpr int kLeastWindowBits = 9;

Bytef* bytes(const char* data) { return reinterpret_cast<Bytef*>(const_cast<char*>(data)); }

}  // namespace

void Inflater::End::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

Inflater::Inflater(int window_bits, bool bounded) : stream_(new z_stream{}), bounded_(bounded) {
  inflateInit2(stream_.get(), -std::max(window_bits, kLeastWindowBits));  // read() tells of a failure
}

Inflater::~Inflater() = default;

Inflater::Step Inflater::read(std::string_view& input, std::span<char> output) {
  z_stream& stream = *stream_;
  stream.next_in = bytes(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = bytes(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  int status;
  do {
    uInt before = stream.avail_in;
    status = inflate(&stream, Z_SYNC_FLUSH);
    if (stream.avail_in != before) fresh_ = false;
    // A final block ends the stream, not the message: another follows with the same window (RFC 7692 section
    // 7.2.3.4). inflateReset would lose the window.
    if (status == Z_STREAM_END) {
      status = inflateResetKeep(&stream);
      fresh_ = true;
    }
  } while (status == Z_OK && stream.avail_in > 0 && stream.avail_out > 0);
  in_ += input.size() - stream.avail_in;
  input.remove_prefix(input.size() - stream.avail_in);
  std::size_t wrote = output.size() - stream.avail_out;
  out_ += wrote;
  if (status != Z_OK && status != Z_BUF_ERROR) return {wrote, Problem::bad_compression};
  if (bounded_ && out_ > kFreeBytes + kRatio * in_) return {wrote, Problem::compression_bomb};
  return {wrote};
}

std::string_view Inflater::tail() const { return fresh_ ? std::string_view() : kTail; }

bool Inflater::end_message() {
  // RFC 7692 section 7.2.1: between two blocks, and no bit of the last byte left. See inflate() in zlib.h.
  constexpr int kBetweenBlocks = 128;
  bool ended = fresh_ || stream_->data_type == kBetweenBlocks;
  fresh_ = true;
  return ended;
}

}  // namespace weir::http::ws
