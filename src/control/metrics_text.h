// MetricsText: the text exposition format 0.0.4 of Prometheus.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace weir::control {

class MetricsText {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Begins a family: the samples that follow are its own. Names must be valid ones.
  MetricsText& counter(std::string_view name, std::string_view help) { return family(name, help, "counter"); }
  MetricsText& gauge(std::string_view name, std::string_view help) { return family(name, help, "gauge"); }
  /// Label values may be any text in UTF-8.
  MetricsText& sample(std::uint64_t value, Labels labels = {});
  std::string take() { return std::move(out_); }

 private:
  MetricsText& family(std::string_view name, std::string_view help, std::string_view type);

  std::string out_, name_;
};

}  // namespace weir::control
