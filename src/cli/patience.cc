#include "cli/patience.h"

#include <poll.h>
#include <unistd.h>

#include <chrono>

#include "cli/verbs.h"

namespace weir::cli {

bool Patience::pause() {
  constexpr std::chrono::milliseconds kInterval{200};
  if (auto signal = signals_.wait(kInterval)) ended_by_ = signal->number;
  pollfd reader{STDOUT_FILENO, 0, 0};
  bool reader_gone = poll(&reader, 1, 0) > 0 && (reader.revents & (POLLERR | POLLHUP));
  return ended_by_ == 0 && !reader_gone;
}

int Patience::exit_code() const { return ended_by_ == 0 ? kExitOk : 128 + ended_by_; }

}  // namespace weir::cli
