#include "config/fields.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/edit_distance.h"
#include "config/budgets.h"
#include "config/codecs.h"
#include "config/credentials.h"
#include "config/filter.h"
#include "config/log_skip.h"
#include "config/models.h"
#include "config/redaction.h"
#include "config/remote.h"

namespace weir::config {
namespace {

constexpr std::array<const char*, 4> kLogLevels = {"debug", "info", "warn", "error"};
constexpr std::array<const char*, 2> kWhenFull = {"slow", "drop"};
constexpr std::array<const char*, 3> kUpstreamHttp2 = {"mirror", "always", "never"};
constexpr std::array<const char*, 2> kOnFailure = {"open", "block"};

std::string found(const Scalar& scalar) {
  switch (scalar.type) {
    case Scalar::Type::string:
    case Scalar::Type::table: return scalar.toml();
    default: return scalar.text;
  }
}

template <typename Codec>
Complaint complaint(Scalar scalar) {
  if constexpr (requires { Codec::masked(scalar.text); }) {
    bool table = scalar.type == Scalar::Type::table;
    if (table) scalar.type = Scalar::Type::other;
    scalar.text = table ? "a table" : Codec::masked(scalar.text);
  }
  return {found(scalar) + " is not accepted; wanted is " + Codec::accepts(), scalar.line, scalar.column};
}

template <typename Codec>
Complaint no_list() {
  return {"a list is not accepted; wanted is " + Codec::accepts()};
}

/// A Field of one value. `kMember` gives the member of a Settings.
template <typename Codec, auto kMember>
constexpr Field one(std::string_view key, std::string_view comment) {
  return {key,
          comment,
          false,
          false,
          [](Settings& settings, const Value& value, const Place& place) -> Complaints {
            if (value.list) return {no_list<Codec>()};
            if (Codec::parse(value.items.front(), place, kMember(settings))) return {};
            return {complaint<Codec>(value.items.front())};
          },
          [](const Settings& settings) { return Codec::show(kMember(settings)); }};
}

/// A Field of a list; one value without brackets is a list of one.
template <typename Codec, auto kMember>
constexpr Field many(std::string_view key, std::string_view comment) {
  return {key,
          comment,
          true,
          std::is_same_v<Codec, ClientCertificateFiles>,
          [](Settings& settings, const Value& value, const Place& place) -> Complaints {
            std::remove_cvref_t<decltype(kMember(settings))> parsed;
            for (const Scalar& item : value.items)
              if (!Codec::parse(item, place, parsed.emplace_back())) return {complaint<Codec>(item)};
            kMember(settings) = std::move(parsed);
            return {};
          },
          [](const Settings& settings) {
            Value out;
            out.list = true;
            for (const auto& item : kMember(settings)) out.items.push_back(Codec::show(item).items.front());
            return out;
          }};
}

policy::RuleSet& layer_of(Settings& settings, const Place& place) {
  return settings.filter.layers[std::to_underlying(place.layer)];
}

/// The one scalar that each layer keeps: what a project may do depends on it.
constexpr Field default_action(std::string_view key, std::string_view comment) {
  return {key,
          comment,
          false,
          false,
          [](Settings& settings, const Value& value, const Place& place) -> Complaints {
            if (value.list) return {no_list<DefaultAction>()};
            auto& kept = layer_of(settings, place).default_action;
            if (DefaultAction::parse(value.items.front(), place, kept)) return {};
            return {complaint<DefaultAction>(value.items.front())};
          },
          [](const Settings& settings) { return DefaultAction::show(effective_default(settings.filter)); }};
}

/// A Field of a list that layers add to, none taking anything from another. `kMember` gives that of one
/// layer.
template <auto kRead, auto kShow, auto kMember>
constexpr Field added(std::string_view key, std::string_view comment, bool tables) {
  return {key,
          comment,
          true,
          tables,
          [](Settings& settings, const Value& value, const Place& place) -> Complaints {
            auto& kept = kMember(settings, std::to_underlying(place.layer));
            std::remove_cvref_t<decltype(kept)> parsed;
            auto complaints = kRead(value, place, parsed);
            if (complaints.empty())
              kept.insert(kept.begin(), std::move_iterator(parsed.begin()), std::move_iterator(parsed.end()));
            return complaints;
          },
          [](const Settings& settings) {
            Value out;
            out.list = true;
            for (std::size_t layer = 0; layer < settings.filter.layers.size(); ++layer)
              for (const auto& item : kMember(settings, layer)) out.items.push_back(kShow(item));
            return out;
          }};
}

template <typename Codec>
Complaints read_names(const Value& value, const Place& place, std::vector<std::string>& out) {
  for (const Scalar& item : value.items)
    if (!Codec::parse(item, place, out.emplace_back())) return {complaint<Codec>(item)};
  return {};
}

Scalar show_name(const std::string& name) { return Value::string(name).items.front(); }
template <typename Rule>
Scalar show_rule(const Rule& rule) {
  return to_table(rule);
}

/// Whether a layer's redaction is on.
constexpr Field redaction_switch(std::string_view key, std::string_view comment) {
  return {key,
          comment,
          false,
          false,
          [](Settings& settings, const Value& value, const Place& place) -> Complaints {
            if (value.list) return {no_list<Switch>()};
            bool on = true;
            if (!Switch::parse(value.items.front(), place, on))
              return {complaint<Switch>(value.items.front())};
            settings.redaction.layers[std::to_underlying(place.layer)].enabled = on;
            return {};
          },
          [](const Settings& settings) { return Switch::show(redaction_enabled(settings.redaction)); }};
}

#define IN_LAYER(path) [](auto& settings, std::size_t layer) -> auto& { return settings.path; }
#define MEMBER(path) [](auto& settings) -> auto& { return settings.path; }

constexpr Field kFields[] = {
    many<Listen, MEMBER(listen)>("listen", "Where to listen. Port 0 takes any free port."),
    many<Listen, MEMBER(transparent)>(
        "transparent",
        "Where to listen for connections that the system redirects here (nftables REDIRECT or TPROXY); see\n"
        "docs/transparent.md."),
    one<Switch, MEMBER(transparent_preamble)>(
        "transparent_preamble",
        "Whether redirected connections may begin with the preamble of a guest's relay, whose word on the\n"
        "program and the destination is then taken (docs/formats/guest_preamble.md)."),
    one<Count<0, 1024>, MEMBER(threads)>("threads", "Worker threads. 0 = one for each core."),
    one<OptionalPath, MEMBER(ca_dir)>(
        "ca_dir", "Folder of the certificate authority. Empty = weir/ca in $XDG_DATA_HOME (~/.local/share)."),
    one<OptionalPath, MEMBER(data_dir)>("data_dir",
                                        "Folder of the recordings. Empty = one for each project, in "
                                        "weir/projects of $XDG_STATE_HOME (~/.local/state)."),
    one<Choice<log::Level, kLogLevels>, MEMBER(log_level)>("log_level", "debug, info, warn or error."),
    one<Switch, MEMBER(allow_open_proxy)>("allow_open_proxy",
                                          "Whether to listen on addresses that other machines can reach "
                                          "although nobody is asked for credentials."),
    one<ReverseUrl, MEMBER(reverse)>("reverse",
                                     "Stand in front of this origin, \"https://host[:port]\": every request "
                                     "goes there, and clients need not "
                                     "know\n"
                                     "of a proxy. Empty = be a proxy."),
    one<Switch, MEMBER(reverse_keep_host)>(
        "reverse_keep_host", "In front of an origin: send Host on as it came, in place of the origin's own."),
    added<read_credentials, show_rule<Credential>, IN_LAYER(credentials.layers[layer])>(
        "credentials",
        "Secrets that clients get a placeholder for; Weir puts them in where they belong, and nowhere else\n"
        "(docs/credentials.md). Write one table each, with what it is called in the head:\n"
        "  [credentials.github]\n"
        "  preset = \"github\"                     # `weir credentials presets` lists them\n"
        "  source = { env = \"GITHUB_TOKEN\" }     # or file, env_file, command\n"
        "  [credentials.corp]\n"
        "  hosts = [\"api.corp.example\"]\n"
        "  path = \"/v1\"                          # and all below it; left out: every path\n"
        "  headers = [\"X-Api-Key\"]               # or query = [\"key\"]; left out: any header\n"
        "  env = [\"CORP_KEY\"]                    # gets the placeholder in `weir run --secret corp`\n"
        "  source = { command = [\"pass\", \"show\", \"corp\"], ttl = \"1h\" }",
        true),

    many<ProxyUser, MEMBER(proxy_auth.users)>(
        "proxy_auth.users",
        "Who may use the proxy, \"name:password\", over HTTP (Basic) and SOCKS5 alike. Empty = everybody who "
        "reaches it."),

    many<HostPattern, MEMBER(tls.intercept)>(
        "tls.intercept",
        "Hosts to decrypt; empty = every host. Patterns: \"api.example.com\" (that host), \"*.example.com\"\n"
        "(all below it, not itself), \"example.com:8443\", \"10.0.0.0/8\", \"*\"."),
    many<HostPattern, MEMBER(tls.passthrough)>(
        "tls.passthrough",
        "Hosts to tunnel without decrypting; still recorded as tunnels. Beats tls.intercept."),
    many<Path, MEMBER(tls.upstream_ca)>(
        "tls.upstream_ca", "PEM files of roots to trust for upstream hosts, besides the system's."),
    many<HostPattern, MEMBER(tls.insecure_hosts)>(
        "tls.insecure_hosts",
        "Hosts whose certificate errors are ignored. Every such connection is logged and marked."),
    many<ClientCertificateFiles, MEMBER(tls.client_certificates)>(
        "tls.client_certificates",
        "Certificates to show to upstream hosts that ask who we are: { host = \"*.corp.example\", cert = "
        "\"corp.pem\",\n"
        "key = \"corp.key\" }. The first whose host pattern matches is shown, to nobody else any. PEM; cert "
        "may "
        "hold the\n"
        "chain, and the key if there is no key file; an encrypted key is refused."),
    one<OptionalPath, MEMBER(tls.keylog)>(
        "tls.keylog",
        "File to which the secrets of every TLS connection are appended, for Wireshark: whoever has it can "
        "read the\n"
        "traffic. Empty = none; SSLKEYLOGFILE is not heeded, so that nobody turns this on without knowing."),
    one<Switch, MEMBER(tls.auto_passthrough)>("tls.auto_passthrough",
                                              "Tunnel a host undecrypted for a client that has rejected our "
                                              "certificate for it three times in a row "
                                              "within\n"
                                              "10 minutes, as programs do that pin the origin's own. "
                                              "Whatever it says, such rejections are recorded."),
    one<Time, MEMBER(tls.auto_passthrough_for)>("tls.auto_passthrough_for",
                                                "For how long; then decrypting is tried again, and one more "
                                                "rejection is enough. 0 = until Weir ends."),

    one<UpstreamProxy, MEMBER(upstream.proxy)>("upstream.proxy",
                                               "The proxy that Weir itself goes through: "
                                               "\"http://user:password@host:port\", or https:// (TLS to the "
                                               "proxy)\n"
                                               "or socks5://. Empty = what HTTPS_PROXY and its kin say in "
                                               "Weir's own environment; \"direct\" = none, "
                                               "whatever\n"
                                               "they say."),
    one<Choice<UpstreamHttp2, kUpstreamHttp2>, MEMBER(upstream.http2)>(
        "upstream.http2",
        "When hosts are offered HTTP/2: \"mirror\" = where the client speaks it, \"always\" or \"never\"."),
    many<NoProxyEntry, MEMBER(upstream.no_proxy)>(
        "upstream.no_proxy",
        "Hosts reached without that proxy: \"example.com\" (and all below it), host:port, addresses, ranges, "
        "\"*\".\n"
        "Empty = what NO_PROXY says, when the proxy comes from the environment too."),

    many<HostPattern, MEMBER(upstream.private_hosts)>(
        "upstream.private_hosts",
        "Hosts and networks that are inside: names such as \"*.corp.example\", ranges such as "
        "\"10.0.0.0/8\". "
        "Clients that are\nnot on this machine reach private, loopback and link-local addresses only here. "
        "Cloud "
        "metadata is refused to\neverybody, unless its address stands here or in an allow rule."),
    one<Size<1024, 16 << 20>, MEMBER(limits.head_bytes)>("limits.head_bytes",
                                                         "Largest request or response head."),
    one<Time, MEMBER(limits.head_timeout)>(
        "limits.head_timeout", "Time for a client to send a whole request head. Everywhere: 0 = no limit."),
    one<Time, MEMBER(limits.idle_timeout)>("limits.idle_timeout",
                                           "Time a kept-alive connection may have no request."),
    one<Time, MEMBER(limits.connect_timeout)>("limits.connect_timeout",
                                              "Time to resolve and connect to a host."),
    one<Time, MEMBER(limits.tls_timeout)>("limits.tls_timeout", "Time for a TLS handshake, on either side."),
    one<Time, MEMBER(limits.response_timeout)>("limits.response_timeout",
                                               "Time from the end of a request to the head of its response."),
    one<Time, MEMBER(limits.body_idle_timeout)>("limits.body_idle_timeout",
                                                "Time between two parts of a body."),
    one<Time, MEMBER(limits.drain_timeout)>("limits.drain_timeout",
                                            "Time for open exchanges to end at shutdown."),
    one<Count<1, 1'000'000>, MEMBER(limits.connections)>("limits.connections", "Client connections at once."),

    one<Switch, MEMBER(capture.enabled)>("capture.enabled",
                                         "Whether `serve` records at all; `run` always does."),
    one<Size<0>, MEMBER(capture.body_bytes)>(
        "capture.body_bytes", "Kept of each body; the rest is cut with a mark. 0 = no bodies."),
    one<Size<1 << 20>, MEMBER(capture.queue_bytes)>("capture.queue_bytes",
                                                    "Most that may wait in memory to be recorded."),
    one<Choice<WhenFull, kWhenFull>, MEMBER(capture.when_full)>(
        "capture.when_full",
        "When that is full: \"slow\" down the traffic, or \"drop\" records (counted, shown)."),
    one<Choice<OnCaptureFailure, kOnFailure>, MEMBER(capture.on_failure)>(
        "capture.on_failure",
        "When recording fails (disk full): \"open\" lets traffic pass with an alarm, \"block\" refuses it."),
    one<Size<1 << 20>, MEMBER(capture.roll_bytes)>("capture.roll_bytes",
                                                   "A session starts a new file at this size."),
    one<Count<0, 36'500>, MEMBER(capture.retention_days)>(
        "capture.retention_days", "Recordings older than this are deleted. 0 = never."),
    one<Size<0>, MEMBER(capture.retention_bytes)>(
        "capture.retention_bytes", "Above this sum the oldest recordings are deleted. 0 = never."),
    one<Switch, MEMBER(capture.jsonl)>("capture.jsonl",
                                       "Whether each exchange is also written as a line of JSON, for other "
                                       "programs; capture.body_bytes and\n"
                                       "capture.on_failure hold for it too, capture.enabled does not."),
    one<OptionalPath, MEMBER(capture.jsonl_dir)>(
        "capture.jsonl_dir", "Folder of those files. Empty = logs/proxy in the folder of the recordings."),
    one<Size<64 << 10>, MEMBER(capture.jsonl_roll_bytes)>(
        "capture.jsonl_roll_bytes", "The next of those files begins when one is this large on the disk."),
    one<Count<1, 100'000>, MEMBER(capture.jsonl_keep)>("capture.jsonl_keep",
                                                       "How many of those files stay; the oldest go first."),

