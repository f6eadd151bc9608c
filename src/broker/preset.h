// Presets: services whose tokens are known: where they go, in which fields, and what they look like.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/binding.h"

namespace weir::broker {

enum class Alphabet : unsigned char { base62, upper_base32 };

/// What a token looks like: programs check the beginning and the length of some.
struct Shape {
  std::string_view prefix;
  std::size_t size = 0;  ///< in all
  Alphabet alphabet = Alphabet::base62;
};

struct Preset {
  std::string_view name;
  std::string_view title;               ///< a few words for people
  std::vector<std::string_view> hosts;  ///< empty: for the user to name
  std::vector<std::string_view> fields;
  std::vector<std::string_view> parameters;
  std::string_view injected;                ///< Binding::injected, where that is asked for
  std::vector<std::string_view> variables;  ///< of the environment, in which programs look for it
  Shape shape;
  Use use = Use::spoken;
};

std::span<const Preset> presets();
/// Null when there is none of that name.
const Preset* find_preset(std::string_view name);

/// A text of this shape that stands for a secret: "weir" behind the prefix, so that people see what it is,
/// then what `key` and `name` make, always the same. Whoever lacks the key cannot guess it.
std::string placeholder(std::string_view key, std::string_view name, const Shape& shape);

}  // namespace weir::broker
