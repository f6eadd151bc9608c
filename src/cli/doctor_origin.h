// DoctorOrigin: a small HTTPS server on loopback, for `weir doctor` to reach through a real interception.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "async/task_group.h"
#include "net/listener.h"
#include "tls/authority.h"
#include "tls/server_context.h"

namespace weir::cli {

/// Answers every request with 200 and kGreeting (to git: as the name of a branch). Its certificate comes from
/// an authority made for it in `folder`. Runs on a thread of its own until destroyed.
class DoctorOrigin {
 public:
  static constexpr std::string_view kGreeting = "weir-doctor-ok";

  static Result<std::unique_ptr<DoctorOrigin>> start(const std::string& folder);
  ~DoctorOrigin();

  std::string url() const { return "https://localhost:" + std::to_string(port_) + "/"; }
  /// The root that an upstream client must trust.
  std::string ca_file() const { return authority_.certificate_path(); }

 private:
  DoctorOrigin(tls::Authority authority, tls::LeafPtr leaf, tls::ServerContext context, UniqueFd socket);
  async::Task<void> accept();
  async::Task<void> serve(UniqueFd socket);
  async::Task<void> finish();

  tls::Authority authority_;
  tls::LeafPtr leaf_;
  tls::ServerContext context_;
  std::uint16_t port_;
  async::Loop loop_;
  net::Listener listener_;
  async::TaskGroup tasks_;
  async::TaskGroup finishing_;
  std::thread thread_;
};

}  // namespace weir::cli
