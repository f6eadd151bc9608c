// The price table that is built in; tools/make_prices writes it.
#pragma once

#include <string>
#include <string_view>

namespace weir::llm {

/// For PriceTable::parse, which takes some milliseconds: asked for once, by whoever prices calls.
std::string price_data();

}  // namespace weir::llm
