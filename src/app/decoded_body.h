// DecodedBody: the body of a message with its content coding undone, piece by piece, for who looks on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/content/decoder.h"
#include "http/fields.h"

namespace weir::app {

/// The coding of a JSON body by how it begins, where no field says it (Codex sends zstd so); empty for none.
inline std::string_view coding_of(std::string_view beginning) {
  using namespace std::string_view_literals;
  if (beginning.starts_with("\x28\xb5\x2f\xfd"sv)) return "zstd";
  return beginning.starts_with("\x1f\x8b\x08"sv) ? "gzip" : "";
}

/// Plain where it has no coding. Not thread-safe.
class DecodedBody {
 public:
  /// Streams go on for hours; what they come to decoded is bounded by what their readers keep.
  static constexpr std::uint64_t kNoLimit = UINT64_MAX;

  explicit DecodedBody(const http::Fields& fields, std::uint64_t limit = kNoLimit) {
    std::string_view coding = fields.get("content-encoding").value_or("");
    if (!coding.empty()) decode(coding, limit);
  }
  void decode(std::string_view coding, std::uint64_t limit) {
    auto made = http::content::Decoder::make(coding, limit);
    if (made)
      decoder_ = std::move(*made);
    else
      problem_ = made.error().context();
  }

  template <typename Use>
  void feed(std::string_view part, const Use& use) {
    if (!problem_.empty()) return;
    if (!decoder_) return use(part);
    decoder_->feed(part);
    for (auto text = decoder_->next(); !text.empty(); text = decoder_->next()) use(text);
    if (decoder_->ending() == http::content::Ending::corrupt) problem_ = "its coding is corrupt";
  }
  /// Why there is no more of it; empty while all is well.
  const std::string& problem() const { return problem_; }

 private:
  std::optional<http::content::Decoder> decoder_;
  std::string problem_;
};

/// The beginning of a request's body, decoded.
class RequestText {
 public:
  RequestText(const http::Fields& fields, std::size_t most)
      : most_(most), body_(fields, most + 1), sniffed_(fields.has("content-encoding")) {}

  void feed(std::string_view part) {
    if (sniffed_) return take(part);
    beginning_ += part;
    constexpr std::size_t kMagic = 4;
    bool text = !beginning_.starts_with('\x28') && !beginning_.starts_with('\x1f');
    if (beginning_.size() < kMagic && !text) return;
    sniffed_ = true;
    if (auto coding = coding_of(beginning_); !coding.empty()) body_.decode(coding, most_ + 1);
    take(std::exchange(beginning_, {}));
  }
  const std::string& text() const { return sniffed_ ? text_ : beginning_; }
  bool cut() const { return cut_ || !body_.problem().empty(); }
  void forget() { std::string().swap(text_), std::string().swap(beginning_); }

 private:
  void take(std::string_view part) {
    body_.feed(part, [this](std::string_view more) {
      std::size_t room = most_ - text_.size();
      cut_ |= more.size() > room;
      text_.append(more.substr(0, room));
    });
  }

  const std::size_t most_;
  DecodedBody body_;
  bool sniffed_;
  std::string beginning_;  // until it is enough to tell
  std::string text_;
  bool cut_ = false;
};

}  // namespace weir::app
