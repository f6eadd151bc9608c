#include "tests/support/playbook.h"

#include <gtest/gtest.h>

namespace weir::testing {

void Playbook::complain(const Where& where, const std::string& text) {
  broken_ = true;
  ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << text;
}

Peer& Playbook::client(Where) {
  return peers_.emplace_back(*stage_, broken_, stage_->connect(), fmt::format("client {}", ++clients_));
}

Peer& Playbook::tunnel(Where where) {
  Peer& peer = client(where);
  peer.sends("CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\n\r\n", where);
  peer.expects("HTTP/1.1 200 Connection established\r\n\r\n", where);
  return peer;
}

Peer& Playbook::secure_client(std::string sni, Where where) {
  Peer& peer = tunnel(where);
  peer.starts_tls(client_tls(std::move(sni)), where);
  return peer;
}

Peer& Playbook::upstream(Where where) {
  UniqueFd socket = broken_ ? UniqueFd() : stage_->accept();
  if (!socket && !broken_) complain(where, "expected a connection to the origin but none came");
  return peers_.emplace_back(*stage_, broken_, std::move(socket), fmt::format("upstream {}", ++upstreams_));
}

Peer& Playbook::secure_upstream(Where where) {
  Peer& peer = upstream(where);
  peer.starts_tls(origin_tls(), where);
  return peer;
}

void Playbook::no_upstream(Where where) {
  if (!broken_ && stage_->dialled_more()) complain(where, "expected no further connection to an origin");
}

tls::SslPtr Playbook::client_tls(std::string host) {
  if (host.empty()) host = stage_->origin().host;
  return tls::testing::plain_client({stage_->authority()}, host);
}

std::string Playbook::names() const { return stage_->origin().host; }

tls::SslPtr Playbook::origin_tls(tls::testing::ServerRecipe recipe) {
  origin_.emplace(tls::testing::Origin{tls::testing::make_server(&stage_->upstream_root(), recipe)});
  return origin_->new_session();
}

flow::Flow Playbook::records(const Account& wanted, Where where) {
  if (broken_) return {};
  auto flow = stage_->closed();
  if (!flow) {
    complain(where, "expected an account but none was closed");
    return {};
  }
  int status = flow->has_response ? flow->response.status : 0;
  std::string text;
  auto differs = [&](std::string_view what, const auto& expected, const auto& got) {
    text += fmt::format("\n  {}: expected {}, got {}", what, expected, got);
  };
  if (wanted.error != flow->error) differs("error", info(wanted.error).name, info(flow->error).name);
  if (wanted.status && *wanted.status != status) differs("status", *wanted.status, status);
  if (wanted.marks && *wanted.marks != flow->marks) differs("marks", *wanted.marks, flow->marks);
  if (wanted.reused && *wanted.reused != flow->upstream_reused)
    differs("reused", *wanted.reused, flow->upstream_reused);
  if (wanted.interception && *wanted.interception != flow->interception)
    differs("interception", name(*wanted.interception), name(flow->interception));
  if (wanted.request_body && *wanted.request_body != flow->request_body.bytes)
    differs("request body", *wanted.request_body, flow->request_body.bytes);
  if (wanted.response_body && *wanted.response_body != flow->response_body.bytes)
    differs("response body", *wanted.response_body, flow->response_body.bytes);
  if (!text.empty())
    complain(where, fmt::format("the account of {} {} differs:{}\n  (error detail: {})", flow->request.method,
                                flow->request.url(), text, flow->error_detail));
  return *flow;
}

void Playbook::ends(Where where) {
  if (std::exchange(ended_, true)) return;
  for (Peer& peer : peers_) {
    if (broken_ || !peer.open()) continue;
    std::string left = peer.leftover();
    if (!left.empty())
      complain(where, fmt::format("{} got more than the dialogue spoke of:\n{}", peer.name(), left));
  }
  if (!broken_ && stage_->dialled_more())
    complain(where, "the proxy made a connection the dialogue does not speak of");
  for (Peer& peer : peers_) peer.closes();
  bool clean = stage_->end();
  if (broken_) return;
  if (!clean) complain(where, "the proxy holds on to something after its clients have gone");
  if (auto flow = stage_->closed())
    complain(where, fmt::format("an account the dialogue does not speak of: {} {}, status {}, error {} {}",
                                flow->request.method, flow->request.url(), flow->response.status,
                                info(flow->error).name, flow->error_detail));
}

}  // namespace weir::testing
