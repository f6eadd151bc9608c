#include "broker/aws_chunks.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "http/syntax.h"

namespace weir::broker {
namespace {

constexpr std::string_view kChunkSignature = ";chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";
constexpr std::size_t kSignature = 64;
constexpr std::size_t kMostDigits = 8;
constexpr std::size_t kMostSizeLine = kMostDigits + kChunkSignature.size() + kSignature + 2;
constexpr std::size_t kMostTrailerLine = 4096;

bool is_hex_digit(char c) { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f'); }

bool is_signature(std::string_view text) {
  return text.size() == kSignature && std::ranges::all_of(text, is_hex_digit);
}

}  // namespace

Failure AwsChunkSigner::broken(std::string why) {
  at_ = At::broken;
  return fail(Code::bad_chunk,
              "aws-chunked body, before byte " + std::to_string(offset_) + ": " + std::move(why));
}

Result<> AwsChunkSigner::feed(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    if (at_ == At::broken) return broken("it was broken before");
    std::size_t before = bytes.size();
    if (at_ == At::end) return broken("bytes after its end");
    auto taken = at_ == At::data ? take_data(bytes, out) : take_line(bytes, out);
    offset_ += before - bytes.size();
    if (!taken) return taken;
  }
  return {};
}

Result<> AwsChunkSigner::end() const {
  if (finished()) return {};
  return fail(Code::body_incomplete, "aws-chunked body that ends after " + std::to_string(offset_) +
                                         " bytes, within a " +
                                         (at_ == At::trailer || at_ == At::last_line ? "trailer" : "chunk"));
}

Result<> AwsChunkSigner::take_data(std::string_view& bytes, std::string& out) {
  std::string_view part = bytes.substr(0, size_ - held_.size());
  bytes.remove_prefix(part.size());
  // A chunk that is there as a whole need not be copied to be held.
  bool held = !held_.empty() || part.size() < size_;
  if (held) held_.append(part);
  if (held && held_.size() < size_) return {};
  sign_chunk(held ? held_ : part, out);
  held_.clear();
  at_ = At::after_data;
  return {};
}

Result<> AwsChunkSigner::take_line(std::string_view& bytes, std::string& out) {
  std::size_t most = at_ == At::size_line ? kMostSizeLine : at_ == At::trailer ? kMostTrailerLine : 2;
  std::size_t end = bytes.find('\n');
  std::string_view part = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
  if (line_.size() + part.size() > most) return broken("a line that is longer than what belongs there");
  line_.append(part);
  bytes.remove_prefix(part.size());
  if (end == std::string_view::npos) return {};
  if (!line_.ends_with("\r\n")) return broken("a line that does not end in CR LF");
  std::string whole;
  whole.swap(line_);
  return line(std::string_view(whole).substr(0, whole.size() - 2), out);
}

Result<> AwsChunkSigner::line(std::string_view text, std::string& out) {
  if (at_ == At::size_line) return size_line(text, out);
  if (at_ == At::trailer) return trailer_line(text, out);
  if (!text.empty()) return broken("bytes where an empty line belongs");
  out += "\r\n";
  at_ = at_ == At::after_data ? At::size_line : At::end;
  return {};
}

Result<> AwsChunkSigner::size_line(std::string_view text, std::string& out) {
  std::size_t digits = std::min(text.find(';'), text.size());
  std::string_view rest = text.substr(digits);
  if (!rest.starts_with(kChunkSignature) || !is_signature(rest.substr(kChunkSignature.size())))
    return broken("a line that is not SIZE;chunk-signature= and 64 hexadecimal digits");
  size_text_ = text.substr(0, digits);
  auto [last, error] = std::from_chars(text.data(), text.data() + digits, size_, 16);
  if (digits == 0 || digits > kMostDigits || !std::ranges::all_of(size_text_, is_hex_digit) ||
      error != std::errc() || last != text.data() + digits)
    return broken("a size that is not 1 to " + std::to_string(kMostDigits) + " hexadecimal digits");
  if (size_ > kMostChunk)
    return broken("a chunk of " + std::to_string(size_) + " bytes; at most " + std::to_string(kMostChunk) +
                  " can be signed again, so let the client send smaller ones");
  at_ = At::data;
  if (size_ > 0) return {};
  sign_chunk({}, out);
  at_ = trailer_ ? At::trailer : At::last_line;
  return {};
}

void AwsChunkSigner::sign_chunk(std::string_view data, std::string& out) {
  static const std::string kEmpty = hex_sha256("");
  seed_.signature = seed_.key.sign("AWS4-HMAC-SHA256-PAYLOAD\n" + seed_.time + "\n" + seed_.scope + "\n" +
                                   seed_.signature + "\n" + kEmpty + "\n" + hex_sha256(data));
  out.append(size_text_).append(kChunkSignature).append(seed_.signature).append("\r\n").append(data);
}

Result<> AwsChunkSigner::trailer_line(std::string_view text, std::string& out) {
  trailer_bytes_ += text.size() + 2;
  if (trailer_bytes_ > kMostTrailer)
    return broken("a trailer of more than " + std::to_string(kMostTrailer) + " bytes");
  std::size_t colon = std::min(text.find(':'), text.size());
  std::string name = lower(text.substr(0, colon));
  if (colon == text.size() || !http::is_token(name) || http::find_control(text) != text.size())
    return broken(text.empty() ? "a trailer without x-amz-trailer-signature" : "a trailer that is no field");
  std::string_view value = text.substr(colon + 1);
  if (name == kTrailerSignature) {
    if (!is_signature(value)) return broken("x-amz-trailer-signature is not 64 hexadecimal digits");
    out.append(text.substr(0, colon + 1)).append(sign_trailer()).append("\r\n");
    at_ = At::last_line;
    return {};
  }
  trailers_.emplace_back(std::move(name), trim_ows(value));
  out.append(text).append("\r\n");
  return {};
}

std::string AwsChunkSigner::sign_trailer() {
  std::ranges::sort(trailers_);
  std::string canonical;
  for (const auto& [name, value] : trailers_) canonical.append(name).append(":").append(value).append("\n");
  seed_.signature = seed_.key.sign("AWS4-HMAC-SHA256-TRAILER\n" + seed_.time + "\n" + seed_.scope + "\n" +
                                   seed_.signature + "\n" + hex_sha256(canonical));
  return seed_.signature;
}

}  // namespace weir::broker
