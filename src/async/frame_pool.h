// Memory for coroutine frames: recycled within a thread, so that an await on the hot path costs no malloc.
#pragma once

#include <cstddef>

namespace weir::async {

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace weir::async
