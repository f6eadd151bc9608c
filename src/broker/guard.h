// Guard: what must not leave as it is, found in whatever way it is written: placeholders and secrets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flow/secret_finder.h"

namespace weir::broker {

/// A thing that was found; `binding` is a number in Bindings.
struct Guarded {
  enum class What : std::uint8_t { placeholder, secret };
  std::size_t binding = 0;
  What what = What::placeholder;
  friend bool operator==(const Guarded&, const Guarded&) = default;
};

/// What may pass all the same: secrets, on the way to where they belong.
class Allowed {
 public:
  void add(Guarded thing) { things_.push_back(thing); }
  bool has(Guarded thing) const;

 private:
  std::vector<Guarded> things_;
};

/// Immutable once compiled; for any number of threads. What a body's own compression or encryption hides is
/// not found.
class Guard {
 public:
  /// Shorter secrets are not looked for: they would be found everywhere.
  static constexpr std::size_t kShortest = 8;

  void add(Guarded thing, std::string_view value);
  /// Once, after the last add.
  void compile() { finder_.compile(); }

  /// The first that may not pass.
  std::optional<Guarded> find(std::string_view text, const Allowed& allowed) const;
  /// Where what may be the beginning of one stands at the end of `text`; its size where none does.
  std::size_t unfinished(std::string_view text) const { return finder_.unfinished(text); }

 private:
  flow::SecretFinder finder_;
};

}  // namespace weir::broker