    default_action("filter.default_action",
                   "What happens to a request that no rule matches: \"allow\", \"block\" or \"ask\". Empty = "
                   "nothing was said, so it is\n"
                   "allowed. The weightiest of corporate file, command line, this file and project decides."),
    one<AskTime, MEMBER(filter.ask_timeout)>(
        "filter.ask_timeout", "Time to answer a question; then the request is blocked. Seconds, or \"30s\"."),
    one<Switch, MEMBER(filter.cache_decisions)>(
        "filter.cache_decisions", "Whether answers may be remembered for the rest of the session."),
    added<read_rules, show_rule<policy::Rule>, IN_LAYER(filter.layers[layer].rules)>(
        "filter.rules",
        "Rules in order; in each layer the first that matches counts. Write one table each:\n"
        "  [[filter.rules]]\n"
        "  pattern = \"*.example.com\"\n"
        "  action = \"block\"          # \"allow\", \"block\" or \"ask\"\n"
        "  scope = \"host\"            # \"host\" (if left out), \"path\" or \"url\"\n"
        "  type = \"glob\"             # \"exact\", \"glob\" or \"regex\"; left out: regex if it has one of\n"
        "                            # ^ $ | ( ) [ ] { } + \\, else glob\n"
        "  methods = [\"POST\"]        # left out: every method\n"
        "  reason = \"No uploads\"     # told to who is blocked",
        true),
    added<read_domains, show_rule<policy::DomainRule>, IN_LAYER(filter.layers[layer].domains)>(
        "filter.domains",
        "Hosts with separate words for reading (GET, HEAD, OPTIONS) and writing; the most specific pattern "
        "counts:\n"
        "  [[filter.domains]]\n"
        "  pattern = \"api.example.com\"\n"
        "  read = \"allow\"\n"
        "  write = \"ask\"\n"
        "  paths = [{ methods = [\"POST\"], path = \"/admin/**\", action = \"block\" }]  # narrow what is "
        "allowed\n"
        "  other_paths = \"block\"     # what is allowed, but matches none of them; left out: stays allowed",
        true),

