// HttpChannel: batches as requests to an HTTP(S) server. The one place that sees libcurl.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/remote_channel.h"

using CURL = void;
using CURLM = void;
struct curl_slist;

namespace weir::store {

/// One request a batch, on a connection that is kept. 2xx is success, but for the entries that `partial`
/// finds refused in the answer; after 413 half of the batch is sent; another answer that `try_again` is false
/// for means that the receiver will never have this batch. Redirects are not followed. Certificates are
/// verified. No secret of `headers` or `url` gets into an error.
class HttpChannel final : public RemoteChannel {
 public:
  struct Options {
    std::string url;
    std::string method = "POST";
    std::string content_type;
    std::vector<std::pair<std::string, std::string>> headers;  ///< values are secrets
    bool gzip = false;
    std::string ca;     ///< PEM file of the roots to trust in place of the system's; empty = the system's
    std::string proxy;  ///< its URL; empty = none, whatever the environment says
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
  void set_up();
  Result<Answer> request(const std::string& body, const RemoteDeadline& deadline);
  Result<> transfer(const RemoteDeadline& deadline);
  RemoteDelivery taken(std::string_view answer, std::size_t entries) const;

  const Options options_;
  const std::string place_;  // of the URL, for messages
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::unique_ptr<CURL, Free> easy_;
};

/// "https://host:port" of a URL: what may be shown of it.
std::string shown_place(std::string_view url);

}  // namespace weir::store
