// `weir doctor --guest`: inside a guest, does everything between its programs and the host's Weir work?
#pragma once

#include <string>

#include "cli/verbs.h"

namespace weir::cli {

class GuestDoctor {
 public:
  void add_to(CLI::App& verb);
  bool wanted() const { return wanted_; }
  /// Prints a line a layer; kExitOk when nothing failed.
  int examine() const;

 private:
  bool wanted_ = false;
  std::string to_ = "vsock:2:5002";
  std::string url_ = "https://example.com/";
  std::string blocked_, download_;  ///< empty = not tried
};

}  // namespace weir::cli