    redaction_switch("redaction.enabled",
                     "Whether the rules and names below are in force. In a layer above others, false "
                     "switches theirs off, too;\n"
                     "in a layer below it leaves those above alone. Built-in redaction is always on."),
    one<Size<1024>, MEMBER(redaction.max_scan_bytes)>(
        "redaction.max_scan_bytes",
        "Where there are rules, a body that is longer than this once decoded is not kept: nobody looks into "
        "it."),
    added<read_names<FieldName>, show_name, IN_LAYER(redaction.layers[layer].headers)>(
        "redaction.headers",
        "Header fields whose values are redacted, besides Authorization, Cookie, X-Api-Key and their like.",
        false),
    added<read_names<QueryKey>, show_name, IN_LAYER(redaction.layers[layer].query_keys)>(
        "redaction.query_keys",
        "Query parameters whose values are redacted, besides access_token, key, signature and their like.",
        false),
    added<read_redaction_rules, show_rule<RedactionRule>, IN_LAYER(redaction.layers[layer].rules)>(
        "redaction.rules",
        "Secrets that are replaced by [REDACTED:name] in all that is recorded, however they are encoded. "
        "Each "
        "has a pattern or a\n"
        "source, and every layer adds its own. Write one table each:\n"
        "  [[redaction.rules]]\n"
        "  name = \"github\"           # left out: rule-1, rule-2, ...\n"
        "  pattern = 'ghp_[A-Za-z0-9]{36}'                        # a regular expression (RE2), or\n"
        "  source = { env = \"GITHUB_TOKEN\" }                    # the secret itself, at least 4 bytes,\n"
        "  source = { file = \"~/.token\" }                       # read when Weir starts; it does not "
        "start\n"
        "  source = { env_file = \".env\", env_file_key = \"DB\" }  # when it is not there\n"
        "  source = { value = \"...\" }",
        true),

