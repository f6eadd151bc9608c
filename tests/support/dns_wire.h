// The other side of DNS for tests: queries to bytes and answers from bytes, written apart from the code under
// test.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

inline std::string dns_word(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

inline std::string dns_labels(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) out += static_cast<char>(label.size()) + label;
  return out + '\0';
}

inline std::string dns_labels(std::string_view name) {
  std::vector<std::string> labels;
  for (std::size_t dot; !name.empty(); name.remove_prefix(dot)) {
    dot = std::min(name.find('.'), name.size());
    labels.emplace_back(name.substr(0, dot));
    if (dot < name.size()) ++dot;
  }
  return dns_labels(labels);
}

struct DnsAsk {
  unsigned id = 0x1234;
  unsigned flags = 0x0100;  // recursion desired
  unsigned dns_class = 1;
  std::optional<unsigned> payload;  // set = with an OPT
  unsigned opt_high = 0;            // extended code and version
  unsigned opt_flags = 0;
  std::string opt_data;

  std::string opt() const {
    return '\0' + dns_word(41) + dns_word(payload.value_or(0)) + dns_word(opt_high) + dns_word(opt_flags) +
           dns_word(static_cast<unsigned>(opt_data.size())) + opt_data;
  }
  std::string labels_query(const std::string& labels, unsigned type) const {
    return dns_word(id) + dns_word(flags) + dns_word(1) + dns_word(0) + dns_word(0) +
           dns_word(payload ? 1 : 0) + labels + dns_word(type) + dns_word(dns_class) + (payload ? opt() : "");
  }
  std::string query(std::string_view name, unsigned type) const {
    return labels_query(dns_labels(name), type);
  }
};

struct DnsReplyRecord {
  std::string owner;  // the bytes of the name as they stand
  unsigned type = 0;
  unsigned dns_class = 0;
  std::uint32_t ttl = 0;
  std::string data;
};

struct DnsReply {
  unsigned id = 0;
  unsigned flags = 0;
  std::string question;
  std::vector<DnsReplyRecord> answers, authority, additional;

  unsigned rcode() const {
    unsigned high = additional.empty() ? 0 : additional[0].ttl >> 24;
    return high << 4 | (flags & 0xf);
  }
  bool truncated() const { return (flags & 0x0200) != 0; }
};

class DnsReplyReader {
 public:
  /// None when the bytes are not one whole, well-formed message, exactly.
  static std::optional<DnsReply> read(std::string_view bytes) {
    DnsReplyReader in{bytes};
    DnsReply out;
    out.id = in.word();
    out.flags = in.word();
    unsigned questions = in.word(), counts[] = {in.word(), in.word(), in.word()};
    std::size_t start = in.at_;
    for (unsigned i = 0; i < questions; ++i) in.name(), in.take(4);
    if (in.good_) out.question = bytes.substr(start, in.at_ - start);
    std::vector<DnsReplyRecord>* sections[] = {&out.answers, &out.authority, &out.additional};
    for (int section = 0; section < 3; ++section)
      for (unsigned i = 0; i < counts[section] && in.good_; ++i) sections[section]->push_back(in.record());
    if (!in.good_ || in.at_ != bytes.size()) return std::nullopt;
    return out;
  }

 private:
  explicit DnsReplyReader(std::string_view bytes) : bytes_(bytes) {}

  std::string_view take(std::size_t count) {
    good_ = good_ && count <= bytes_.size() - at_;
    if (!good_) return {};
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  unsigned byte() {
    std::string_view one = take(1);
    return one.empty() ? 0 : static_cast<unsigned char>(one[0]);
  }
  unsigned word() {
    unsigned high = byte();
    return high << 8 | byte();
  }
  std::string name() {
    std::size_t start = at_;
    for (unsigned length = byte(); good_ && length != 0; length = byte()) {
      if ((length & 0xC0) == 0xC0) {
        byte();
        break;
      }
      good_ = good_ && length < 64;
      take(length);
    }
    return good_ ? std::string(bytes_.substr(start, at_ - start)) : "";
  }
  DnsReplyRecord record() {
    DnsReplyRecord out;
    out.owner = name();
    out.type = word();
    out.dns_class = word();
    out.ttl = word() << 16;
    out.ttl |= word();
    out.data = take(word());
    return out;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

}  // namespace weir::test
