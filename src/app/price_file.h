// The price table in force: the user's newer one where there is one, else the one built in.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "llm/price_table.h"

namespace weir::app {

/// data_root()/prices.json, which `weir prices update` writes.
Result<std::filesystem::path> price_file();

/// Reads the disk and takes some milliseconds: once, before threads are started, or off the loop. A file that
/// is no table any more is an error, never quietly passed over.
Result<llm::PriceTable> load_prices();

/// The table in `from`, whole, without putting it in force. Errors as of update_prices.
Result<llm::PriceTable> read_prices(const std::filesystem::path& from);

/// Puts the table in `from` in force; the answer is what it says. Nothing changes where it is no table, or
/// lacks one of the providers that the built-in table has.
Result<llm::PriceTable> update_prices(const std::filesystem::path& from);

}  // namespace weir::app
