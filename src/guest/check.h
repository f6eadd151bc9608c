// Check: whether everything between a program of the guest and the host's Weir works, layer by layer.
#pragma once

#include <string>
#include <vector>

#include "guest/host.h"

namespace weir::guest {

struct Layer {
  std::string name;   ///< "host: Weir answers there"
  std::string fault;  ///< empty = it works
  std::string mend;   ///< what to do about a fault
};

/// One layer after the other. Needs no right. Blocks, for some seconds a layer at most.
std::vector<Layer> check_layers(const HostAddress& host);

}  // namespace weir::guest
