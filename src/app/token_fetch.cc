#include "app/token_fetch.h"

#include <optional>

#include "async/task_group.h"
#include "async/watch.h"
#include "wire/h1_client.h"

namespace weir::app {
namespace {

/// What is sent: a view of memory that others own.
class SecretBody final : public wire::Body {
 public:
  explicit SecretBody(std::string_view text) : text_(text) {}
  async::Task<Result<std::string_view>> read() override { co_return std::exchange(text_, {}); }
  bool ready() const override { return true; }
  bool finished() const override { return text_.empty(); }
  std::optional<std::uint64_t> length() const override { return text_.size(); }
  const http::Fields& trailers() const override { return trailers_; }

 private:
  std::string_view text_;
  http::Fields trailers_;
};

Result<http::RequestHead> head_for(const std::string& url, const broker::TokenRequest& request) {
  constexpr std::string_view kScheme = "https://";
  http::RequestHead head;
  head.method = "POST";
  if (!url.starts_with(kScheme)) return fail(Code::bad_config, url + " is not https://");
  std::string_view rest = std::string_view(url).substr(kScheme.size());
  std::size_t slash = std::min(rest.find('/'), rest.size());
  auto place = parse_host_port(rest.substr(0, slash), 443);
  if (!place) return fail(Code::bad_config, url + ": " + place.error().context());
  head.origin = {http::Scheme::https, std::move(*place)};
  head.target = slash == rest.size() ? "/" : std::string(rest.substr(slash));
  head.fields.add("Host", head.origin.place.authority(true));
  for (std::size_t i = 0; i < request.fields.size(); ++i) {
    http::Fields::View field = request.fields[i];
    if (request.fields.secret(i))
      head.fields.add_secret(field.name, field.value);
    else
      head.fields.add(field.name, field.value);
  }
  head.fields.add("Content-Length", std::to_string(request.body.size()));
  return head;
}

class Fetch final : private async::Timer {
 public:
  Fetch(async::Loop& loop, const http::RequestHead& head, std::string_view body,
        const tls::ClientContext& tls, const wire::ConnectorOptions& options, Duration patience, int stop)
      : Timer(loop),
        head_(head),
        body_(body),
        resolver_(loop),
        dialer_(loop, resolver_),
        options_(quiet(options)),
        connector_(loop, dialer_, tls, options_),
        group_(loop) {
    schedule(loop.now() + patience);
    if (stop >= 0) watch_stop(stop);
    group_.spawn(run());
  }

  Result<TokenAnswer> take() {
    if (given_up_ == Code::shutting_down) return fail(*given_up_);
    if (given_up_) return fail(*given_up_, head_.url() + " did not answer in time");
    return std::move(result_);
  }

 private:
  static wire::ConnectorOptions quiet(wire::ConnectorOptions options) {
    options.secret_answers = true;
    return options;
  }

  void watch_stop(int fd) {
    stop_.emplace(loop(), fd);
    stop_->read_drained();  // the kernel says how it is
    stop_->on_edge([this] {
      if (stop_->can_read()) loop().post([this] { give_up(Code::shutting_down); });
    });
  }

  void fire() override { give_up(Code::upstream_timeout); }

  void give_up(Code why) {
    if (given_up_) return;
    given_up_ = why;
    connector_.cancel();
    if (http_) http_->cancel();
  }

  async::Task<void> run() {
    result_ = co_await ask();
    http_.reset();
    cancel();
    loop().stop();
  }

  async::Task<Result<TokenAnswer>> ask() {
    wire::Route route{head_.origin, head_.origin.place, wire::Offer::http1, wire::Caller::settings};
    auto connected = co_await connector_.connect(std::move(route));
    if (!connected) co_return pass(connected);
    if (given_up_) co_return fail(*given_up_);
    http_.emplace(std::move(connected->tunnel.stream), limits_, connected->forwarder.has_value());
    http_->keep_answers_secret();
    http_->begin(head_.method, false);
    SecretBody body(body_);
    auto sent = co_await http_->send(head_, &body);
    if (!sent) co_return pass(sent);
    auto head = co_await http_->receive_head();
    while (head && head->informational()) head = co_await http_->receive_head();
    if (!head) co_return pass(head);
    TokenAnswer out{.status = head->status};
    out.body.reserve(broker::kMostTokenResponse + 1);  // in one place, to be zeroed there
    for (;;) {
      auto part = co_await http_->body().read();
      if (!part) co_return pass(part);
      if (part->empty()) co_return out;
      if (out.body.size() + part->size() > broker::kMostTokenResponse)
        co_return fail(Code::upstream_bad_response, head_.url() + " sent more than 256 KiB");
      out.body += *part;
    }
  }

  const http::RequestHead& head_;
  std::string_view body_;
  net::Resolver resolver_;
  net::Dialer dialer_;
  const wire::ConnectorOptions options_;
  wire::Connector connector_;
  const wire::ClientLimits limits_;
  std::optional<wire::H1ClientConnection> http_;
  Result<TokenAnswer> result_;
  std::optional<Code> given_up_;
  std::optional<async::Watch> stop_;
  async::TaskGroup group_;
};

}  // namespace

Result<TokenAnswer> fetch_token(const std::string& url, const broker::TokenRequest& request,
                                const tls::ClientContext& tls, const wire::ConnectorOptions& options,
                                Duration patience, int stop) {
  auto head = head_for(url, request);
  if (!head) return pass(head);
  async::Loop loop;
  Fetch fetch(loop, *head, request.body.reveal(), tls, options, patience, stop);
  loop.run();
  return fetch.take();
}

}  // namespace weir::app
