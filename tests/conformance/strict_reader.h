// StrictReader: the requests on one connection as the strictest origin would read them. Written from the RFCs
// and on its own: it shares no line with the codecs it is there to judge.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::testing {

/// Takes RFC 9112 by its narrowest letter: one spelling of each thing, nothing that another reader could
/// understand in another way. The first offence is kept in `error`, and nothing is read after it.
class StrictReader {
 public:
  struct Request {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string host;
    std::string body;
  };

  void feed(std::string_view bytes);

  std::vector<Request> requests;  ///< those that are whole
  std::string error;
  /// True when no part of a further request has come.
  bool idle() const { return rest_.empty(); }

 private:
  std::string rest_;
};

}  // namespace weir::testing