    added<read_budgets, show_rule<policy::Budget>, IN_LAYER(budget.layers[layer])>(
        "budget.limits",
        "How much may be spent. Every layer adds its own, and all are in force (docs/budgets.md). Write one "
        "table each:\n"
        "  [[budget.limits]]\n"
        "  limit = \"5usd/day\"     # usd, tokens, Mtok, calls, requests, MB (uploads); a session, hour, "
        "day, "
        "week, month, total\n"
        "  per = \"model\"          # counts apart: all, session, process, host, model\n"
        "  action = \"block\"       # what happens then: warn, ask or block\n"
        "  host = \"*.example\"     # only what is about these: host, model, process\n"
        "  unknown_price = \"15\"   # dollars for a million tokens of models without a price; left out: asks",
        true),

    one<Switch, MEMBER(models.enabled)>(
        "models.enabled",
        "Whether calls of models and of MCP servers are recorded as such (docs/models.md), besides the "
        "exchanges that they are.\nBudgets hold all the same."),
    one<Switch, MEMBER(models.previews)>(
        "models.previews",
        "Whether the beginnings of what was said are kept with them: prompts, answers, arguments and results "
        "of tools.\nfalse = lengths only; bodies are for capture.body_bytes."),
    one<Switch, MEMBER(models.redact)>("models.redact",
                                       "Whether what looks like a credential (keys of well-known services, "
                                       "private keys, tokens) is replaced\n"
                                       "by [REDACTED:kind] in what is kept of them. redaction.rules hold all "
                                       "the same."),
    added<read_model_hosts, show_rule<ModelHost>, IN_LAYER(models.hosts[layer])>(
        "models.hosts",
        "Hosts that serve models, besides those that are known. Write one table each:\n"
        "  [[models.hosts]]\n"
        "  pattern = \"*.llm.example\"\n"
        "  provider = \"openai\"      # who bills: one of docs/models.md, or a name of your own",
        true),
    added<read_model_prices, show_rule<ModelPrice>, IN_LAYER(models.prices[layer])>(
        "models.prices",
        "Prices of your own, before those of the table; `weir prices check` says which are missing. In "
        "dollars for a million\n"
        "tokens. Write one table each:\n"
        "  [[models.prices]]\n"
        "  provider = \"openai\"      # left out: any\n"
        "  model = \"our-model-*\"    # * = anything\n"
        "  input = \"0.5\"\n"
        "  output = 15\n"
        "  cache_read = \"0.05\"      # left out, as cache_write and cache_write_1h: as input",
        true),

