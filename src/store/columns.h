// Binding and reading the columns of a row from left to right.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "llm/model_call.h"
#include "store/sqlite.h"

namespace weir::store {

/// "INSERT INTO table(columns) VALUES (?, ...)".
std::string insert_into(std::string_view table, std::string_view columns);

/// Binds the columns of a row in their order. What is empty or not there is NULL; counts never are.
class Columns {
 public:
  explicit Columns(Statement& statement) : statement_(statement) {}

  Columns& count(std::int64_t value) {
    statement_.bind(next_++, value);
    return *this;
  }
  Columns& count(std::uint64_t value) { return count(static_cast<std::int64_t>(value)); }
  Columns& truth(bool value) { return count(std::int64_t{value}); }
  Columns& text(std::string_view value) {
    value.empty() ? statement_.bind_null(next_) : statement_.bind_text(next_, value);
    ++next_;
    return *this;
  }
  template <typename Number>
  Columns& number(const std::optional<Number>& value) {
    value ? statement_.bind(next_, static_cast<std::int64_t>(*value)) : statement_.bind_null(next_);
    ++next_;
    return *this;
  }
  Columns& unless_zero(std::uint64_t value) {
    return number(value == 0 ? std::nullopt : std::optional(value));
  }
  Columns& micros(Duration time) {
    return count(std::int64_t{std::chrono::duration_cast<std::chrono::microseconds>(time).count()});
  }
  Columns& time(const std::optional<Duration>& value) {
    if (value) return micros(*value);
    return number(std::optional<std::int64_t>());
  }
  Columns& preview(const llm::Preview& value) { return text(value.text).count(value.bytes); }

 private:
  Statement& statement_;
  int next_ = 1;
};

/// Reads them in their order.
class Cells {
 public:
  explicit Cells(const Statement& row, int first = 0) : row_(row), next_(first) {}

  std::string text() { return std::string(row_.bytes(next_++)); }
  std::int64_t integer() { return row_.integer(next_++); }
  std::uint64_t natural() { return static_cast<std::uint64_t>(integer()); }
  bool truth() { return integer() != 0; }
  Duration micros() { return std::chrono::microseconds(integer()); }
  std::optional<std::int64_t> number() {
    int column = next_++;
    return row_.is_null(column) ? std::nullopt : std::optional(row_.integer(column));
  }

 private:
  const Statement& row_;
  int next_;
};

/// Hands over each row that the statement still has.
template <typename Each>
Result<> each_row(Statement& select, const Each& each) {
  for (;;) {
    auto row = select.step();
    if (!row) return pass(row);
    if (!*row) return {};
    each(select);
  }
}

/// What `write` says in JSON, or nothing.
template <typename Write>
std::string json_text(bool any, const Write& write) {
  std::string out;
  if (!any) return out;
  JsonWriter json(out);
  write(json);
  return out;
}

}  // namespace weir::store
