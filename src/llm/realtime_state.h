// RealtimeState: what the responses of a Realtime session answer, as its messages have said so far.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::llm {

/// Instructions, tools and items of the conversation come in messages of their own, before the response that
/// they are for. Bounded: what is longer is left out.
class RealtimeState {
 public:
  static constexpr std::size_t kMostItems = 256 << 10;  ///< that nothing has answered yet
  static constexpr std::size_t kMostItem = 64 << 10;
  static constexpr std::size_t kMostSetting = 256 << 10;

  /// `session.update`, of the client, or `session.created` and `session.updated`.
  void session(std::string_view object);
  /// `conversation.item.create`
  void item(std::string_view object);
  /// The request that a response answers, as the Responses API would put it: `own` is what `response.create`
  /// says itself. Items are those since the last one.
  std::string request(std::string_view own);

  const std::string& model() const { return model_; }

 private:
  std::string model_;
  std::string instructions_, tools_, items_;  // JSON
};

}  // namespace weir::llm
