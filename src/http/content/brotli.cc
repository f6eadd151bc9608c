#include <brotli/decode.h>

#include "http/content/coding.h"

namespace weir::http::content {
namespace {

// At an error the decoder keeps to itself what it has since it last wanted more: so it is fed by the
// spoonful.
constexpr std::size_t kSpoon = 512;

class Brotli final : public Coding {
 public:
  Step step(std::string_view in, std::span<char> out) override {
    if (ended_) return leave_out(in);
    if (!state_) return {.good = false};
    in = in.substr(0, kSpoon);
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    auto* next_out = reinterpret_cast<std::uint8_t*>(out.data());
    std::size_t in_left = in.size();
    std::size_t out_left = out.size();
    BrotliDecoderResult status =
        BrotliDecoderDecompressStream(state_.get(), &in_left, &next_in, &out_left, &next_out, nullptr);
    ended_ = status == BROTLI_DECODER_RESULT_SUCCESS;
    inside_ = !ended_;
    return {in.size() - in_left, out.size() - out_left, status != BROTLI_DECODER_RESULT_ERROR};
  }

 private:
  std::unique_ptr<BrotliDecoderState, decltype(&BrotliDecoderDestroyInstance)> state_{
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), &BrotliDecoderDestroyInstance};
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Coding> make_brotli() { return std::make_unique<Brotli>(); }

}  // namespace weir::http::content
