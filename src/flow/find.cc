#include "flow/find.h"

#include <algorithm>
#include <utility>

namespace weir::flow {

void append_merged(Finds& finds, const Find& find) {
  Find* last = finds.empty() ? nullptr : &finds.back();
  if (last && (find.begin < last->end || (find.begin == last->end && find.rule == last->rule)))
    last->end = std::max(last->end, find.end);
  else
    finds.push_back(find);
}

void merge(Finds& finds) {
  std::ranges::sort(finds, {}, [](const Find& find) { return std::pair(find.begin, find.rule); });
  Finds merged;
  for (const Find& find : finds) append_merged(merged, find);
  finds = std::move(merged);
}

}  // namespace weir::flow
