// JsonlFile: one live file of a JSON Lines log, compressed as it grows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "store/jsonl_names.h"

struct z_stream_s;

namespace weir::store {

/// Gzip members of about 1 MiB of text one after another, so that damage costs a reader no more than the
/// member it is in. Holds the file's lock (flock) for its whole life: nobody else writes or removes a live
/// file. A failure to write loses nothing: what did not reach the disk is tried again by the next call. One
/// thread.
class JsonlFile {
 public:
  /// A new file (0600) under the next free name of the day; never one that exists, and never `last` or one
  /// before it on its day.
  static Result<JsonlFile> create(const std::filesystem::path& folder, WallNanos now, const JsonlName& last);
  JsonlFile(JsonlFile&&) noexcept;
  JsonlFile& operator=(JsonlFile&&) noexcept;
  ~JsonlFile();  ///< as after a crash: what was not flushed is lost

  /// Compresses whole lines, in memory.
  void append(std::string_view lines);
  /// Hands all that was appended to the system, so that a reader sees it.
  Result<> flush();
  /// Flushes and ends the file, which is then valid gzip and done with.
  Result<> finish();

  const JsonlName& name() const { return name_; }
  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size_on_disk() const { return written_; }
  /// False when somebody has removed the file.
  bool in_place() const;

 private:
  JsonlFile(UniqueFd file, std::filesystem::path path, JsonlName name);
  void deflate(std::string_view text, int flush);
  Result<> drain();

  struct EndDeflate {
    void operator()(z_stream_s* stream) const;
  };

  UniqueFd file_;
  std::filesystem::path path_;
  JsonlName name_;
  std::unique_ptr<z_stream_s, EndDeflate> stream_;
  std::string compressed_;    // not yet written
  std::uint64_t member_ = 0;  // bytes of text in the current gzip member
  bool unflushed_ = false;    // the compressor holds some of it back
  std::uint64_t written_ = 0;
};

/// Takes the lock that says that a log's file is live; false when it is, or has been removed just now.
bool take_live_lock(int file);
/// Removes the oldest files of these kinds in `folder` but the newest `keep`. Live files, of whatever
/// process, stay and count.
void prune_logs(const std::filesystem::path& folder, std::initializer_list<LogKind> kinds, std::size_t keep);

}  // namespace weir::store
