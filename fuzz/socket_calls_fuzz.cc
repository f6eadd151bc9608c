// The messages of a WebSocket that carries model calls, from anybody: the first line names the protocol; of
// the others each is a message, from the client where it begins with ">". Whatever they are, what is kept and
// told is bounded, and each call is told once.
#include "harness.h"
#include "llm/socket_calls.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto line = [&text] {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
  };
  auto protocol = line() == "realtime" ? llm::Protocol::openai_realtime : llm::Protocol::openai_responses;
  std::size_t messages = 0, told = 0;
  llm::SocketCalls calls(protocol, {}, "a-model", {}, [&](const llm::ModelCall& call) {
    ++told;
    fuzz::require(call.text.text.size() <= llm::kPreviews.text, "previews are bounded");
    fuzz::require(call.message_id.size() <= 512 && call.model_served.size() <= 512, "names are bounded");
    fuzz::require(call.websocket, "each is one over a WebSocket");
  });
  while (!text.empty()) {
    std::string_view each = line();
    bool client = each.starts_with('>');
    std::vector<char> copy(each.begin() + client, each.end());
    llm::SocketCalls::Message message{
        .text = {copy.data(), copy.size()}, .cut = each.size() % 7 == 0, .at = {}};
    client ? calls.from_client(message) : calls.from_upstream(message);
    if (++messages % 11 == 0) calls.left_out("fuzz");
    fuzz::require(told <= messages, "a message ends one call at most");
  }
  std::size_t before = told;
  calls.finish({});
  fuzz::require(told - before <= llm::SocketCalls::kMostOpen, "those under way are bounded");
  calls.finish({});
  fuzz::require(told <= messages, "each is told once");
  return 0;
}
