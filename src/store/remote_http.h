// HttpChannel: batches as requests to an HTTP(S) server. The one place that sees libcurl.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/secret_text.h"
#include "store/remote_channel.h"

using CURL = void;
using CURLM = void;
struct curl_slist;

namespace weir::store {

/// One request a batch, on a connection that is kept. 2xx is success, but for the entries that `partial`
/// finds refused in the answer; after 413 half of the batch is sent; another answer that `try_again` is false
/// for means that the receiver will never have this batch. Redirects are not followed. Certificates are
/// verified. No secret gets into an error; each is in ordinary memory only while a request is under way.
class HttpChannel final : public RemoteChannel {
 public:
  struct Header {
    std::string name;
    std::string before;  ///< of the value, what is no secret: "Bearer "
    SecretText value;
  };
  struct Options {
    std::string url;
    std::string method = "POST";
    std::string content_type;
    std::vector<Header> headers;
    bool gzip = false;
    std::string ca;  ///< PEM file of the roots to trust in place of the system's; empty = the system's
    /// URL without user and password; empty = none, whatever the environment says.
    std::string proxy;
    SecretText proxy_authorization;             ///< of an HTTP proxy: the value of Proxy-Authorization
    std::string proxy_user;                     ///< of a SOCKS proxy
    SecretText proxy_password;                  ///< the same
    std::chrono::milliseconds timeout{10'000};  ///< of a whole request
    std::function<std::string(std::span<const RemoteEntry>)> body;
    std::function<bool(long status)> try_again;
    std::function<RemoteRefusal(std::string_view answer)> partial = {};  ///< none = a 2xx is for all
  };

  explicit HttpChannel(Options options);
  ~HttpChannel() override;

  RemoteDelivery send(std::span<const RemoteEntry> batch, const RemoteDeadline& deadline) override;

 private:
  struct Answer {
    long status = 0;
    std::string text;  ///< the beginning
    std::chrono::milliseconds retry_after{};
  };
  struct Free {
    void operator()(CURL* easy) const;
  };
  struct FreeMulti {
    void operator()(CURLM* multi) const;
  };
  struct FreeList {
    void operator()(curl_slist* list) const;
  };
  using List = std::unique_ptr<curl_slist, FreeList>;
  struct Fields {
    List origin, proxy;
  };
  void make_easy();
  Fields show_secrets();
  void forget_secrets();
  Result<Answer> request(const std::string& body, const RemoteDeadline& deadline);
  Result<> transfer(const RemoteDeadline& deadline);
  RemoteDelivery taken(std::string_view answer, std::size_t entries) const;

  const Options options_;
  const std::string place_;  // of the URL, for messages
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::unique_ptr<CURL, Free> easy_;
};

/// "https://host:port" of a URL: what may be shown of it.
std::string shown_place(std::string_view url);

}  // namespace weir::store
