// Writing one HTTP/1 message, either side: a head that is encoded already, then a pulled body.
#pragma once

#include <string>

#include "net/stream.h"
#include "wire/body.h"

namespace weir::wire {

struct Writing {
  bool chunked = false;
  Duration idle_limit = Duration::zero();  ///< for each write; zero = none
  bool secret = false;                     ///< the head holds one: it is overwritten when it was sent
  bool head_sent = false;                  ///< out: whether the peer can have seen any of it
};

/// Pulls `body` (null: none) to its end. The head goes out together with the first part of the body when that
/// is there already, alone when it would have to wait: a client must see the head of an event stream at once.
/// When the body fails before the head went out, nothing is sent.
async::Task<Result<void>> write_message(net::Stream& stream, std::string head, Body* body, Writing& how);

}  // namespace weir::wire
