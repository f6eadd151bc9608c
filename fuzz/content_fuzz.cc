// A body in some codings, the first byte says which, in every cut.
#include "harness.h"
#include "http/content/decoder.h"

namespace weir::fuzz {
namespace {

using http::content::Decoder;
using http::content::Ending;

constexpr std::string_view kCodings[] = {"gzip", "deflate",    "br",       "zstd",
                                         "",     "gzip, gzip", "br, zstd", "deflate, gzip, br, zstd"};
constexpr std::uint64_t kLimit = 64 * 1024;

struct Outcome {
  std::string text;
  Ending ending = Ending::open;
  bool garbage = false;
};

Outcome read_body(std::string_view codings, const std::vector<std::string_view>& parts) {
  auto decoder = Decoder::make(codings, kLimit);
  require(decoder.has_value(), "the codings are known");
  Outcome out;
  for (std::string_view part : parts) {
    decoder->feed(part);
    for (auto text = decoder->next(); !text.empty(); text = decoder->next()) {
      out.text.append(text);
      require(out.text.size() <= kLimit, "the limit holds");
    }
    require(decoder->ending() != Ending::whole, "nothing is whole before the end");
  }
  decoder->end();
  require(decoder->next().empty(), "the end gives nothing that was not there before");
  out.ending = decoder->ending();
  out.garbage = decoder->trailing_garbage();
  return out;
}

void check(std::string_view codings, std::string_view input) {
  const Outcome whole = read_body(codings, {input});
  require(whole.ending != Ending::open, "what has ended is not open");
  require(whole.ending != Ending::limit || codings.find(',') != std::string_view::npos ||
              whole.text.size() == kLimit,
          "a single coding stops at the limit");
  for_each_cut(input, [&](const std::vector<std::string_view>& parts) {
    Outcome cut = read_body(codings, parts);
    // Decoders keep a part of what precedes an error to themselves; how much, and so whether a limit comes
    // first, depends on the cut.
    bool broken = whole.ending == Ending::corrupt || cut.ending == Ending::corrupt;
    require(cut.ending == whole.ending ||
                (broken && (whole.ending == Ending::limit || cut.ending == Ending::limit)),
            "the ending does not depend on the cut");
    if (broken) {
      require(whole.text.starts_with(cut.text) || cut.text.starts_with(whole.text),
              "the text begins the same");
      return;
    }
    require(cut.text == whole.text, "the text does not depend on the cut");
    require(cut.garbage == whole.garbage, "what was left out does not depend on the cut");
  });
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  weir::fuzz::check(weir::fuzz::kCodings[data[0] % std::size(weir::fuzz::kCodings)], input.substr(1));
  return 0;
}
