#include "config/relay_sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "config/load.h"
#include "config/row.h"
#include "config/toml_file.h"
#include "tls/file.h"

namespace weir::config {
namespace {

constexpr std::size_t kMaxFile = 16 << 20;
constexpr std::size_t kMaxId = 128;
constexpr std::string_view kExample =
    "[[session]] with an id and a token_sha256 (`weir gateway token` writes one)";

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Whoever puts the token itself here must not find it in the log.
struct TokenHash {
  static std::string accepts() { return "the SHA-256 of the token, 64 hex digits in quotes"; }
  static std::string masked(std::string_view) { return "what is there"; }
  static bool parse(const Scalar& scalar, const Place&, Sha256& out) {
    const std::string& text = scalar.text;
    if (scalar.type != Scalar::Type::string || text.size() != 2 * out.size()) return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
      int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
      if (high < 0 || low < 0) return false;
      out[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
  }
};

// It stands in credentials before a colon, in records and in the labels of metrics.
struct SessionId {
  static std::string accepts() { return "1 to 128 letters, digits and -_.~ in quotes"; }
  static bool parse(const Scalar& scalar, const Place&, std::string& out) {
    const std::string& text = scalar.text;
    bool good = std::ranges::all_of(text, [](char c) {
      return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
             std::string_view("-_.~").contains(c);
    });
    if (scalar.type != Scalar::Type::string || text.empty() || text.size() > kMaxId || !good) return false;
    out = text;
    return true;
  }
};

struct Moment {
  static std::string accepts() { return "a time in quotes such as \"2026-12-31T23:59:59Z\""; }
  static bool parse(const Scalar& scalar, const Place&, WallNanos& out) {
    auto moment = scalar.type == Scalar::Type::string ? parse_moment(scalar.text) : std::nullopt;
    if (moment) out = *moment;
    return moment.has_value();
  }
};

void read_grant(Row& row, proxy::RelayGrant& out) {
  row.require<SessionId>("id", out.id);
  row.require<TokenHash>("token_sha256", out.token);
  row.read<Moment>("expires", out.expires);
  row.read<Text>("note", out.note);
  std::vector<std::string> hosts;
  row.read<Pattern>("allowed_hosts", hosts);
  if (auto compiled = policy::HostPatterns::compile(hosts))
    out.allowed_hosts = std::move(*compiled);
  else
    row.complain("allowed_hosts: " + compiled.error().context());
  out.any_host = hosts.empty();
  row.finish();
}

/// Collects what is wrong, in the order of the file.
class Reading {
 public:
  explicit Reading(const std::string& path) : place_{.source = path} {}

  void complain(std::uint32_t line, std::uint32_t column, std::string text) {
    problems_.push_back({place_.source, line, column, std::move(text)});
  }

  void read(const Entry& entry) {
    if (entry.key.contains('.')) return;  // of a table that is complained of
    if (entry.key != "session") {
      complain(entry.value.line, entry.value.column,
               "unknown key " + entry.key + "; wanted is " + std::string(kExample));
      return;
    }
    for (const Scalar& item : entry.value.items) read_session(item);
  }

  Result<std::vector<proxy::RelayGrant>> finish() {
    if (problems_.empty()) return std::move(grants_);
    std::ranges::sort(problems_, {}, [](const Problem& p) { return std::pair(p.line, p.column); });
    return Failure(to_error(problems_));
  }

 private:
  void read_session(const Scalar& item) {
    Complaints complaints;
    Row row(item, "", place_, complaints);
    proxy::RelayGrant grant;
    if (row.is_table(kExample)) read_grant(row, grant);
    for (Complaint& each : complaints) complain(each.line, each.column, std::move(each.text));
    if (!complaints.empty()) return;
    auto [id, new_id] = ids_.emplace(grant.id, item.line);
    if (!new_id)
      return complain(item.line, item.column,
                      fmt::format("id {}: line {} has it as well", grant.id, id->second));
    auto [token, new_token] = tokens_.emplace(grant.token, item.line);
    if (!new_token)
      return complain(item.line, item.column,
                      fmt::format("session {} has the token of the one in line {}: a token says whose it is",
                                  grant.id, token->second));
    grants_.push_back(std::move(grant));
  }

  Place place_;
  Problems problems_;
  std::vector<proxy::RelayGrant> grants_;
  std::map<std::string, std::uint32_t> ids_;
  std::map<Sha256, std::uint32_t> tokens_;
};

/// Takes two digits, or four, off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int out = 0;
  for (char c : text.substr(0, digits)) {
    if (!is_digit(c)) return std::nullopt;
    out = out * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return out;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || !any_of.contains(text.front())) return false;
  text.remove_prefix(1);
  return true;
}

/// "Z", "+02:00"; in minutes.
std::optional<int> take_zone(std::string_view& text) {
  if (take(text, "Zz")) return 0;
  bool west = text.starts_with('-');
  if (!take(text, "+-")) return std::nullopt;
  auto hours = take_number(text, 2);
  if (!hours || *hours > 23 || !take(text, ":")) return std::nullopt;
  auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  int all = *hours * 60 + *minutes;
  return west ? -all : all;
}

}  // namespace

std::optional<WallNanos> parse_moment(std::string_view text) {
  auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  auto day = take_number(text, 2);
  if (!day || !take(text, "Tt ")) return std::nullopt;
  auto hour = take_number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  auto minute = take_number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  auto second = take_number(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  if (take(text, ".")) {
    if (!take_number(text, 1)) return std::nullopt;
    while (take_number(text, 1)) continue;
  }
  auto zone = take_zone(text);
  std::chrono::year_month_day date{std::chrono::year(*year),
                                   std::chrono::month(static_cast<unsigned>(*month)),
                                   std::chrono::day(static_cast<unsigned>(*day))};
  // Nanoseconds since 1970 end in 2262.
  if (!zone || !text.empty() || !date.ok() || *year < 1970 || *year > 2261) return std::nullopt;
  auto moment = std::chrono::sys_days(date) + std::chrono::hours(*hour) +
                std::chrono::minutes(*minute - *zone) + std::chrono::seconds(*second);
  return std::chrono::nanoseconds(moment.time_since_epoch()).count();
}

Result<std::vector<proxy::RelayGrant>> parse_relay_sessions(const std::string& text,
                                                            const std::string& path) {
  Reading reading(path);
  Document document = parse_toml(text);
  if (!document.syntax_error.empty())
    reading.complain(document.line, document.column, "not valid TOML: " + document.syntax_error);
  for (const Entry& entry : document.entries) reading.read(entry);
  return reading.finish();
}

Result<std::vector<proxy::RelayGrant>> read_relay_sessions(const std::string& path) {
  auto text = tls::read_file(path, kMaxFile);
  if (!text && text.error().code() == Code::not_found)
    return fail(Code::not_found,
                path + ": there is no such file; `weir gateway token` writes what belongs into it");
  if (!text) return pass(text);
  return parse_relay_sessions(*text, path);
}

}  // namespace weir::config
