// Past requests: what a project has asked for so far, as far as policy can be asked about it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "http/message.h"

namespace weir::store {

/// Valid during the visit alone. Secrets in the target are as the store keeps them.
struct PastRequest {
  http::Origin origin;
  std::string_view method;
  std::string_view target;
  bool opaque = false;  ///< a tunnel that nobody looked into
  WallNanos started = 0;
};

/// Visits the requests of the newest `most` rows that have ended, session by session from the newest on,
/// until `visit` says false. True when that was all there is. Blocks, reading; each file is open for as long
/// as its rows are visited. A file that cannot be read is logged and passed over.
bool visit_newest(const std::filesystem::path& project_dir, std::size_t most,
                  const std::function<bool(const PastRequest&)>& visit);

}  // namespace weir::store
