#include "config/remote.h"

#include <algorithm>
#include <utility>

#include "config/redaction.h"
#include "config/row.h"
#include "config/upstream_proxy.h"
#include "flow/redaction.h"
#include "http/syntax.h"

namespace weir::config {
namespace {

constexpr std::array<const char*, 3> kTypes = {"syslog", "otlp", "http"};
constexpr std::array<const char*, 3> kTransports = {"local", "udp", "tcp"};
constexpr std::array<const char*, 2> kEncodings = {"json", "protobuf"};
constexpr std::array<const char*, 2> kTexts = {"line", "json"};
constexpr std::array<const char*, 24> kFacilities = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
using ReceiverType = Choice<LogReceiver::Type, kTypes>;
using TransportWord = Choice<LogReceiver::Transport, kTransports>;
using EncodingWord = Choice<LogReceiver::Encoding, kEncodings>;
using TextWord = Choice<LogReceiver::Text, kTexts>;
using Type = LogReceiver::Type;
using Transport = LogReceiver::Transport;

bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= 48 && std::ranges::all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
  });
}

struct PlainName {
  static std::string accepts() { return "a name of letters, digits, '.', '_' and '-', at most 48"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return is_plain(scalar.text) && Text::parse(scalar, place, out);
  }
};

struct FacilityWord {
  static std::string accepts() { return "a facility such as \"user\", \"daemon\" or \"local0\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return std::ranges::find(kFacilities, scalar.text) != kFacilities.end() &&
           Text::parse(scalar, place, out);
  }
};

struct ReceiverAddress {
  static std::string accepts() { return "\"host:port\", such as \"logs.example:514\""; }
  static bool parse(const Scalar& scalar, const Place&, HostPort& out) {
    if (scalar.type != Scalar::Type::string) return false;
    auto place = parse_host_port(scalar.text);
    if (!place) return false;
    out = std::move(*place);
    return true;
  }
};

// User information would be a secret in a place where it is shown; there are headers for it.
struct ReceiverUrl {
  static std::string accepts() {
    return "\"http://host[:port]/path\" or the same with https://, without user and password (see headers "
           "and "
           "bearer_token)";
  }
  static std::string masked(std::string_view) { return "what stands here"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    std::string_view url = scalar.text;
    if (!url.starts_with("http://") && !url.starts_with("https://")) return false;
    std::string_view rest = url.substr(url.find("://") + 3);
    auto origin = parse_host_port(rest.substr(0, rest.find_first_of("/?#")), 443);
    bool plain = std::ranges::all_of(url, [](char c) { return c > ' ' && c < '\x7f'; });
    return origin && plain && Text::parse(scalar, place, out);
  }
};

struct ProxyText {
  static std::string accepts() { return "the URL of a proxy in quotes, or \"\" for none"; }
  static std::string masked(std::string_view) { return "what stands here"; }
  static bool parse(const Scalar& scalar, const Place&, SecretText& out) {
    bool none = scalar.text.empty() || scalar.text == kDirect;
    if (scalar.type != Scalar::Type::string || (!none && !parse_proxy_url(scalar.text))) return false;
    out = none ? std::string_view() : std::string_view(scalar.text);
    return true;
  }
};

// What says how long and of what kind a request is, is for Weir to say.
constexpr std::array<std::string_view, 4> kOwnFields = {"content-type", "content-length", "content-encoding",
                                                        "transfer-encoding"};

bool is_field_value(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
}

// Null for a list, which may be empty.
const Scalar* single(const Value& value) { return value.list ? nullptr : &value.items.front(); }

// A text, or a table that says where it is.
SecretSource read_value(const Value& value, std::string_view what, const Place& place,
                        Complaints& complaints) {
  SecretSource out;
  const Scalar* scalar = single(value);
  if (scalar != nullptr && scalar->type == Scalar::Type::table) {
    read_source(value, place, complaints, out);
  } else if (scalar != nullptr && scalar->type == Scalar::Type::string && is_field_value(scalar->text)) {
    out.value = scalar->text;
  } else {
    complaints.push_back(
        {std::string(what) + ": wanted is a text in quotes, or a table such as { env = \"TOKEN\" }",
         value.line, value.column});
  }
  return out;
}

