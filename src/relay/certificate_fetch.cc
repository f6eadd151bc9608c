#include "relay/certificate_fetch.h"

#include <optional>

#include "async/task_group.h"
#include "base/log.h"
#include "tls/certificate.h"
#include "tls/file.h"
#include "tls/trust_bundle.h"
#include "wire/h1_client.h"

namespace weir::relay {
namespace {

constexpr std::size_t kMostCertificate = 1 << 20;
constexpr std::size_t kMostBundle = 16 << 20;

http::RequestHead request_for(const BaseUrl& base) {
  http::RequestHead head;
  head.method = "GET";
  head.origin = base.origin;
  head.target = base.certificate_path();
  head.fields.add("Host", base.origin.place.authority(base.origin.scheme == http::Scheme::https));
  head.fields.add("Accept", "application/x-pem-file, text/plain;q=0.9, */*;q=0.5");
  return head;
}

/// One fetch, on its loop.
class Fetch final : private async::Timer {
 public:
  Fetch(async::Loop& loop, const BaseUrl& base, const tls::ClientContext& tls,
        const wire::ConnectorOptions& options, Duration patience)
      : Timer(loop),
        base_(base),
        resolver_(loop),
        dialer_(loop, resolver_),
        connector_(loop, dialer_, tls, options),
        group_(loop) {
    schedule(loop.now() + patience);
    group_.spawn(run());
  }

  Result<std::string> take() {
    if (late_) return fail(Code::upstream_timeout, base_.str() + " did not send its CA certificate in time");
    return std::move(result_);
  }

 private:
  void fire() override {
    late_ = true;
    connector_.cancel();
    if (http_) http_->cancel();
  }

  async::Task<void> run() {
    result_ = co_await get();
    http_.reset();
    cancel();
    loop().stop();
  }

  async::Task<Result<std::string>> get() {
    wire::Route route{base_.origin, base_.origin.place, wire::Offer::http1, wire::Caller::settings};
    auto connected = co_await connector_.connect(std::move(route));
    if (!connected) co_return pass(connected);
    if (late_) co_return fail(Code::upstream_timeout);
    http_.emplace(std::move(connected->tunnel.stream), limits_, connected->forwarder.has_value());
    if (connected->forwarder) http_->set_proxy_authorization(connected->forwarder->authorization);
    http_->begin("GET", false);
    auto sent = co_await http_->send(request_for(base_), nullptr);
    if (!sent) co_return pass(sent);
    auto head = co_await http_->receive_head();
    if (!head) co_return pass(head);
    if (head->status / 100 != 2)
      co_return fail(Code::upstream_bad_response,
                     base_.str() + " answered " + std::to_string(head->status) + " for its CA certificate");
    co_return co_await read_body();
  }

  async::Task<Result<std::string>> read_body() {
    std::string out;
    for (;;) {
      auto part = co_await http_->body().read();
      if (!part) co_return pass(part);
      if (part->empty()) co_return out;
      out += *part;
      if (out.size() > kMostCertificate)
        co_return fail(Code::upstream_bad_response,
                       base_.str() + " sent more than 1 MiB as its CA certificate");
    }
  }

  const BaseUrl& base_;
  net::Resolver resolver_;
  net::Dialer dialer_;
  wire::Connector connector_;
  const wire::ClientLimits limits_;
  std::optional<wire::H1ClientConnection> http_;
  Result<std::string> result_;
  bool late_ = false;
  async::TaskGroup group_;
};

Result<std::string> read_system(const std::string& named) {
  if (!named.empty()) return tls::read_file(named, kMostBundle);
  auto found = tls::system_bundle();
  auto text = found ? tls::read_file(*found, kMostBundle) : Result<std::string>(pass(found));
  if (text) return text;
  log::warn("programs will trust the gateway's CA alone: {}", text.error().context());
  return std::string();
}

}  // namespace

Result<std::string> fetch_certificate(const BaseUrl& base, const tls::ClientContext& tls,
                                      wire::ConnectorOptions options, Duration patience) {
  async::Loop loop;
  Fetch fetch(loop, base, tls, options, patience);
  loop.run();
  auto text = fetch.take();
  if (!text) return text;
  auto certificates = tls::parse_certificates(*text, base.str() + base.certificate_path());
  if (!certificates) return pass(certificates);
  std::string out;
  for (const tls::X509Ptr& each : *certificates) out += tls::to_pem(each.get());
  return out;
}

Result<void> write_relay_bundle(const std::filesystem::path& path, const std::string& system,
                                const std::string& pem) {
  auto text = read_system(system);
  if (!text) return pass(text);
  // The bundle of an earlier start may be what the environment calls the system's.
  if (!text->contains(pem)) *text += (text->empty() || text->ends_with('\n') ? "\n" : "\n\n") + pem;
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (error) return fail(Code::io, path.parent_path().string() + ": " + error.message());
  return tls::write_atomically(path, *text, 0644);
}

}  // namespace weir::relay
