// What the protocol readers share: small steps through a JSON text into a ModelCall.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "llm/json_cursor.h"
#include "llm/model_call.h"

namespace weir::llm {

/// Marks the call when the walk through `json` did not reach its end. `cut`: its end is known to be missing.
void mark_if_broken(const JsonCursor& json, bool cut, std::string_view what, ModelCall& call);

/// Whether the text that was kept is JSON; unset when not all of it was kept. Nothing at all counts as `{}`.
std::optional<bool> is_json(const Preview& text);

/// A text that is a string or an array of parts with a `text`: appends all of it, parts without a gap.
void append_text(std::string_view content, Preview& preview, std::size_t limit);
/// The same for a tool result; what is no text is counted and kept as raw JSON.
void append_result_text(std::string_view content, ToolResult& result, ModelCall& call);

/// Every whole number in the object becomes a detail "prefix.key".
void read_details(JsonCursor& json, std::string_view prefix, Usage& usage);

/// Messages of a request that came after the model last spoke. Views of the request.
class TrailingMessages {
 public:
  static constexpr std::size_t kMost = 1024;

  struct Message {
    std::string_view role, content, call_id, name;
  };
  void model_spoke() { messages_.clear(); }
  /// It called a tool, where calls and results may take turns within what it said at once: results (role
  /// "tool") stay, the newest of them.
  void model_called();
  void add(const Message& message) {
    if (opening_.empty()) opening_ = message.content;
    if (messages_.size() < kMost) messages_.push_back(message);
  }
  const std::vector<Message>& messages() const { return messages_; }
  /// Of the text that the conversation began with, which clients send again with every call; 0: none.
  std::uint64_t opening() const;

 private:
  static constexpr std::size_t kMostResults = 64;

  std::string_view opening_;
  std::vector<Message> messages_;
};

/// Messages with a role, where a string or parts are what was said and a message of its own is the result of
/// a tool: what all but Google and the Responses API have made of OpenAI's.
void read_messages(JsonCursor& json, TrailingMessages& trailing, ModelCall& call);
/// What the user said last, or what a tool did.
void read_new_message(const TrailingMessages::Message& message, ModelCall& call);

/// The end of a request: what is new in it goes to `read`, unless it is cut off: then nobody knows which
/// messages are the last.
template <typename Read>
void end_request(const JsonCursor& json, bool cut, const TrailingMessages& trailing, ModelCall& call,
                 Read&& read) {
  mark_if_broken(json, cut, "request", call);
  call.opening = trailing.opening();
  if (!json.broken())
    for (const auto& message : trailing.messages()) read(message, call);
}

/// Appends the next string to what the model said; false where there is nothing in it.
bool append_said(JsonCursor& json, Preview& preview);

/// Where the tool calls of a stream are, by the numbers the protocol gives them. Bounded.
class ToolSlots {
 public:
  struct Key {
    std::int64_t choice = 0, index = 0;
    bool operator==(const Key&) const = default;
  };
  ToolCall* find(Key key, ModelCall& call);
  /// A new call under that key, or nothing when there are too many.
  ToolCall* open(Key key, ModelCall& call);

 private:
  struct Slot {
    Key key;
    std::size_t ordinal;
  };
  std::vector<Slot> slots_;
  std::size_t last_ = 0;
};

/// Adds the tool to those offered, counting it.
void offer_tool(std::string name, std::string kind, ModelCall& call);

}  // namespace weir::llm