const Scalar* table_of(Row& row, std::string_view member, const Value* value) {
  if (value == nullptr) return nullptr;
  const Scalar* table = single(*value);
  if (table != nullptr && table->type == Scalar::Type::table) return table;
  row.complain(
      std::string(member) + ": wanted is a table: " + std::string(member) + " = { name = \"value\" }",
      value->line, value->column);
  return nullptr;
}

void read_headers(Row& row, const Place& place, Complaints& complaints, LogReceiver& out) {
  const Scalar* table = table_of(row, "headers", row.take("headers"));
  if (table == nullptr) return;
  for (const Member& member : table->members) {
    if (!http::is_token(member.name))
      row.complain("headers: not the name of a header", member.value.line, member.value.column);
    if (std::ranges::find(kOwnFields, lower(member.name)) != kOwnFields.end())
      row.complain("headers: " + member.name + " is for Weir to set", member.value.line, member.value.column);
    out.headers.push_back({member.name, read_value(member.value, member.name, place, complaints)});
  }
}

void read_attributes(Row& row, LogReceiver& out) {
  const Scalar* table = table_of(row, "attributes", row.take("attributes"));
  if (table == nullptr) return;
  for (const Member& member : table->members) {
    const Scalar* value = single(member.value);
    if (value == nullptr || value->type != Scalar::Type::string)
      row.complain("attributes: " + member.name + ": wanted is a text in quotes", member.value.line,
                   member.value.column);
    else
      out.attributes.emplace_back(member.name, value->text);
  }
}

void read_syslog(Row& row, LogReceiver& out) {
  row.read<TransportWord>("transport", out.transport);
  if (out.transport == Transport::local)
    row.read<Path>("path", out.path);
  else
    row.require<ReceiverAddress>("address", out.address);
  row.read<FacilityWord>("facility", out.facility);
  row.read<PlainName>("app_name", out.app_name);
  row.read<Size<480, 60'000>>("max_bytes", out.max_bytes);
  row.read<TextWord>("text", out.text);
}

void read_web(Row& row, const Place& place, Complaints& complaints, LogReceiver& out) {
  row.require<ReceiverUrl>("url", out.url);
  if (out.type == Type::otlp) {
    row.read<EncodingWord>("encoding", out.encoding);
    row.read<TextWord>("text", out.text);
    read_attributes(row, out);
  } else {
    row.read<Method>("method", out.method);
  }
  read_headers(row, place, complaints, out);
  if (const Value* token = row.take("bearer_token"))
    out.bearer_token = read_value(*token, "bearer_token", place, complaints);
  bool authorized = std::ranges::any_of(
      out.headers, [](const SecretField& field) { return iequals(field.name, "Authorization"); });
  if (out.bearer_token && authorized)
    row.complain("headers: Authorization is what bearer_token sets; keep one of them");
  row.read<Switch>("gzip", out.gzip);
  row.read<Path>("ca", out.ca);
  row.read<ProxyText>("proxy", out.proxy);
}

LogReceiver read_receiver(const Scalar& table, std::size_t number, const Place& place,
                          Complaints& complaints) {
  LogReceiver out{.place = source_of(table, place)};
  Row row(table, "", place, complaints);
  if (!row.is_table("[[logging.receivers]] with a type")) return out;
  row.require<ReceiverType>("type", out.type);
  out.name = std::string(kTypes[std::to_underlying(out.type)]) + "-" + std::to_string(number);
  row.read<PlainName>("name", out.name);
  row.read<Switch>("bodies", out.bodies);
  row.read<Count<1, 10'000>>("batch", out.batch);
  row.read<Time>("interval", out.interval);
  row.read<Size<64 << 10>>("queue_bytes", out.queue_bytes);
  row.read<Time>("timeout", out.timeout);
  if (out.timeout.count() == 0)
    row.complain("timeout: 0 would wait for ever; give a duration such as \"10s\"");
  out.type == Type::syslog ? read_syslog(row, out) : read_web(row, place, complaints, out);
  row.finish();
  return out;
}

}  // namespace

