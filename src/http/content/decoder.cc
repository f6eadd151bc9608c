// Text is pulled through the stages: each asks the one before it for input only when it has used up what it
// has, so one buffer a stage is all that lies between them, and a bomb stops where its limit does.
#include "http/content/decoder.h"

#include <algorithm>
#include <ranges>

#include "base/ascii.h"
#include "http/content/coding.h"

namespace weir::http::content {
namespace {

constexpr std::size_t kMaxCodings = 4;
constexpr std::size_t kPiece = 16 * 1024;

std::unique_ptr<Coding> make_coding(std::string_view name) {
  if (iequals(name, "gzip") || iequals(name, "x-gzip")) return make_gzip();
  if (iequals(name, "deflate")) return make_deflate();
  if (iequals(name, "br")) return make_brotli();
  if (iequals(name, "zstd")) return make_zstd();
  return nullptr;
}

}  // namespace

struct Decoder::Stage {
  std::unique_ptr<Coding> coding;
  std::vector<char> buffer;
  std::string_view input = {};    // what the stage before gave and is not used up
  std::uint64_t bytes = 0;        // given so far
  bool held_back = false;         // the buffer came back full
  Ending stopped = Ending::open;  // corrupt or limit
};

Decoder::Decoder(std::uint64_t limit) : limit_(limit) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::make(std::string_view coding_list, std::uint64_t limit) {
  std::vector<std::string_view> names;
  for_each_element(coding_list, [&](std::string_view name) {
    if (!iequals(name, "identity")) names.push_back(name);
  });
  if (names.size() > kMaxCodings) return fail(Code::not_found, "a body of more than four content codings");
  Decoder out(limit);
  for (std::string_view name : names | std::views::reverse) {
    auto coding = make_coding(name);
    if (!coding) return fail(Code::not_found, "content coding \"" + std::string(name) + "\"");
    out.stages_.push_back({std::move(coding), {}});
  }
  return out;
}

std::string_view Decoder::next() { return stages_.empty() ? give_identity() : pull(stages_.size()); }

std::string_view Decoder::give_identity() {
  std::string_view text = std::exchange(input_, {});
  std::uint64_t room = limit_ - std::min(limit_, identity_bytes_);
  identity_bytes_ += text.size();
  return text.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(room, text.size())));
}

// The next text that the first `count` stages give.
std::string_view Decoder::pull(std::size_t count) {
  if (count == 0) return std::exchange(input_, {});
  Stage& stage = stages_[count - 1];
  while (stage.stopped == Ending::open) {
    if (stage.input.empty() && !stage.held_back) {
      stage.input = pull(count - 1);
      if (stage.input.empty()) break;
    }
    // One byte more than may be given tells a text that ends at the limit from one that goes on.
    std::uint64_t room = limit_ - stage.bytes;
    std::size_t size = room < kPiece ? static_cast<std::size_t>(room) + 1 : kPiece;
    if (stage.buffer.size() < size) stage.buffer.resize(size);
    Coding::Step step = stage.coding->step(stage.input, std::span(stage.buffer).first(size));
    stage.input.remove_prefix(step.consumed);
    stage.held_back = step.produced == size;
    if (!step.good) stage.stopped = Ending::corrupt;
    if (step.produced > room) {
      stage.stopped = Ending::limit;
      --step.produced;
    }
    stage.bytes += step.produced;
    if (step.produced > 0) return {stage.buffer.data(), step.produced};
  }
  return {};
}

Ending Decoder::ending() const {
  for (const Stage& stage : stages_)
    if (stage.stopped != Ending::open) return stage.stopped;
  if (identity_bytes_ > limit_) return Ending::limit;
  if (!ended_) return Ending::open;
  bool cut = std::ranges::any_of(stages_, [](const Stage& stage) { return stage.coding->inside(); });
  return cut ? Ending::truncated : Ending::whole;
}

bool Decoder::trailing_garbage() const {
  return std::ranges::any_of(stages_, [](const Stage& stage) { return stage.coding->garbage(); });
}

Result<Decoded> decode(std::string_view coding_list, std::string_view bytes, std::uint64_t limit) {
  auto decoder = Decoder::make(coding_list, limit);
  if (!decoder) return pass(decoder);
  Decoded out;
  decoder->feed(bytes);
  for (auto text = decoder->next(); !text.empty(); text = decoder->next()) out.text.append(text);
  decoder->end();
  out.ending = decoder->ending();
  out.trailing_garbage = decoder->trailing_garbage();
  if (out.ending == Ending::corrupt && out.text.empty())
    return fail(Code::io, std::string(coding_list) + ": the body cannot be decoded");
  return out;
}

}  // namespace weir::http::content
