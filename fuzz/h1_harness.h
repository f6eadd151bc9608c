// Reads one HTTP/1 message out of parts of bytes, as a connection would.
#pragma once

#include <string>

#include "harness.h"
#include "http/h1/body_decoder.h"
#include "http/h1/head.h"

namespace weir::fuzz {

/// Small, so that the fuzzer reaches the limits.
inline constexpr http::h1::Limits kLimits{.head_bytes = 2048, .target_bytes = 256, .fields = 16};

inline std::string code_of(const Error& error) { return std::string(info(error.code()).name); }

inline std::string text_of(const http::Fields& fields) {
  std::string out;
  for (http::Fields::View field : fields)
    out.append(field.name).append(": ").append(field.value).append("\n");
  return out;
}

/// What came of a body: all of it that matters, in one comparable text.
struct BodyOutcome {
  std::string verdict;  ///< "done", "more" or the name of a code
  std::string
      body;  ///< compared only when there was no error: how much is handed out before one depends on the cut
  std::string trailers;
  std::size_t consumed = 0;

  friend bool operator==(const BodyOutcome&, const BodyOutcome&) = default;
};

inline BodyOutcome read_body(const std::vector<std::string_view>& parts, http::h1::BodyLength length,
                             Side side) {
  http::h1::BodyDecoder decoder(length, side);
  BodyOutcome out;
  for (std::string_view part : parts) {
    while (!part.empty() && !decoder.done()) {
      auto step = decoder.step(part);
      if (!step) return {.verdict = code_of(step.error())};
      require(step->consumed > 0 && step->consumed <= part.size(), "a step makes progress within its input");
      require(step->data.empty() || (step->data.begin() >= part.begin() && step->data.end() <= part.end()),
              "data is a view into the input");
      out.body.append(step->data);
      out.consumed += step->consumed;
      part.remove_prefix(step->consumed);
    }
  }
  out.verdict = decoder.done() ? "done" : "more";
  out.trailers = text_of(decoder.trailers());
  return out;
}

/// The length of the head that comes in `parts`, "more", or the name of a code.
inline std::string scan_head(const std::vector<std::string_view>& parts) {
  http::h1::HeadScanner scanner(kLimits);
  std::string buffer;
  for (std::string_view part : parts) {
    buffer.append(part);
    auto length = scanner.scan(buffer);
    if (!length) return code_of(length.error());
    if (*length) return std::to_string(**length);
  }
  return "more";
}

/// The head at the start of `input`, or nothing; checks that the answer is the same for every cut.
inline std::string_view find_head(std::string_view input) {
  std::string whole = scan_head({input});
  for_each_cut(input, [&](const auto& parts) {
    require(scan_head(parts) == whole, "a head ends at the same place however it is cut");
  });
  http::h1::HeadScanner scanner(kLimits);
  auto length = scanner.scan(input);
  if (!length || !*length) return {};
  require(**length <= kLimits.head_bytes && **length <= input.size(), "a head is within its limits");
  return input.substr(0, **length);
}

inline void check_body(std::string_view input, http::h1::BodyLength length, Side side) {
  BodyOutcome whole = read_body({input}, length, side);
  for_each_cut(input, [&](const auto& parts) {
    require(read_body(parts, length, side) == whole, "a body is the same however it is cut");
  });
}

}  // namespace weir::fuzz
