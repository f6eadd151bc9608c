// What the fuzz targets share: invariants that abort, and ways to cut an input.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace weir::fuzz {

/// Aborts, naming what is broken, so that the fuzzer keeps the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken invariant: %s\n", what);
  std::abort();
}

/// Calls `each(parts)` with the input whole, cut in two at up to 32 places, and (when short) byte by byte.
template <typename Each>
void for_each_cut(std::string_view input, Each&& each) {
  each(std::vector<std::string_view>{input});
  std::size_t stride = input.size() / 32 + 1;
  for (std::size_t at = 1; at < input.size(); at += stride)
    each(std::vector<std::string_view>{input.substr(0, at), input.substr(at)});
  if (input.size() > 4096) return;
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < input.size(); ++i) bytes.push_back(input.substr(i, 1));
  each(bytes);
}

}  // namespace weir::fuzz