    added<read_skip_rules, to_skip_table, IN_LAYER(log_skip.layers[layer])>(
        "log_skip.rules",
        "Requests that are never recorded, anywhere; the filter applies to them all the same. Write one "
        "table "
        "each:\n"
        "  [[log_skip.rules]]\n"
        "  pattern = \"*.bank.example\"  # pattern, scope, type and methods as in filter.rules",
        true),

    one<Time, MEMBER(logging.flush_timeout)>("logging.flush_timeout",
                                             "Time at the end for what receivers were not sent yet."),
    added<read_receivers, show_rule<LogReceiver>, IN_LAYER(logging.receivers[layer])>(
        "logging.receivers",
        "Where each exchange is sent when it has ended, besides the record. Traffic never waits for a "
        "receiver. "
        "Write one\n"
        "table each (docs/remote_logging.md has every key):\n"
        "  [[logging.receivers]]\n"
        "  name = \"central\"\n"
        "  type = \"syslog\"\n"
        "  transport = \"tcp\"         # \"local\" (if left out: path = \"/dev/log\"), \"udp\" or \"tcp\"\n"
        "  address = \"logs.example:514\"\n"
        "  [[logging.receivers]]\n"
        "  type = \"otlp\"\n"
        "  url = \"https://collector.example:4318/v1/logs\"\n"
        "  encoding = \"protobuf\"     # or \"json\"\n"
        "  bearer_token = { env = \"OTLP_TOKEN\" }\n"
        "  [[logging.receivers]]\n"
        "  type = \"http\"             # JSON Lines\n"
        "  url = \"https://logs.example/ingest\"\n"
        "  headers = { X-Api-Key = { file = \"~/.logkey\" } }",
        true),

