#include "app/token_fetch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <vector>

namespace weir::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Takes connections, and says nothing.
class SilentEndpoint {
 public:
  explicit SilentEndpoint(int backlog = 16) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{
        .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof address_;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), backlog), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
  }

  std::string url() const {
    return "https://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/token";
  }
  /// The next connection, when its client has begun to speak.
  UniqueFd spoken_to() const {
    UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char byte;
    EXPECT_EQ(::recv(client.get(), &byte, 1, MSG_PEEK), 1);
    return client;
  }
  /// From then on connections hang: the kernel lets no more of them in.
  void fill_up() {
    pollfd wait{};
    do {
      UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
      wait = {client.get(), POLLOUT, 0};
      fillers_.push_back(std::move(client));
    } while (::poll(&wait, 1, 100) == 1);
  }

 private:
  UniqueFd listener_;
  sockaddr_in address_{};
  std::vector<UniqueFd> fillers_;
};

class TokenFetchTest : public ::testing::Test {
 protected:
  Result<TokenAnswer> fetch(const std::string& url, Duration patience) {
    broker::TokenRequest request;
    std::string body = "grant_type=none";
    request.body = *SecretBytes::take(body);
    return fetch_token(url, request, tls_, {}, patience, stop_.get());
  }
  std::future<Result<TokenAnswer>> begin(const std::string& url) {
    return std::async(std::launch::async, [this, url] { return fetch(url, seconds(600)); });
  }
  void stop() const { ::eventfd_write(stop_.get(), 1); }
  static Code code_of(std::future<Result<TokenAnswer>> answer) {
    // Connector's own patience is 10 s.
    if (answer.wait_for(seconds(5)) != std::future_status::ready) return Code::internal;
    auto out = answer.get();
    return out ? Code::internal : out.error().code();
  }

  tls::ClientContext tls_ = std::move(*tls::ClientContext::make({}));
  UniqueFd stop_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

TEST_F(TokenFetchTest, IsStoppedWhileTheEndpointSaysNothing) {
  SilentEndpoint endpoint;
  auto answer = begin(endpoint.url());
  UniqueFd client = endpoint.spoken_to();
  stop();
  EXPECT_EQ(code_of(std::move(answer)), Code::shutting_down);
}

TEST_F(TokenFetchTest, IsStoppedWhileItDials) {
  SilentEndpoint endpoint(0);
  endpoint.fill_up();
  auto answer = begin(endpoint.url());
  EXPECT_EQ(answer.wait_for(milliseconds(50)), std::future_status::timeout);
  stop();
  EXPECT_EQ(code_of(std::move(answer)), Code::shutting_down);
}

TEST_F(TokenFetchTest, WhatIsStoppedBeforeItBeginsDoesNotBegin) {
  SilentEndpoint endpoint;
  stop();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(code_of(begin(endpoint.url())), Code::shutting_down);
}

TEST_F(TokenFetchTest, PatienceEnds) {
  SilentEndpoint endpoint;
  auto answer = fetch(endpoint.url(), milliseconds(50));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::upstream_timeout);
  EXPECT_EQ(answer.error().context(), endpoint.url() + " did not answer in time");
}

}  // namespace
}  // namespace weir::app
