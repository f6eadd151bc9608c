#include "policy/pattern.h"

#include <algorithm>

namespace weir::policy {
namespace {

constexpr std::int64_t kRegexMemory = 1 << 20;  // bytes of program and automaton of one pattern
constexpr std::string_view kWholeStart = "\\A(?:";
constexpr std::string_view kWholeEnd = ")\\z";
constexpr std::string_view kMeta = "*?[{\\";

/// Translates a glob into an anchored regular expression. One character at a time, never backwards.
class GlobReader {
 public:
  explicit GlobReader(std::string_view glob) : glob_(glob) {}

  Result<std::string> read() {
    while (at_ < glob_.size())
      if (auto taken = take(); !taken) return pass(taken);
    if (braces_ > 0) return fail(Code::bad_config, "'{' without '}'");
    return std::string(kWholeStart).append(out_).append(kWholeEnd);
  }

 private:
  Result<> take() {
    char c = glob_[at_];
    if (c == '*') return take_stars();
    if (c == '[') return take_class();
    if (c == '\\') return take_escape();
    ++at_;
    if (c == '?') {
      out_ += "[^/]";
    } else if (c == '{') {
      ++braces_;
      out_ += "(?:";
    } else if (c == '}' && braces_ > 0) {
      --braces_;
      out_ += ')';
    } else if (c == ',' && braces_ > 0) {
      out_ += '|';
    } else {
      literal(c);
    }
    return {};
  }

  Result<> take_stars() {
    std::size_t end = std::min(glob_.find_first_not_of('*', at_), glob_.size());
    bool starts = at_ == 0 || glob_[at_ - 1] == '/';
    bool ends = end == glob_.size() || glob_[end] == '/';
    bool segments = end - at_ == 2 && starts && ends && braces_ == 0;
    at_ = end;
    if (!segments) {
      out_ += "[^/]*";
    } else if (end < glob_.size()) {  // "**/": its own slash goes with it
      out_ += "(?:.*/)?";
      ++at_;
    } else if (out_.ends_with('/')) {  // "/**" at the end: the slash before it is optional with it
      out_.pop_back();
      out_ += "(?:/.*)?";
    } else {
      out_ += ".*";
    }
    return {};
  }

  Result<> take_class() {
    std::size_t at = at_ + 1;
    bool negated = at < glob_.size() && (glob_[at] == '!' || glob_[at] == '^');
    if (negated) ++at;
    std::string set;
    char last = 0;       // of a range that may begin
    bool range = false;  // between '-' and the end of the range
    for (bool first = true; at < glob_.size() && (first || glob_[at] != ']'); ++at, first = false) {
      char c = glob_[at];
      if (c == '-' && last != 0 && at + 1 < glob_.size() && glob_[at + 1] != ']') {
        set += c;
        range = true;
        continue;
      }
      if (c == '\\' && at + 1 < glob_.size()) c = glob_[++at];
      if (c == '/' || (range && last < '/' && c > '/'))
        return fail(Code::bad_config, "'/' among [...], which is one character but '/'");
      set += RE2::QuoteMeta(std::string_view(&c, 1));
      last = range ? 0 : c;
      range = false;
    }
    if (at >= glob_.size()) return fail(Code::bad_config, "'[' without ']'");
    at_ = at + 1;
    out_.append(negated ? "[^/" : "[").append(set).append("]");
    return {};
  }

  Result<> take_escape() {
    if (at_ + 1 == glob_.size()) return fail(Code::bad_config, "'\\' at the end, where nothing follows");
    literal(glob_[at_ + 1]);
    at_ += 2;
    return {};
  }

  void literal(char c) {
    if (c == '/')
      out_ += c;  // bare, so that take_stars finds it
    else
      out_ += RE2::QuoteMeta(std::string_view(&c, 1));
  }

  std::string_view glob_;
  std::size_t at_ = 0;
  int braces_ = 0;
  std::string out_;
};

}  // namespace

bool is_literal(std::string_view glob) { return glob.find_first_of(kMeta) == std::string_view::npos; }

RE2::Options regex_options(Pattern::Case letters) {
  RE2::Options options(RE2::Latin1);
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_never_capture(true);
  options.set_max_mem(kRegexMemory);
  options.set_case_sensitive(letters == Pattern::Case::sensitive);
  return options;
}

Pattern Pattern::exact(std::string text) { return {Kind::exact, std::move(text)}; }

Result<Pattern> Pattern::glob(std::string_view text) {
  if (is_literal(text)) return exact(std::string(text));
  if (text.ends_with("/**") && is_literal(text.substr(0, text.size() - 3)))
    return Pattern(Kind::tree, std::string(text.substr(0, text.size() - 3)));
  auto source = GlobReader(text).read();
  if (!source) return pass(source);
  auto out = regex(*source, Case::sensitive);
  if (out) out->whole_ = true;
  return out;
}

Result<Pattern> Pattern::regex(const std::string& text, Case letters) {
  auto compiled = std::make_unique<const RE2>(text, regex_options(letters));
  if (!compiled->ok()) return fail(Code::bad_config, "no regular expression: " + compiled->error());
  Pattern out(Kind::regex, text);
  out.regex_ = std::move(compiled);
  out.whole_ = false;
  return out;
}

bool Pattern::matches(std::string_view text) const {
  switch (kind_) {
    case Kind::exact: return text == text_;
    case Kind::tree:
      return text.starts_with(text_) && (text.size() == text_.size() || text[text_.size()] == '/');
    case Kind::regex: break;
  }
  return regex_->Match({text.data(), text.size()}, 0, text.size(), RE2::UNANCHORED, nullptr, 0);
}

std::string Pattern::as_regex(std::string_view tail) const {
  if (kind_ == Kind::regex && !whole_) return text_;
  std::string out(kWholeStart);
  if (kind_ == Kind::regex)
    out.append(text_, kWholeStart.size(), text_.size() - kWholeStart.size() - kWholeEnd.size());
  else
    out.append(RE2::QuoteMeta(text_)).append(kind_ == Kind::tree ? "(?:/.*)?" : "");
  // The alternatives of a glob end before the tail begins.
  out.insert(kWholeStart.size(), "(?:").append(")").append(tail);
  return out.append(kWholeEnd);
}

}  // namespace weir::policy
