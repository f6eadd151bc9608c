// Every way in which bytes can come off a wire that matters to a decoder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

/// Calls `each(parts, how)` with `text` whole, cut in two at every place, and byte by byte. `how` names the
/// cut.
template <typename Each>
void for_each_split(std::string_view text, Each&& each) {
  each(std::vector<std::string_view>{text}, std::string("whole"));
  for (std::size_t at = 1; at < text.size(); ++at)
    each(std::vector<std::string_view>{text.substr(0, at), text.substr(at)}, "cut at " + std::to_string(at));
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  each(bytes, std::string("byte by byte"));
}

}  // namespace weir::test
