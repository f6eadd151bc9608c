// An aws-chunked body from anybody; the first byte says whether it has a signed trailer. Invariants: however
// it is cut, what comes out is the same; it is as long as what went in, and comes out as it is when it is
// signed once more.
#include "broker/aws_chunks.h"
#include "harness.h"

namespace weir::fuzz {
namespace {

struct Outcome {
  std::string out;
  bool broken = false, finished = false;
  bool operator==(const Outcome&) const = default;
};

Outcome sign(const std::vector<std::string_view>& parts, bool trailer) {
  broker::AwsSeed seed{broker::AwsSigningKey("secret", "20130524", "us-east-1", "s3"), "20130524T000000Z",
                       "20130524/us-east-1/s3/aws4_request", std::string(64, 'a')};
  broker::AwsChunkSigner signer(std::move(seed), trailer);
  Outcome outcome;
  std::size_t given = 0;
  for (std::string_view part : parts) {
    given += part.size();
    outcome.broken = !signer.feed(part, outcome.out);
    if (outcome.broken) break;
    require(outcome.out.size() <= given, "no more comes out than went in");
  }
  outcome.finished = signer.finished();
  require(outcome.finished == signer.end().has_value(), "only what is finished ends well");
  require(!outcome.finished || outcome.broken || outcome.out.size() == given, "the length stays");
  if (outcome.broken) outcome.out.clear();
  return outcome;
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::fuzz;
  if (size == 0) return 0;
  bool trailer = (data[0] & 1) != 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  Outcome whole = sign({input}, trailer);
  for_each_cut(input, [&](const auto& parts) {
    require(sign(parts, trailer) == whole, "the same comes out however it is cut");
  });
  if (whole.finished) require(sign({whole.out}, trailer) == whole, "signing it once more changes nothing");
  return 0;
}
