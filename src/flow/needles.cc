// Every needle has four bytes at least. At each place of the text the next four are hashed and looked up in
// 8 KiB of bits, which stay in the nearest cache; hardly any place goes further. The time is that of one
// pass, and does not depend on what the text holds until it holds the beginning of a needle.
#include "flow/needles.h"

#include <algorithm>
#include <cstring>

#include "base/ascii.h"
#include "base/hash.h"

namespace weir::flow {
namespace {

std::uint32_t head_at(const char* text) {
  std::uint32_t head;
  std::memcpy(&head, text, sizeof head);
  return head;
}

bool is_base64(char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '/' || c == '-' || c == '_'; }

std::string replaced(std::string text, char from, char to) {
  std::ranges::replace(text, from, to);
  return text;
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return text;
}

// As the writers of JSON escape it, with or without "/".
std::string json_escaped(std::string_view text, std::string_view marks) {
  constexpr std::string_view kMeant = "\b\f\n\r\t";
  constexpr std::string_view kLetters = "bfnrt";
  std::string out;
  out.reserve(2 * text.size());  // what growing leaves behind nobody would zero
  for (char c : text) {
    std::size_t letter = kMeant.find(c);
    if (letter != kMeant.npos || marks.contains(c)) out += '\\';
    out += letter == kMeant.npos ? c : kLetters[letter];
  }
  return out;
}

// Every byte as "\u00XX".
std::string json_units(std::string_view hexed) {
  std::string out;
  out.reserve(3 * hexed.size());
  for (std::size_t i = 0; i < hexed.size(); i += 2) out.append("\\u00").append(hexed.substr(i, 2));
  return out;
}

}  // namespace

void Needles::add_form(std::string text, std::uint32_t rule, bool before, bool after) {
  auto same = [&](const Form& form) { return form.rule == rule && form.text == text; };
  if (std::ranges::any_of(forms_, same)) return zero(text);
  Form& form = forms_.emplace_back();
  form.text = std::move(text);
  form.rule = rule;
  form.before = before;
  form.after = after;
}

char* Needles::take_memory(std::size_t size) {
  if (auto memory = SecretBytes::make(size)) {
    texts_ = std::move(*memory);
    return texts_.room().data();
  }
  constexpr std::size_t kElsewhere = 64;  // not in the string itself, which moves
  plain_texts_.resize(std::max(size, kElsewhere));
  return plain_texts_.data();
}

// A value stands 0, 1 or 2 bytes behind a border of three. Of its base64 only those characters are needles
// whose six bits are all its own.
void Needles::add_base64(std::string_view value, std::uint32_t rule) {
  for (std::size_t behind = 0; behind < 3; ++behind) {
    std::string shifted;
    shifted.reserve(behind + value.size());
    shifted.append(behind, '\0').append(value);
    std::string whole = base64(shifted);
    std::size_t first_bit = 8 * behind, last_bit = 8 * (behind + value.size());
    std::size_t begin = (first_bit + 5) / 6, end = last_bit / 6;
    std::string text = whole.substr(begin, end - begin);
    bool before = first_bit % 6 != 0, after = last_bit % 6 != 0;
    add_form(text, rule, before, after);
    add_form(replaced(replaced(text, '+', '-'), '/', '_'), rule, before, after);
    for (std::string* copy : {&shifted, &whole, &text}) zero(*copy);
  }
}

void Needles::add(std::string_view value, std::uint32_t rule) {
  std::string hexed = hex(value);
  add_form(std::string(value), rule);
  add_form(lower(value), rule);
  add_form(replaced(std::string(value), ' ', '+'), rule);
  // Undoing escapes finds these where they are read from their first character on, but what stands before may
  // be half of an escape itself.
  add_form(json_escaped(value, "\"\\"), rule);
  add_form(json_escaped(value, "\"\\/"), rule);
  add_form(json_units(hexed), rule);
  std::string capital = upper(hexed);
  add_form(json_units(capital), rule);
  add_base64(value, rule);
  add_form(std::move(capital), rule);
  add_form(std::move(hexed), rule);
}

void Needles::build() {
  if (forms_.empty()) return;
  std::size_t size = 0;
  for (const Form& form : forms_) size += form.text.size();
  char* to = take_memory(size);
  for (const Form& form : forms_) {
    std::ranges::copy(form.text, to);
    needles_.push_back({{to, form.text.size()}, form.rule, form.before, form.after});
    to += form.text.size();
  }
  forms_.clear();
  auto head = [](const Needle& needle) { return head_at(needle.text.data()); };
  std::ranges::sort(needles_, {}, head);
  filter_.assign((1U << kFilterBits) / 64, 0);
  for (const Needle& needle : needles_) {
    heads_.push_back(head(needle));
    std::uint32_t slot = slot_of(heads_.back());
    filter_[slot / 64] |= std::uint64_t{1} << slot % 64;
    longest_ = std::max(longest_, needle.text.size());
  }
}

std::bitset<256> Needles::bytes() const {
  std::bitset<256> out;
  for (const Needle& needle : needles_)
    for (char c : needle.text) out.set(static_cast<unsigned char>(c));
  return out;
}

Find Needles::found(const Needle& needle, std::string_view text, std::size_t at) const {
  Find find{at, at + needle.text.size(), needle.rule};
  if (needle.before && at > 0 && is_base64(text[at - 1])) --find.begin;
  if (needle.after && find.end < text.size() && is_base64(text[find.end])) ++find.end;
  return find;
}

Finds Needles::find(std::string_view text) const {
  Finds finds = find_each(text);
  merge(finds);
  return finds;
}

std::span<const Needles::Needle> Needles::with_head(std::uint32_t head) const {
  auto [first, last] = std::ranges::equal_range(heads_, head);
  return std::span(needles_).subspan(static_cast<std::size_t>(first - heads_.begin()),
                                     static_cast<std::size_t>(last - first));
}

Finds Needles::find_each(std::string_view text) const {
  Finds finds;
  if (needles_.empty() || text.size() < kShortest) return finds;
  for (std::size_t at = 0; at + kShortest <= text.size(); ++at) {
    std::uint32_t head = head_at(text.data() + at);
    if (!may_begin(head)) continue;
    for (const Needle& needle : with_head(head))
      if (text.substr(at).starts_with(needle.text)) finds.push_back(found(needle, text, at));
  }
  return finds;
}

// The first place from which on the text is the beginning of a needle: by their heads while four bytes are
// left, then by all needles.
std::size_t Needles::unfinished(std::string_view text) const {
  std::size_t begin = text.size() - std::min(text.size(), std::max<std::size_t>(longest_, 1) - 1);
  for (std::size_t at = begin; at < text.size(); ++at) {
    std::string_view end = text.substr(at);
    std::span<const Needle> likely = needles_;
    if (end.size() >= kShortest) {
      if (!may_begin(head_at(end.data()))) continue;
      likely = with_head(head_at(end.data()));
    }
    std::size_t found = text.size();
    for (const Needle& needle : likely)
      if (needle.text.size() > end.size() && needle.text.starts_with(end))
        found = std::min(found, needle.before && at > 0 ? at - 1 : at);
    if (found < text.size()) return found;
  }
  return text.size();
}

}  // namespace weir::flow