    one<ControlAddress, MEMBER(control.listen)>(
        "control.listen",
        "Where to answer GET /metrics (Prometheus), such as \"127.0.0.1:9464\". Empty = nowhere."),
    one<OptionalPath, MEMBER(control.token_file)>(
        "control.token_file",
        "File with the token that clients must show there (Authorization: Bearer). Empty = none."),
    one<Switch, MEMBER(control.allow_remote)>(
        "control.allow_remote",
        "Whether that may be an address that other machines can reach; it takes a token, too."),

    many<Path, MEMBER(guest.uds)>(
        "guest.uds",
        "Unix sockets at which the relays of virtual machines and network namespaces (weir-guest) come in."),
    one<Count<0, UINT32_MAX - 1>, MEMBER(guest.vsock)>(
        "guest.vsock", "The same on this AF_VSOCK port, for KVM guests with a vhost-vsock device. 0 = none."),
    many<VsockSocketPath, MEMBER(guest.vsock_uds)>(
        "guest.vsock_uds",
        "The same for guests whose VMM maps vsock to Unix sockets (Firecracker, Cloud Hypervisor): the path "
        "it\n"
        "was given, \"PATH\" or \"PATH:PORT\". The socket is PATH_PORT; the port is 5002 unless given."),

    many<Listen, MEMBER(gateway.listen)>(
        "gateway.listen", "Where relays come in to `weir gateway` (docs/gateway.md). Port 0 takes any free."),
    one<OptionalPath, MEMBER(gateway.cert)>("gateway.cert",
                                            "PEM file of the certificate to show to relays, with its chain. "
                                            "Empty = plain HTTP, on loopback only."),
    one<OptionalPath, MEMBER(gateway.key)>("gateway.key", "PEM file of its key."),
    one<OptionalPath, MEMBER(gateway.sessions)>(
        "gateway.sessions",
        "File that says who may come in: [[session]] tables. Read again when it changes."),
    one<PathPrefix, MEMBER(gateway.prefix)>(
        "gateway.prefix", "Path before those of the protocol, such as \"/relay\". Empty = none."),
    one<Count<1, 1'000'000>, MEMBER(gateway.most_tunnels)>("gateway.most_tunnels",
                                                           "Tunnels that one session may have open."),
    one<Time, MEMBER(gateway.idle)>("gateway.idle",
                                    "Time a tunnel may have no frame; relays send a keep-alive every 30 s."),
};
#undef MEMBER
#undef IN_LAYER

}  // namespace

