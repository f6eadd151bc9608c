// Sessions: what must not leave, in the name of a place or in a tunnel whose bytes nobody understands.
#include "base/log.h"
#include "broker/place.h"
#include "proxy/session.h"

namespace weir::proxy {

Result<void> Session::judge_place(const HostPort& place) {
  if (services_.secrets == nullptr) return {};
  auto judged = broker::judge_place(services_.secrets->bindings(), *services_.secrets->guard(), place);
  if (!judged) log::warn("SECRET: a connection is refused: {}", judged.error().message());
  return judged;
}

void Session::describe_unnamed(flow::Flow& flow, const HostPort& place) {
  describe_tunnel(flow, {"(not shown)", place.port}, flow::Interception::passthrough);
}

async::Task<void> Session::refuse_place(wire::Incoming& incoming, const Error& error) {
  Recording recording(services_.recorder);
  describe_unnamed(recording.flow(), incoming.head().origin.place);
  recording.flow().request.version = incoming.head().version;
  recording.fail(error.code(), error.context());
  ErrorResponse made = prepare_answer(recording, error);
  wire::TextBody body(std::move(made.body));
  auto answered = co_await incoming.respond(made.head, &body);
  if (!answered) recording.mark("answer_not_delivered");
}

async::Task<Result<void>> Session::refuse_socks_place(const HostPort& place, Error error) {
  {
    Recording recording(services_.recorder);
    describe_unnamed(recording.flow(), place);
    recording.mark("socks5");
    recording.fail(error.code(), error.context());
    auto answered = co_await answer_socks(*stream_, socks_reply_for(error));
    if (!answered) recording.mark("answer_not_delivered");
  }
  co_await linger();
  co_return Failure(std::move(error));
}

// What can be said to a client that waits for the answer to its ClientHello.
async::Task<Result<void>> Session::refuse_server_name(const HostPort& place, Error error) {
  {
    Recording recording(services_.recorder);
    describe_tunnel(recording.flow(), place, flow::Interception::intercepted);
    recording.fail(error.code(), error.context());
  }
  auto told = co_await stream_->write(kAccessDenied);
  if (told) co_await linger();
  co_return Failure(std::move(error));
}

std::unique_ptr<TunnelGuard> Session::guard_tunnel(const HostPort& place) {
  Secrets* secrets = services_.secrets;
  if (secrets == nullptr) return nullptr;
  auto explain = [secrets, place](broker::Guarded thing) {
    Error error = broker::leak_in_tunnel(secrets->bindings(), thing, place);
    log::warn("SECRET: a tunnel is cut: {}", error.message());
    return error;
  };
  return guard_bytes({*secrets, {}, std::move(explain)});
}

}  // namespace weir::proxy
