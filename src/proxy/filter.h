// Filter: a step of the walk that may look at, change or answer an exchange. The moments, in order.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "async/task.h"
#include "proxy/exchange.h"
#include "wire/body.h"

namespace weir::proxy {

/// An answer made by a filter in place of the origin.
struct Answer {
  http::ResponseHead head;
  std::unique_ptr<wire::Body> body;
};

/// Every moment does nothing by default. One object serves all exchanges of a thread: it keeps no state of
/// any of them. A filter that fails ends the exchange with its error. The order of filters is one list, in
/// app/wiring.cc.
class Filter {
 public:
  virtual ~Filter() = default;

  /// Before upstream is asked. An Answer ends the walk down: it goes to the client, and no upstream is
  /// dialled.
  virtual async::Task<Result<std::optional<Answer>>> on_request(Exchange&) { co_return std::nullopt; }
  /// The final response head has come, and goes to the client next.
  virtual async::Task<Result<void>> on_response(Exchange&) { co_return Result<void>(); }
  /// Which moments this filter has: the others are never called, and cost nothing.
  struct Moments {
    bool request = false;
    bool response = false;
  };
  virtual Moments moments() const = 0;
};

/// The filters of a thread, in order.
class Filters {
 public:
  explicit Filters(std::vector<std::unique_ptr<Filter>> all);
  const std::vector<Filter*>& request() const { return request_; }
  const std::vector<Filter*>& response() const { return response_; }

 private:
  std::vector<std::unique_ptr<Filter>> all_;
  std::vector<Filter*> request_;
  std::vector<Filter*> response_;
};

}  // namespace weir::proxy
