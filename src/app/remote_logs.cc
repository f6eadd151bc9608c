#include "app/remote_logs.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "config/redaction.h"
#include "config/remote.h"
#include "config/upstream_proxy.h"
#include "store/remote_batch.h"
#include "store/remote_http.h"
#include "store/remote_syslog.h"

namespace weir::app {
namespace {

using config::LogReceiver;

constexpr std::chrono::milliseconds kLeastInterval{10};
constexpr std::size_t kUdpBytes = 2048;  // what receivers should take (RFC 5424 section 6.1)
constexpr std::size_t kOtherBytes = 8192;

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  return name;
}

Failure bad(const LogReceiver& receiver, const std::string& why) {
  return fail(Code::bad_config, receiver.place + ": logging receiver \"" + receiver.name + "\": " + why);
}

store::RemoteText text_of(const LogReceiver& receiver, store::RemoteText otherwise) {
  if (!receiver.text) return otherwise;
  return *receiver.text == LogReceiver::Text::line ? store::RemoteText::line : store::RemoteText::json;
}

std::unique_ptr<store::RemoteChannel> syslog_channel(const LogReceiver& receiver) {
  using Kind = store::RemoteSocket::Kind;
  bool local = receiver.transport == LogReceiver::Transport::local;
  bool udp = receiver.transport == LogReceiver::Transport::udp;
  store::SyslogStyle style;
  style.form = local ? store::SyslogStyle::Form::local : store::SyslogStyle::Form::rfc5424;
  style.facility = store::syslog_facility(receiver.facility).value_or(style.facility);
  style.app_name = receiver.app_name;
  style.host_name = host_name();
  style.process_id = std::to_string(::getpid());
  style.text = text_of(receiver, store::RemoteText::line);
  style.max_bytes = receiver.max_bytes != 0 ? receiver.max_bytes : udp ? kUdpBytes : kOtherBytes;
  store::RemoteSocket::Options socket{.kind = local ? Kind::local
                                              : udp ? Kind::udp
                                                    : Kind::tcp,
                                      .path = receiver.path,
                                      .place = receiver.address,
                                      .timeout = receiver.timeout};
  return std::make_unique<store::SyslogChannel>(std::move(socket), std::move(style));
}

store::OtlpResource resource_of(const LogReceiver& receiver, const std::string& session) {
  store::OtlpResource out{{"service.name", "weir"},
                          {"service.version", WEIR_VERSION},
                          {"host.name", host_name()},
                          {"process.pid", std::to_string(::getpid())}};
  if (!session.empty()) out.emplace_back("service.instance.id", session);
  for (const auto& [key, value] : receiver.attributes) {
    auto same = std::ranges::find(out, key, &std::pair<std::string, std::string>::first);
    same == out.end() ? void(out.emplace_back(key, value)) : void(same->second = value);
  }
  return out;
}

// What OTLP says may be tried again; all else must not.
bool otlp_try_again(long status) { return status == 429 || status == 502 || status == 503 || status == 504; }
// Whatever may be another tomorrow, though nothing is changed in what is sent.
bool http_try_again(long status) { return status >= 500 || status == 408 || status == 425 || status == 429; }

void set_otlp(const LogReceiver& receiver, const std::string& session, store::HttpChannel::Options& options) {
  bool protobuf = receiver.encoding == LogReceiver::Encoding::protobuf;
  options.content_type = protobuf ? "application/x-protobuf" : "application/json";
  options.body = [protobuf, resource = resource_of(receiver, session),
                  text = text_of(receiver, store::RemoteText::json)](auto batch) {
    return protobuf ? store::otlp_protobuf(batch, resource, text) : store::otlp_json(batch, resource, text);
  };
  options.partial = protobuf ? store::otlp_protobuf_refusal : store::otlp_json_refusal;
  options.try_again = otlp_try_again;
}

Result<> set_proxy(const LogReceiver& receiver, store::HttpChannel::Options& out) {
  if (receiver.proxy.empty()) return {};
  auto proxy = config::parse_proxy_url(receiver.proxy.reveal());
  if (!proxy) return bad(receiver, proxy.error().context());
  using Kind = wire::UpstreamProxy::Kind;
  const char* scheme = proxy->kind == Kind::http    ? "http://"
                       : proxy->kind == Kind::https ? "https://"
                                                    : "socks5h://";
  out.proxy = scheme + proxy->place.str();
  out.proxy_authorization = std::move(proxy->authorization);
  if (!proxy->login) return {};
  out.proxy_user = std::move(proxy->login->user);
  out.proxy_password = std::move(proxy->login->password);
  return {};
}

// The secrets are read now: one that is missing must not be found out with the first request.
Result<store::HttpChannel::Options> web_options(const LogReceiver& receiver) {
  store::HttpChannel::Options out{.url = receiver.url,
                                  .method = receiver.method,
                                  .content_type = "application/x-ndjson",
                                  .gzip = receiver.gzip,
                                  .ca = receiver.ca,
                                  .timeout = receiver.timeout,
                                  .body = store::ndjson_batch,
                                  .try_again = http_try_again};
  auto add = [&](const std::string& name, const config::SecretSource& source,
                 const char* before) -> Result<> {
    auto value = config::read_secret(source);
    if (!value) return bad(receiver, name + ": " + value.error().context());
    bool sound = !value->empty() &&
                 std::ranges::none_of(value->reveal(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
    if (!sound) return bad(receiver, name + ": its value is empty or has control characters");
    out.headers.push_back({name, before, std::move(*value)});
    return {};
  };
  for (const config::SecretField& field : receiver.headers)
    if (auto added = add(field.name, field.value, ""); !added) return pass(added);
  if (receiver.bearer_token)
    if (auto added = add("Authorization", *receiver.bearer_token, "Bearer "); !added) return pass(added);
  if (auto set = set_proxy(receiver, out); !set) return pass(set);
  if (!receiver.ca.empty() && ::access(receiver.ca.c_str(), R_OK) != 0)
    return bad(receiver, "ca: " + receiver.ca + " cannot be read");
  return out;
}

}  // namespace

Result<std::vector<RemoteReceiver>> remote_receivers(const config::LoggingSettings& settings) {
  auto receivers = config::all_receivers(settings);
  if (!receivers) return pass(receivers);
  std::vector<RemoteReceiver> out;
  for (const LogReceiver& receiver : *receivers) {
    RemoteReceiver& made = out.emplace_back();
    made.sink = {.name = receiver.name,
                 .bodies = receiver.bodies,
                 .batch = receiver.batch,
                 .interval = std::max(receiver.interval, kLeastInterval),
                 .queue_bytes = receiver.queue_bytes};
    if (receiver.type == LogReceiver::Type::syslog) {
      made.open = [receiver](const std::string&) { return syslog_channel(receiver); };
      continue;
    }
    auto options = web_options(receiver);
    if (!options) return pass(options);
    made.open = [receiver, options = std::move(*options)](const std::string& session) {
      store::HttpChannel::Options own = options;
      if (receiver.type == LogReceiver::Type::otlp) set_otlp(receiver, session, own);
      return std::make_unique<store::HttpChannel>(std::move(own));
    };
  }
  return out;
}

void RemoteLogs::start(const std::vector<RemoteReceiver>& receivers, const std::string& session) {
  for (const RemoteReceiver& receiver : receivers) {
    store::RemoteSink::Options options = receiver.sink;
    options.session = session;
    sinks_.push_back(std::make_unique<store::RemoteSink>(std::move(options), receiver.open(session)));
  }
}

void RemoteLogs::add_to(Sinks& sinks) {
  for (auto& sink : sinks_) sinks.add_log(*sink);
}

void RemoteLogs::close(Duration patience) {
  TimePoint deadline = steady_now() + patience;
  for (auto& sink : sinks_) sink->begin_close(deadline);
  for (auto& sink : sinks_) sink->close(deadline);
}

std::vector<RemoteLogs::Counters> RemoteLogs::counters() const {
  std::vector<Counters> out;
  for (const auto& sink : sinks_) out.push_back({sink->name(), sink->counters()});
  return out;
}

}  // namespace weir::app
