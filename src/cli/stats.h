// Stats: what `weir logs --stats` says about many flows, in bounded memory.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "store/query.h"

namespace weir::cli {

class Stats {
 public:
  void add(const store::Row& row);

  /// The Summary block. Lines that would count nothing are left out.
  std::string text() const;
  /// The same numbers as one JSON object (docs/formats/flow_json.md).
  void write(JsonWriter& json) const;

 private:
  struct Slow {
    std::int64_t duration_us;
    std::string method, url, id;
  };
  using Hosts = std::unordered_map<std::string, std::uint64_t>;

  void remember_if_slow(const store::Row& row);
  void count_host(const std::string& host);
  void count_process(const std::string& name);
  std::int64_t average_us() const;
  std::string counts_text() const;
  std::string percent(std::uint64_t part) const;

  std::uint64_t total_ = 0;
  std::uint64_t classes_[10] = {};  // by the hundreds of the status; failures are not among them
  std::uint64_t errors_ = 0;
  std::uint64_t open_ = 0;
  std::uint64_t timed_ = 0;
  std::uint64_t duration_sum_us_ = 0;
  WallNanos first_ = 0;
  WallNanos last_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::vector<Slow> slowest_;      // slowest first
  Hosts hosts_;                    // the first kMostHosts names met
  std::uint64_t other_hosts_ = 0;  // flows of all further names
  Hosts processes_;                // the same for programs, where they are known
};

}  // namespace weir::cli
