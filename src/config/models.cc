#include "config/models.h"

#include <algorithm>

#include "base/ascii.h"
#include "config/row.h"
#include "config/token_price.h"

namespace weir::config {
namespace {

/// A name as those that are built in are written.
struct Id {
  static std::string accepts() { return "a name in quotes, such as \"anthropic\""; }
  static bool parse(const Scalar& scalar, const Place&, std::string& out) {
    if (scalar.type != Scalar::Type::string || scalar.text.empty()) return false;
    out = lower(scalar.text);
    return true;
  }
};

struct OneStar {
  static std::string accepts() { return "a host with at most one *, such as \"*.llm.example\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    bool port_or_path = scalar.text.find_first_of(":/ ") != std::string::npos;
    return std::ranges::count(scalar.text, '*') <= 1 && !port_or_path && Id::parse(scalar, place, out);
  }
};

struct Units {
  const char* key;
  std::optional<std::int64_t> ModelPrice::* price;
};
constexpr Units kCached[] = {{"cache_read", &ModelPrice::cache_read},
                             {"cache_write", &ModelPrice::cache_write},
                             {"cache_write_1h", &ModelPrice::cache_write_1h}};

Member member(const char* name, const std::string& text) { return {name, text_value(text)}; }

template <typename T>
std::vector<T> joined(const std::array<std::vector<T>, 5>& layers) {
  std::vector<T> out;
  for (const auto& layer : layers) out.insert(out.end(), layer.begin(), layer.end());
  return out;
}

}  // namespace

Complaints read_model_hosts(const Value& value, const Place& place, std::vector<ModelHost>& out) {
  Complaints complaints;
  for (const Scalar& item : value.items) {
    ModelHost& host = out.emplace_back();
    Row row(item, "", place, complaints);
    if (!row.is_table("[[models.hosts]] with a pattern and a provider")) continue;
    row.require<OneStar>("pattern", host.pattern);
    row.require<Id>("provider", host.provider);
    row.finish();
  }
  return complaints;
}

Complaints read_model_prices(const Value& value, const Place& place, std::vector<ModelPrice>& out) {
  Complaints complaints;
  for (const Scalar& item : value.items) {
    ModelPrice& price = out.emplace_back();
    Row row(item, "", place, complaints);
    if (!row.is_table("[[models.prices]] with a model, input and output")) continue;
    row.read<Id>("provider", price.provider);
    row.require<Id>("model", price.model);
    row.require<TokenPrice>("input", price.input);
    row.require<TokenPrice>("output", price.output);
    for (const Units& each : kCached) row.read<TokenPrice>(each.key, price.*each.price);
    row.finish();
  }
  return complaints;
}

Scalar to_table(const ModelHost& host) {
  Scalar out{Scalar::Type::table, ""};
  out.members = {member("pattern", host.pattern), member("provider", host.provider)};
  return out;
}

Scalar to_table(const ModelPrice& price) {
  Scalar out{Scalar::Type::table, ""};
  if (!price.provider.empty()) out.members.push_back(member("provider", price.provider));
  out.members.push_back(member("model", price.model));
  out.members.push_back({"input", TokenPrice::show(price.input)});
  out.members.push_back({"output", TokenPrice::show(price.output)});
  for (const Units& each : kCached)
    if (auto cached = price.*each.price) out.members.push_back({each.key, TokenPrice::show(*cached)});
  return out;
}

std::vector<ModelHost> all_hosts(const ModelSettings& settings) { return joined(settings.hosts); }
std::vector<ModelPrice> all_prices(const ModelSettings& settings) { return joined(settings.prices); }

}  // namespace weir::config
