// TrustReport: which programs trusted Weir's certificates and which did not, by the flows that went by.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "app/observer.h"

namespace weir::cli {

/// Thread-safe. Bounded: rows beyond kMostRows are only counted.
class TrustReport final : public app::Observer {
 public:
  static constexpr std::size_t kMostRows = 1000;

  enum class Verdict : std::uint8_t {
    trusted,          ///< requests came over TLS with our certificate
    plain,            ///< HTTP without TLS
    not_intercepted,  ///< a tunnel that nobody looked into
    refused,          ///< the certificate was, for sure
    left,             ///< the client went when it saw it, which may have been for that
    failed,           ///< something else
  };

  void closed(const flow::Flow& flow) override;

  /// A table for people, with what mends below each row that needs it; then a sentence.
  std::string text(bool color) const;
  /// Some TLS connection was trusted, and none was not.
  bool all_trusted() const;

 private:
  struct Row {
    Verdict verdict = Verdict::failed;
    std::string place, program, library, finding, mend;
    std::uint64_t count = 0;
  };
  static Row row_of(const flow::Flow& flow);
  std::size_t count(Verdict verdict) const;

  mutable std::mutex mutex_;
  std::map<std::string, std::size_t> index_;
  std::vector<Row> rows_;  // in the order in which they came
  std::uint64_t left_out_ = 0;
};

}  // namespace weir::cli
