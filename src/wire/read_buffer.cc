#include "wire/read_buffer.h"

#include <string.h>

#include <cstring>
#include <vector>

namespace weir::wire {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_PLAIN_BLOCKS 1  // recycled memory would hide use-after-free from the sanitizers
#endif
#endif

// Free blocks of this thread. 64 x 32 KiB bounds what an idle thread keeps at 2 MiB.
#ifdef WEIR_PLAIN_BLOCKS
constexpr std::size_t kKept = 0;
#else
constexpr std::size_t kKept = 64;
#endif

struct Blocks {
  std::vector<char*> free;
  ~Blocks() {
    for (char* block : free) delete[] block;
  }
};
thread_local Blocks t_blocks;

char* take_block() {
  if (t_blocks.free.empty()) return new char[ReadBuffer::kBlock];
  char* block = t_blocks.free.back();
  t_blocks.free.pop_back();
  return block;
}

void give_block(char* block, std::size_t capacity) {
  if (capacity == ReadBuffer::kBlock && t_blocks.free.size() < kKept) {
    t_blocks.free.push_back(block);
  } else {
    delete[] block;
  }
}

}  // namespace

void ReadBuffer::give() {
  if (secret_) ::explicit_bzero(block_, capacity_);
  give_block(block_, capacity_);
}

void ReadBuffer::drop() {
  if (block_) give();
  block_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

// Room for at least a quarter block behind the data: moves the data to the front, or doubles the block.
// Growth is bounded by the callers, who refuse heads over their limit before asking for more.
void ReadBuffer::make_room() {
  if (!block_) {
    block_ = take_block();
    capacity_ = kBlock;
    return;
  }
  if (empty()) begin_ = end_ = 0;
  if (capacity_ - end_ >= kBlock / 4) return;
  std::size_t size = end_ - begin_;
  if (capacity_ - size >= kBlock / 4) {
    std::memmove(block_, block_ + begin_, size);
  } else {
    auto* bigger = new char[capacity_ * 2];
    std::memcpy(bigger, block_ + begin_, size);
    give();
    block_ = bigger;
    capacity_ *= 2;
  }
  begin_ = 0;
  end_ = size;
}

void ReadBuffer::prepend(std::string_view bytes) {
  if (bytes.empty()) return;
  std::size_t size = end_ - begin_;
  std::size_t capacity = std::max(kBlock, bytes.size() + size);
  char* block = capacity == kBlock ? take_block() : new char[capacity];
  std::memcpy(block, bytes.data(), bytes.size());
  if (size) std::memcpy(block + bytes.size(), block_ + begin_, size);
  drop();
  block_ = block;
  capacity_ = capacity;
  end_ = bytes.size() + size;
}

async::Task<Result<std::size_t>> ReadBuffer::fill(net::Stream& stream, const bool* stop) {
  for (;;) {
    make_room();
    auto got = stream.try_read({block_ + end_, capacity_ - end_});
    if (!got) co_return pass(got);
    if (*got) {
      end_ += **got;
      co_return **got;
    }
    release();
    auto ready = co_await stream.wait_readable();
    if (!ready) co_return pass(ready);
    if (stop && *stop) co_return fail(Code::cancelled);
  }
}

}  // namespace weir::wire