Complaints read_receivers(const Value& value, const Place& place, std::vector<LogReceiver>& out) {
  Complaints complaints;
  std::size_t number = 0;
  for (const Scalar& table : value.items) out.push_back(read_receiver(table, ++number, place, complaints));
  return complaints;
}

Scalar to_table(const LogReceiver& receiver) {
  Scalar out{Scalar::Type::table, ""};
  auto add = [&out](const char* name, Value value) { out.members.push_back({name, std::move(value)}); };
  add("name", text_value(receiver.name));
  add("type", ReceiverType::show(receiver.type));
  if (receiver.type == Type::syslog) {
    add("transport", TransportWord::show(receiver.transport));
    bool local = receiver.transport == Transport::local;
    add(local ? "path" : "address", text_value(local ? receiver.path : receiver.address.str()));
    add("facility", text_value(receiver.facility));
    add("app_name", text_value(receiver.app_name));
    if (receiver.max_bytes != 0) add("max_bytes", Size<0>::show(receiver.max_bytes));
  } else {
    add("url", text_value(flow::redacted_url(receiver.url)));
    receiver.type == Type::otlp ? add("encoding", EncodingWord::show(receiver.encoding))
                                : add("method", text_value(receiver.method));
    Scalar headers{Scalar::Type::table, ""}, attributes{Scalar::Type::table, ""};
    for (const SecretField& field : receiver.headers)
      headers.members.push_back({field.name, to_value(field.value)});
    for (const auto& [key, value] : receiver.attributes)
      attributes.members.push_back({key, text_value(value)});
    if (!headers.members.empty()) add("headers", Value{.items = {std::move(headers)}});
    if (receiver.bearer_token) add("bearer_token", to_value(*receiver.bearer_token));
    if (!attributes.members.empty()) add("attributes", Value{.items = {std::move(attributes)}});
    if (receiver.gzip) add("gzip", Value::boolean(true));
    if (!receiver.ca.empty()) add("ca", text_value(receiver.ca));
    if (!receiver.proxy.empty()) add("proxy", UpstreamProxy::show(receiver.proxy));
  }
  if (receiver.text) add("text", TextWord::show(*receiver.text));
  if (receiver.bodies) add("bodies", Value::boolean(true));
  add("batch", Value::integer(receiver.batch));
  add("interval", Time::show(receiver.interval));
  add("queue_bytes", Size<0>::show(receiver.queue_bytes));
  add("timeout", Time::show(receiver.timeout));
  return out;
}

Result<std::vector<LogReceiver>> all_receivers(const LoggingSettings& settings) {
  std::vector<LogReceiver> out;
  for (const auto& layer : settings.receivers)
    for (const LogReceiver& receiver : layer) {
      auto same = std::ranges::find(out, receiver.name, &LogReceiver::name);
      if (same != out.end())
        return fail(Code::bad_config, receiver.place + ": logging.receivers: " + same->place +
                                          " has the name \"" + receiver.name +
                                          "\", too; give each a name of its own");
      out.push_back(receiver);
    }
  return out;
}

bool ControlAddress::parse(const Scalar& scalar, const Place& place, std::optional<HostPort>& out) {
  bool text = scalar.type == Scalar::Type::string || scalar.type == Scalar::Type::argument;
  if (text && scalar.text.empty()) {
    out.reset();
    return true;
  }
  HostPort parsed;
  if (!Listen::parse(scalar, place, parsed)) return false;
  out = std::move(parsed);
  return true;
}

Result<> check_control(const ControlSettings& settings) {
  if (!settings.listen || is_loopback_host(settings.listen->host)) return {};
  if (settings.allow_remote && !settings.token_file.empty()) return {};
  return fail(
      Code::bad_config,
      "control.listen " + settings.listen->str() +
          ": other machines can reach that address; listen on 127.0.0.1, or set control.allow_remote = true "
          "and a control.token_file");
}

}  // namespace weir::config
