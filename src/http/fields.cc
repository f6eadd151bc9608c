#include "http/fields.h"

#include <algorithm>

#include "base/secret_bytes.h"

namespace weir::http {

Fields& Fields::operator=(const Fields& other) {
  if (this == &other) return *this;
  wipe();
  arena_ = other.arena_;
  entries_ = other.entries_;
  secret_ = other.secret_;
  return *this;
}

Fields& Fields::operator=(Fields&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  arena_ = std::move(other.arena_);
  entries_ = std::move(other.entries_);
  secret_ = other.secret_;
  return *this;
}

void Fields::overwrite() { zero(arena_); }

void Fields::reserve(std::size_t count, std::size_t bytes) {
  entries_.reserve(count);
  if (bytes > arena_.capacity()) grow(bytes);
}

void Fields::grow(std::size_t capacity) {
  std::string grown;
  grown.reserve(capacity);
  grown.append(arena_);
  wipe();
  arena_ = std::move(grown);
}

void Fields::add_secret(std::string_view name, std::string_view value) {
  // Never in the few bytes that a string has of its own, which moving it would leave behind.
  constexpr std::size_t kElsewhere = 64;
  if (arena_.capacity() < kElsewhere) grow(kElsewhere);
  secret_ = true;
  add(name, value);
  entries_.back().secret = true;
}

void Fields::add(std::string_view name, std::string_view value) {
  auto start = static_cast<std::uint32_t>(arena_.size());
  std::size_t needed = arena_.size() + name.size() + value.size();
  if (needed <= arena_.capacity()) {
    arena_.append(name).append(value);
  } else {
    // `name` and `value` may be views into the old arena, so that one stays until they are copied.
    std::string grown;
    grown.reserve(std::max(needed, 2 * arena_.capacity()));
    grown.append(arena_).append(name).append(value);
    wipe();
    arena_ = std::move(grown);
  }
  auto name_size = static_cast<std::uint32_t>(name.size());
  entries_.push_back({{start, name_size}, {start + name_size, static_cast<std::uint32_t>(value.size())}});
}

std::size_t Fields::find(std::string_view name) const {
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (iequals(text(entries_[i].name), name)) return i;
  return entries_.size();
}

std::size_t Fields::remove(std::string_view name) {
  return std::erase_if(entries_, [&](const Entry& entry) { return iequals(text(entry.name), name); });
}

void Fields::set(std::string_view name, std::string_view value) {
  std::size_t at = find(name);
  add(name, value);  // at the end; moves to its place below
  if (at + 1 == entries_.size()) return;
  Entry fresh = entries_.back();
  entries_.pop_back();
  entries_[at].value = fresh.value;
  name = text(fresh.name);
  auto duplicate = [&](const Entry& entry) { return iequals(text(entry.name), name); };
  entries_.erase(
      std::remove_if(entries_.begin() + static_cast<std::ptrdiff_t>(at) + 1, entries_.end(), duplicate),
      entries_.end());
}

std::optional<std::string_view> Fields::get(std::string_view name) const {
  std::size_t at = find(name);
  if (at == entries_.size()) return std::nullopt;
  return text(entries_[at].value);
}

std::size_t Fields::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(entries_, [&](const Entry& entry) { return iequals(text(entry.name), name); }));
}

bool Fields::has_token(std::string_view name, std::string_view token) const {
  bool found = false;
  for (View field : *this) {
    if (!iequals(field.name, name)) continue;
    for_each_element(field.value,
                     [&](std::string_view element) { found = found || iequals(element, token); });
  }
  return found;
}

void Fields::clear() {
  wipe();
  entries_.clear();
  arena_.clear();
  secret_ = false;
}

}  // namespace weir::http
