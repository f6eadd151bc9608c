#include "proxy/filter.h"

namespace weir::proxy {

Filters::Filters(std::vector<std::unique_ptr<Filter>> all) : all_(std::move(all)) {
  for (auto& filter : all_) {
    if (filter->moments().request) request_.push_back(filter.get());
    if (filter->moments().response) response_.push_back(filter.get());
  }
}

}  // namespace weir::proxy
