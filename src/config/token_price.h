// TokenPrice: how prices are written in settings.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "base/ascii.h"
#include "config/fields.h"

namespace weir::config {

/// Dollars for a million tokens, in quotes where they have a fraction; kept as picodollars for one.
struct TokenPrice {
  static constexpr double kMost = 100'000;
  static constexpr std::int64_t kPerDollar = 1'000'000;  // picodollars for one, where a million cost a dollar

  static std::string accepts() { return "dollars for a million tokens, such as 15 or \"0.5\""; }
  static bool parse(const Scalar& scalar, const Place&, std::int64_t& out) {
    auto price = parse_fraction(scalar.text);
    if (!price || *price > kMost) return false;
    out = std::llround(*price * kPerDollar);
    return true;
  }
  static Value show(std::int64_t price) {
    std::string fraction = std::to_string(kPerDollar + price % kPerDollar).substr(1);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    return Value::string(std::to_string(price / kPerDollar) + (fraction.empty() ? "" : "." + fraction));
  }
};

}  // namespace weir::config
