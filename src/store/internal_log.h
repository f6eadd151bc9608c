// InternalLog: Weir's own log in files (docs/formats/internal_log.md), for `weir logs internal`.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "store/housekeeping.h"
#include "store/jsonl_names.h"

namespace weir::store {

/// The component whose warnings and errors, and those of its parts ("logging.syslog"), are kept apart: of
/// logs that go to other machines.
inline constexpr std::string_view kRemoteLogging = "logging";
inline constexpr std::string_view kRemoteLoggingFile = "logging-errors.log";

/// Opened by a serving process; any number of them may share a folder. Each line is with the system when
/// `heard` returns, so a crash loses none. A file belongs to one process at a time (flock); a short-lived one
/// goes on in what an earlier one left. A folder that cannot be written is told once and costs nothing but
/// these files. Thread-safe.
class InternalLog final : public log::Listener {
 public:
  struct Options {
    std::filesystem::path folder;             ///< made (0700) with the first line
    std::uint64_t roll_bytes = 50ULL << 20;   ///< then a new file begins and the old one is packed (gzip)
    std::size_t keep = 5;                     ///< files, packed or not, the live ones counted
    std::uint64_t error_bytes = 10ULL << 20;  ///< of kRemoteLoggingFile, which is then moved to "*.1"
    WallNanos (*now)() = wall_now;            ///< names the files
  };

  explicit InternalLog(Options options) : options_(std::move(options)) {}

  void heard(const log::Line& line) override;
  /// For this log alone: not for standard error.
  void note(std::string_view text) { heard({options_.now(), log::Level::info, {}, text}); }
  /// Warnings and errors heard so far.
  std::uint64_t complaints() const { return complaints_.load(std::memory_order_relaxed); }

 private:
  Result<> write(std::string_view line);
  Result<> write_remote(std::string_view line);
  Result<> open_file();
  /// Goes on in a file that nobody writes any more and that is not full.
  void take_over(const JsonlName& name);
  Result<> create_file();

  const Options options_;
  std::atomic<std::uint64_t> complaints_{0};
  std::mutex mutex_;
  UniqueFd file_;
  std::filesystem::path path_;  // of file_
  JsonlName last_;
  bool torn_ = false;  // the file's last line is not whole
  bool failing_ = false;
  std::unique_ptr<Housekeeping> housekeeping_;  // from the first file on
};

/// Packs every file of the folder that is no longer live and is full, then removes the oldest beyond those to
/// keep. A crash on the way leaves a file as it was. What fails is logged.
void tidy_internal_logs(const InternalLog::Options& options);

}  // namespace weir::store
