// HeldBytes: what of a client's bytes has been looked at and may not go on yet.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/tunnel.h"

namespace weir::proxy {

class HeldBytes {
 public:
  /// `fresh` came behind what is held. All but the last `keep` bytes of both may go.
  TunnelGuard::Cleared release(std::string_view fresh, std::size_t keep) {
    released_ = std::exchange(held_, {});
    std::size_t go = released_.size() + fresh.size() - keep;
    std::size_t go_held = std::min(go, released_.size());
    held_.append(released_, go_held).append(fresh.substr(go - go_held));
    return {std::string_view(released_).substr(0, go_held), fresh.substr(0, go - go_held)};
  }
  std::string_view release_all() {
    released_ = std::exchange(held_, {});
    return released_;
  }
  std::size_t size() const { return held_.size(); }

 private:
  std::string held_;
  std::string released_;  // until the next release
};

}  // namespace weir::proxy
