// DoctorOrigin: a small server on loopback, for `weir doctor` to reach through a real interception. It is
// every host there is: HTTPS of its own, and an HTTP proxy that leads nowhere but to itself.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "async/task_group.h"
#include "net/listener.h"
#include "net/tcp_stream.h"
#include "tls/authority.h"
#include "tls/server_context.h"
#include "wire/h1_server.h"

namespace weir::cli {

/// Answers every request with 200 and kGreeting (to git: as the name of a branch), as whatever host it was
/// sent to. Its certificates come from an authority made for it in `folder`. Runs on a thread of its own
/// until destroyed.
class DoctorOrigin {
 public:
  static constexpr std::string_view kGreeting = "weir-doctor-ok";

  static Result<std::unique_ptr<DoctorOrigin>> start(const std::string& folder);
  ~DoctorOrigin();

  std::string url() const { return "https://localhost:" + std::to_string(port_) + "/"; }
  /// As an upstream proxy.
  std::string proxy_url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// The root that an upstream client must trust.
  std::string ca_file() const { return authority_.certificate_path(); }

 private:
  DoctorOrigin(tls::Authority authority, tls::ServerContext context, UniqueFd socket);
  async::Task<void> accept();
  async::Task<void> serve(UniqueFd socket);
  async::Task<std::string> first_bytes(net::Stream& stream);
  async::Task<void> serve_tls(std::unique_ptr<net::TcpStream> tcp, HostPort place, std::string first);
  async::Task<void> serve_http(net::Stream& stream, const http::Origin& origin, std::string first);
  async::Task<void> answer(wire::H1ServerConnection& http, wire::Incoming& incoming);
  async::Task<void> finish();

  tls::Authority authority_;
  tls::ServerContext context_;
  std::uint16_t port_;
  async::Loop loop_;
  net::Listener listener_;
  async::TaskGroup tasks_;
  async::TaskGroup finishing_;
  std::thread thread_;
};

}  // namespace weir::cli
