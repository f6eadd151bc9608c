// Usage as OpenAI counts it: the whole input and the whole output, cached and reasoning tokens within.
#pragma once

#include <string_view>

#include "llm/model_call.h"

namespace weir::llm {

/// Reads the usage object of Chat Completions, Completions, Embeddings or Responses, or null, into the call.
void read_openai_usage(std::string_view json, ModelCall& call);

/// Some hosts (xAI) leave reasoning out of the output. Where their own total says so it is added.
void add_reasoning_left_out(Usage& usage);

}  // namespace weir::llm
