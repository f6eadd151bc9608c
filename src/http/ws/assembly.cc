#include "http/ws/assembly.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"

namespace weir::http::ws {
namespace {

constexpr std::size_t kPiece = 8 * 1024;

}  // namespace

void Assembly::begin(Opcode opcode, bool compressed) {
  under_way_ = true;
  message_ = {.opcode = opcode, .compressed = compressed};
  room_ = limit_;
  if (unknown_extension_) {
    message_.problem = Problem::unknown_extension;
  } else if (compressed && lost_context_) {
    message_.problem = Problem::not_inflated;
  }
}

void Assembly::take(std::string_view part, Mask mask, std::uint64_t at) {
  message_.size += part.size();
  if (inflating()) {
    take_compressed(part, mask, at);
  } else {
    keep(part, mask, at);
  }
}

void Assembly::keep(std::string_view part, Mask mask, std::uint64_t at) {
  std::size_t kept = std::min(part.size(), room_);
  if (kept < part.size()) message_.truncated = true;
  if (kept == 0) return;
  room_ -= kept;
  std::size_t before = message_.bytes.size();
  message_.bytes.resize_and_overwrite(before + kept, [&](char* bytes, std::size_t) {
    unmask(bytes + before, part.substr(0, kept), mask, at);
    return before + kept;  // the argument may be the capacity in this library
  });
}

void Assembly::take_compressed(std::string_view part, Mask mask, std::uint64_t at) {
  std::array<char, kPiece> piece;
  while (!part.empty() && inflating() && !past_need()) {
    std::string_view masked = part.substr(0, kPiece);
    unmask(piece.data(), masked, mask, at);
    at += masked.size();
    part.remove_prefix(masked.size());
    inflate({piece.data(), masked.size()});
  }
}

void Assembly::inflate(std::string_view part) {
  if (!inflater_) inflater_ = std::make_unique<Inflater>(compression_.window_bits);
  std::array<char, kPiece> piece;
  while (true) {
    Inflater::Step step = inflater_->read(part, piece);
    keep({piece.data(), step.wrote});
    if (past_need()) return;
    if (step.problem != Problem::none) return give_up(step.problem);
    if (step.wrote < piece.size()) return;
  }
}

void Assembly::end_inflating(bool complete) {
  if (complete && inflating() && !past_need()) {
    if (std::string_view tail = inflater_->tail(); !tail.empty()) inflate(tail);
    if (inflater_ && !past_need() && !inflater_->end_message()) give_up(Problem::bad_compression);
  }
  if (!compression_.context_kept) inflater_.reset();
}

void Assembly::give_up(Problem problem) {
  message_.problem = problem;
  message_.truncated = true;
  room_ = 0;
  lost_context_ = compression_.context_kept;
  inflater_.reset();
}

Message Assembly::end(bool complete) {
  if (inflater_) end_inflating(complete);
  under_way_ = false;
  if (message_.problem == Problem::none) {
    if (!complete) {
      message_.problem = Problem::incomplete;
    } else if (message_.opcode == Opcode::text && !is_utf8(message_.bytes, message_.truncated)) {
      message_.problem = Problem::invalid_utf8;
    }
  }
  return std::exchange(message_, {});
}

void Assembly::let_go() {
  message_.truncated |= message_.size > 0;
  std::string().swap(message_.bytes);
  room_ = 0;
}

void Assembly::keep_nothing() {
  let_go();
  limit_ = 0;
  lost_context_ = true;
  if (message_.compressed) message_.problem = Problem::not_inflated;
  inflater_.reset();
}

}  // namespace weir::http::ws
