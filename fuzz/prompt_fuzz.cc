// Two requests of one conversation, from anybody: a line that names the protocol, the first, a line "--", the
// second. What changed is found within both, the same request changes nothing, and memory is bounded.
#include "harness.h"
#include "llm/call_reader.h"
#include "llm/prompt_threads.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::size_t line = std::min(input.find('\n'), input.size());
  llm::ModelCall call;
  for (int i = 0; i <= static_cast<int>(llm::kLastProtocol); ++i)
    if (auto protocol = static_cast<llm::Protocol>(i); llm::name(protocol) == input.substr(0, line))
      call.protocol = protocol;
  input.remove_prefix(std::min(line + 1, input.size()));
  std::size_t middle = std::min(input.find("\n--\n"), input.size());
  std::string_view first = input.substr(0, middle), second = input.substr(std::min(middle + 4, input.size()));

  llm::Prompt before(call.protocol, std::string(first), false),
      same(call.protocol, std::string(first), false);
  llm::Prompt after(call.protocol, std::string(second), false);
  fuzz::require(before.change_to(same).reason == llm::PromptBreak::none, "the same request changes nothing");
  llm::PromptChange change = before.change_to(after);
  fuzz::require(change.shared <= second.size() && change.bytes <= second.size(), "within the request");
  for (llm::PromptSample* sample : {&change.before, &change.after}) {
    fuzz::require(sample->at <= sample->text.size(), "the place is in the sample");
    sample->cut();
    fuzz::require(sample->text.size() <= llm::PromptSample::kShown, "samples are short");
    fuzz::require(sample->at <= sample->text.size(), "the place is in the short sample");
  }

  llm::PromptThreads threads(1 << 16);
  call.opening = 1;
  call.status = 200;
  for (std::string_view body : {first, second, first}) {
    llm::PromptChange found = threads.request("anyone", "m", call, body);
    call.usage.cache_read = static_cast<std::int64_t>(size);
    threads.ended(call, found);
    fuzz::require(threads.held() <= (1 << 16), "what is kept is bounded");
  }
  return 0;
}