std::string_view Field::table() const {
  std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : key.substr(0, dot);
}

std::string_view Field::name() const { return key.substr(key.rfind('.') + 1); }

std::span<const Field> fields() { return kFields; }

const Field* find_field(std::string_view key) {
  const Field* found = std::ranges::find(kFields, key, &Field::key);
  return found == std::end(kFields) ? nullptr : found;
}

bool is_table(std::string_view name) {
  return !name.empty() &&
         std::ranges::any_of(kFields, [&](const Field& field) { return field.table() == name; });
}

std::optional<std::string_view> nearest_key(std::string_view key) {
  std::string folded = lower(key);
  std::ranges::replace(folded, '-', '_');
  std::string_view last = std::string_view(folded).substr(folded.rfind('.') + 1);
  std::optional<std::string_view> best;
  std::size_t best_distance = 3;  // further away is another word
  auto consider = [&](std::string_view candidate, std::size_t distance) {
    if (distance >= std::min(best_distance, candidate.size())) return;
    best = candidate;
    best_distance = distance;
  };
  for (const Field& field : kFields) {
    consider(field.key, edit_distance(folded, field.key));
    if (field.name() == last) consider(field.key, 1);  // the right name in the wrong table
    if (!field.table().empty()) consider(field.table(), edit_distance(folded, field.table()));
  }
  return best;
}

std::string default_file() {
  std::string out =
      "# Weir's configuration. Every key stands here with its default; remove the '#' in front of a key to "
      "change it.\n"
      "# `weir config check` finds mistakes, `weir config show` shows what is in force and where it comes "
      "from.\n";
  const Settings defaults;
  std::string_view table;
  for (const Field& field : kFields) {
    if (field.table() != table) out.append("\n[").append(table = field.table()).append("]\n");
    out += '\n';
    for (std::string_view rest = field.comment; !rest.empty();) {
      std::size_t end = rest.find('\n');
      out.append("# ").append(rest.substr(0, end)).append("\n");
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    out.append("#").append(field.name()).append(" = ").append(field.show(defaults).toml()).append("\n");
  }
  return out;
}

}  // namespace weir::config
