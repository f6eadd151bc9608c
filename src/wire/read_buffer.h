// ReadBuffer: bytes that have come from a stream and were not used yet. Holds no memory while it is empty.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "async/task.h"
#include "net/stream.h"

namespace weir::wire {

class ReadBuffer {
 public:
  /// What one read asks for. Blocks of this size are recycled within a thread.
  static constexpr std::size_t kBlock = 32 * 1024;

  ReadBuffer() = default;
  ReadBuffer(const ReadBuffer&) = delete;
  ~ReadBuffer() { drop(); }

  std::string_view data() const { return {block_ + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  /// The memory is kept until release(): views into data() stay good.
  void consume(std::size_t bytes) { begin_ += bytes; }
  /// Gives the block back if nothing is in it.
  void release() {
    if (empty()) drop();
  }
  /// From now on what comes is a secret: memory is overwritten before it is given back.
  void keep_secret() { secret_ = true; }
  /// Puts bytes in front of what will come (they were read by someone else).
  void prepend(std::string_view bytes);

  /// Reads more, behind what is there; waits if it must, without holding a block when empty. Returns the
  /// number of new bytes, 0 at the end of the stream. Views into data() become invalid.
  /// When `*stop` turns true while it waits, it ends with Code::cancelled.
  async::Task<Result<std::size_t>> fill(net::Stream& stream, const bool* stop = nullptr);

 private:
  void make_room();
  void drop();
  void give();

  char* block_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool secret_ = false;
};

}  // namespace weir::wire
