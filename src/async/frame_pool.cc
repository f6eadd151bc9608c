#include "async/frame_pool.h"

#include <array>
#include <cstdlib>
#include <new>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_PLAIN_FRAMES 1  // recycled memory would hide use-after-free from the sanitizers
#endif
#endif

namespace weir::async {

#ifdef WEIR_PLAIN_FRAMES

void* allocate_frame(std::size_t size) { return ::operator new(size); }
void free_frame(void* frame, std::size_t) noexcept { ::operator delete(frame); }

#else

namespace {

constexpr std::size_t kStep = 64;
constexpr std::size_t kClasses = 32;  // frames up to 2 KiB are recycled
constexpr std::size_t kKeptPerClass =
    64;  // bounds what an idle thread holds to about 2 MiB in the worst case

struct Free {
  Free* next;
};

struct Pool {
  std::array<Free*, kClasses> heads{};
  std::array<std::size_t, kClasses> counts{};
  ~Pool() {
    for (Free* head : heads)
      while (head) std::free(std::exchange(head, head->next));
  }
};

thread_local Pool t_pool;

std::size_t class_of(std::size_t size) { return (size + kStep - 1) / kStep - 1; }

}  // namespace

void* allocate_frame(std::size_t size) {
  std::size_t index = class_of(size);
  if (index < kClasses) {
    if (Free* head = t_pool.heads[index]) {
      t_pool.heads[index] = head->next;
      --t_pool.counts[index];
      return head;
    }
    size = (index + 1) * kStep;
  }
  void* frame = std::malloc(size);
  if (!frame) throw std::bad_alloc();
  return frame;
}

void free_frame(void* frame, std::size_t size) noexcept {
  std::size_t index = class_of(size);
  if (index < kClasses && t_pool.counts[index] < kKeptPerClass) {
    auto* head = static_cast<Free*>(frame);
    head->next = t_pool.heads[index];
    t_pool.heads[index] = head;
    ++t_pool.counts[index];
    return;
  }
  std::free(frame);
}

#endif

}  // namespace weir::async
