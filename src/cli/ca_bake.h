// Baking: our CA in the root file system of a guest, so that its programs trust what Weir shows them.
#pragma once

#include <string>
#include <vector>

#include "cli/root_tree.h"
#include "tls/authority.h"

namespace weir::cli {

/// What was done to one file.
struct Baked {
  enum class Deed : std::uint8_t { put_in, taken_out, as_it_was };
  Deed deed;
  std::string path;
  std::string what;
};

/// Puts the CA where distributions take CAs from, into the bundles that are made of those, into each bundle
/// of Python's certifi, and into an environment file for what reads neither. Once more changes nothing; with
/// another CA replaces the one before. Stops at the first failure: what was done until then stays.
Result<std::vector<Baked>> bake(RootTree& root, const tls::Authority& authority);
/// Takes all of it out again; files that were there before are as before, ended by a line end.
Result<std::vector<Baked>> unbake(RootTree& root);

}  // namespace weir::cli
