#include "sandbox/dns_message.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace weir::sandbox {
namespace {

// Bits of the header's second word (RFC 1035 section 4.1.1, RFC 4035 section 3.2 for checking disabled).
constexpr std::uint16_t kResponse = 0x8000, kTruncated = 0x0200, kRecursionDesired = 0x0100,
                        kRecursionAvailable = 0x0080, kCheckingDisabled = 0x0010;
constexpr std::uint16_t kDnssecOk = 0x8000;
constexpr std::size_t kHeader = 12;
constexpr std::size_t kLongestName = 255;  // on the wire, with its final zero
constexpr std::uint8_t kPointer = 0xC0;
// What we take ourselves over UDP: one packet on any network (the field's agreement of 2020).
constexpr std::uint16_t kOwnPayload = 1232;
constexpr std::uint16_t kExtendedError = 15;

/// Reads on from a place; after the first read past the end every read fails.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool good() const { return good_; }
  std::size_t place() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }

  std::uint8_t byte() {
    std::string_view one = take(1);
    return one.empty() ? 0 : static_cast<std::uint8_t>(one[0]);
  }
  std::uint16_t word() {
    auto high = byte();
    return static_cast<std::uint16_t>(high << 8 | byte());
  }
  std::string_view take(std::size_t count) {
    if (count > left()) {
      good_ = false;
      at_ = bytes_.size();
      return {};
    }
    std::string_view out = bytes_.substr(at_, count);
    at_ += count;
    return out;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

void put_word(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}
void put_double(std::string& out, std::uint32_t value) {
  put_word(out, value >> 16);
  put_word(out, value & 0xffff);
}

bool is_host_byte(char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; }

/// False when the question's name is malformed: cut off, too long, or with a pointer, which would have
/// nothing to point to.
bool read_name(Reader& in, std::optional<std::string>& name) {
  std::string text;
  bool plain = true;
  for (std::size_t wire = 1;;) {
    std::uint8_t length = in.byte();
    if (!in.good()) return false;
    if (length == 0) break;
    wire += length + 1U;
    if (length > 63 || wire > kLongestName) return false;
    if (!text.empty()) text += '.';
    for (char c : in.take(length)) {
      plain = plain && is_host_byte(c);
      text += to_lower(c);
    }
  }
  if (plain && in.good()) name = std::move(text);
  return in.good();
}

/// Passes over the name of a record that is of no interest. Pointers end a name and are not followed.
bool skip_name(Reader& in) {
  while (true) {
    std::uint8_t length = in.byte();
    if (!in.good() || length == 0) return in.good();
    if ((length & kPointer) == kPointer) {
      in.byte();
      return in.good();
    }
    if (length > 63) return false;
    in.take(length);
  }
}

bool options_are_whole(std::string_view data) {
  Reader in(data);
  while (in.left() > 0) {
    in.word();
    in.take(in.word());
    if (!in.good()) return false;
  }
  return true;
}

/// One record behind the question; only an OPT says anything. False when it is malformed or a second OPT.
bool read_record(Reader& in, bool additional, DnsQuery& query) {
  std::size_t start = in.place();
  if (!skip_name(in)) return false;
  bool root = in.place() == start + 1;
  auto type = DnsType(in.word());
  std::uint16_t payload = in.word();
  std::uint16_t extended = in.word(), flags = in.word();
  std::string_view data = in.take(in.word());
  if (!in.good()) return false;
  if (type != DnsType::opt) return true;
  if (!additional || !root || query.edns || !options_are_whole(data)) return false;
  query.edns = true;
  query.payload = std::max<std::uint16_t>(payload, 512);
  query.dnssec_ok = (flags & kDnssecOk) != 0;
  if ((extended & 0xff) != 0) query.fault = DnsRcode::bad_version;
  return true;
}

bool read_question(Reader& in, std::string_view message, DnsQuery& query) {
  std::size_t start = in.place();
  if (!read_name(in, query.name)) return false;
  query.type = DnsType(in.word());
  query.dns_class = in.word();
  if (!in.good()) return false;
  query.question = message.substr(start, in.place() - start);
  return true;
}

/// Everything behind the header; false when it is malformed. More questions than one are, too (RFC 9619).
bool read_body(std::string_view message, Reader& in, DnsQuery& query) {
  std::uint16_t questions = in.word();
  std::size_t before = in.word();
  before += in.word();
  std::size_t additional = in.word();
  if (questions != 1 || !read_question(in, message, query)) return false;
  // Each record takes 11 bytes or more, or ends this.
  for (std::size_t i = 0; i < before; ++i)
    if (!read_record(in, false, query)) return false;
  for (std::size_t i = 0; i < additional; ++i)
    if (!read_record(in, true, query)) return false;
  return true;
}

void put_record(std::string& out, std::string_view owner, DnsType type, std::string_view data) {
  out += owner;
  put_word(out, static_cast<std::uint16_t>(type));
  put_word(out, kDnsClassInternet);
  put_double(out, kDnsSeconds);
  put_word(out, data.size());
  out += data;
}

/// The root's, since every name is below it: nobody keeps the zone, and nothing is kept for longer than an
/// answer is (the last number, RFC 2308 section 4).
void put_soa(std::string& out) {
  std::string data(2, '\0');  // the root as the server and as the mailbox
  for (std::uint32_t value : {1U, 3600U, 600U, 86400U, kDnsSeconds}) put_double(data, value);
  put_record(out, std::string_view("\0", 1), DnsType::soa, data);
}

void put_opt(std::string& out, const DnsQuery& query, DnsRcode rcode, std::string_view explanation) {
  out += '\0';
  put_word(out, static_cast<std::uint16_t>(DnsType::opt));
  put_word(out, kOwnPayload);
  out += static_cast<char>(static_cast<std::uint8_t>(rcode) >> 4);
  out += '\0';                                     // our version
  put_word(out, query.dnssec_ok ? kDnssecOk : 0);  // RFC 3225 section 3: copied
  std::string options;
  if (!explanation.empty()) {
    put_word(options, kExtendedError);
    put_word(options, explanation.size() + 2);
    put_word(options, 0);
    options += explanation;
  }
  put_word(out, options.size());
  out += options;
}

enum class Part : std::uint8_t { whole, unexplained, truncated };

std::string encode(const DnsQuery& query, const DnsAnswer& answer, Part part) {
  bool whole = part != Part::truncated;
  bool negative =
      answer.records.empty() && (answer.rcode == DnsRcode::no_error || answer.rcode == DnsRcode::name_error);
  std::string out;
  put_word(out, query.id);
  put_word(out, kResponse | query.opcode << 11 | (whole ? 0 : kTruncated) |
                    (query.recursion_desired ? kRecursionDesired : 0) | kRecursionAvailable |
                    (query.checking_disabled ? kCheckingDisabled : 0) |
                    (static_cast<std::uint8_t>(answer.rcode) & 0xf));
  put_word(out, query.question.empty() ? 0 : 1);
  put_word(out, whole ? answer.records.size() : 0);
  put_word(out, negative ? 1 : 0);
  put_word(out, query.edns ? 1 : 0);
  out += query.question;
  if (whole)
    for (const DnsRecord& record : answer.records)
      put_record(out, std::string_view("\xC0\x0C", 2), record.type, record.data);  // the question's name
  if (negative) put_soa(out);
  if (query.edns)
    put_opt(out, query, answer.rcode, part == Part::whole ? answer.explanation : std::string_view());
  return out;
}

}  // namespace

std::optional<DnsQuery> parse_dns_query(std::string_view message) {
  if (message.size() < kHeader) return std::nullopt;
  Reader in(message);
  DnsQuery query;
  query.id = in.word();
  std::uint16_t flags = in.word();
  if ((flags & kResponse) != 0) return std::nullopt;
  query.opcode = flags >> 11 & 0xf;
  query.recursion_desired = (flags & kRecursionDesired) != 0;
  query.checking_disabled = (flags & kCheckingDisabled) != 0;
  if (query.opcode != 0) {
    // What follows has another form for each opcode.
    query.fault = DnsRcode::not_implemented;
  } else if (!read_body(message, in, query)) {
    query.fault = DnsRcode::format_error;
  }
  return query;
}

std::string encode_dns_answer(const DnsQuery& query, const DnsAnswer& answer, std::size_t limit) {
  for (Part part : {Part::whole, Part::unexplained})
    if (std::string out = encode(query, answer, part); out.size() <= limit) return out;
  return encode(query, answer, Part::truncated);
}

std::string dns_wire_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    std::string_view label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return out += '\0';
}

}  // namespace weir::sandbox
