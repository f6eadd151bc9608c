// RunSummary: the one screen that `weir run` prints when its command has ended.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "app/observer.h"

namespace weir::cli {

/// Thread-safe. Bounded: hosts beyond the first thousand are counted together, and of the programs that do
/// not trust Weir the first few are told of.
class RunSummary final : public app::Observer {
 public:
  /// `sandboxed`: nothing can have gone past the proxy.
  explicit RunSummary(bool sandboxed = false) : sandboxed_(sandboxed) {}
  void closed(const flow::Flow& flow) override;
  /// `skipped`: how many requests were not recorded since log-skip rules say so; they are not seen here.
  std::string text(const std::string& command, int status, Duration took, std::uint64_t skipped) const;

 private:
  struct Host {
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0;
    std::uint64_t errors = 0;
  };
  void note_distrust(const flow::Flow& flow);
  struct Distrust {
    flow::Rejection rejection;
    std::uint64_t connections = 0;
  };
  const bool sandboxed_;
  mutable std::mutex mutex_;
  std::map<std::string, Host> hosts_;
  std::map<std::string, std::uint64_t> error_codes_;
  std::map<std::string, Distrust> distrust_;  // by program and library
  std::uint64_t requests_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::int64_t slowest_us_ = -1;
  std::string slowest_;
};

}  // namespace weir::cli
