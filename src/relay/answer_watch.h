// AnswerWatch: reads along what the gateway answers to a CONNECT, for the status. The client gets it
// verbatim.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/h1/head.h"
#include "proxy/tunnel.h"
#include "relay/trouble.h"

namespace weir::relay {

class AnswerWatch {
 public:
  AnswerWatch();

  /// Of the bytes as they come; forgets them once the head is whole, or cannot be one.
  void take(std::string_view bytes);
  /// True when nothing more is to be seen.
  bool done() const { return done_; }
  /// What the answer says, where it is no consent.
  const std::optional<Mishap>& mishap() const { return mishap_; }
  bool consented() const { return done_ && !mishap_; }

 private:
  void judge();

  http::h1::HeadScanner scanner_;
  std::string head_;
  bool done_ = false;
  std::optional<Mishap> mishap_;
};

}  // namespace weir::relay
