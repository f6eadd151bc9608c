// What is recorded of a WebSocket, and what somebody who looks on is shown.
#include "proxy/websocket_tap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/websocket.h"

namespace weir::proxy {
namespace {

using http::ws::from_client, http::ws::from_server, http::ws::in_words, http::ws::kFin, http::ws::kRsv1;
using ::testing::ElementsAre;

class Kept final : public flow::Sink {
 public:
  void opened(std::unique_ptr<const flow::Flow>) override {}
  void closed(std::unique_ptr<const flow::Flow> flow) override { marks = flow->marks; }
  void message(std::unique_ptr<const flow::Message> message) override {
    told.push_back(std::to_string(message->number) + " " + in_words(message->content));
  }
  void connection(std::unique_ptr<const flow::Connection>) override {}
  bool has_room() const override { return true; }
  bool failing() const override { return false; }

  std::vector<std::string> told;
  std::string marks;
};

class Looking final : public Onlooker {
 public:
  void request_part(std::string_view) override {}
  void request_sent(TimePoint) override {}
  void response_head(const http::ResponseHead&, TimePoint) override {}
  void response_part(std::string_view, TimePoint) override {}
  void message(const flow::Flow&, Side from, const http::ws::Message& message, TimePoint) override {
    ++count;
    if (count < 10) seen.push_back((from == Side::client ? ">" : "<") + in_words(message));
  }
  void ended(const flow::Flow&, TimePoint) override {}

  std::vector<std::string> seen;
  std::size_t count = 0;
};

class WebSocketTapTest : public ::testing::Test {
 protected:
  void open(std::size_t body_limit, bool deflate = false, bool watched = true) {
    recorder_ = std::make_unique<Recorder>(loop_, sink, numbers_, budget_, body_limit);
    recording_ = std::make_unique<Recording>(*recorder_);
    http::Fields response;
    if (deflate) response.add("Sec-WebSocket-Extensions", "permessage-deflate");
    tap_ = std::make_unique<WebSocketTap>(*recording_, response, true, watched ? &looking : nullptr);
  }
  void client(const std::string& bytes) { tap_->passed(Side::client, bytes); }
  void upstream(const std::string& bytes) { tap_->passed(Side::upstream, bytes); }
  void end() {
    tap_->finish();
    recording_.reset();
  }

  async::Loop loop_{async::Loop::Time::manual};
  Kept sink;
  Looking looking;
  Numbers numbers_;
  CaptureBudget budget_{64 << 20};
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<Recording> recording_;
  std::unique_ptr<WebSocketTap> tap_;
};

TEST_F(WebSocketTapTest, shows_data_of_both_sides_whole_however_it_was_cut) {
  open(1000, true);
  http::ws::Deflater deflater;
  std::string packed = deflater.message("a message that is compressed");
  std::string wire = from_client(kRsv1 | 1, packed.substr(0, 5)) + from_client(kFin | 9, "ping") +
                     from_client(kFin, packed.substr(5));
  for (char byte : wire) client({byte});
  upstream(from_server(kFin | 1, "as it is") + from_server(kFin | 2, "two"));
  upstream(from_server(kFin | 1, "cut off").substr(0, 5));
  end();
  EXPECT_THAT(looking.seen,
              ElementsAre(">text(" + std::to_string(packed.size()) + ")a message that is compressed",
                          "<text(8)as it is", "<binary(3)two", "<text(3)cut!incomplete"));
  EXPECT_EQ(sink.told.size(), 5u) << "the ping, too";
}

TEST_F(WebSocketTapTest, shows_more_of_a_message_than_is_recorded) {
  open(4);
  client(from_client(kFin | 1, "0123456789"));
  end();
  EXPECT_THAT(looking.seen, ElementsAre(">text(10)0123456789"));
  EXPECT_THAT(sink.told, ElementsAre("1 text(10)0123+"));
}

TEST_F(WebSocketTapTest, goes_on_showing_what_is_only_counted) {
  constexpr std::size_t kSize = 1 << 20;
  for (bool watched : {true, false}) {
    sink.told.clear();
    looking.count = 0;
    open(kSize, true, watched);
    http::ws::Deflater deflater;
    std::string big = from_server(kFin | 1, std::string(kSize, 'x'));
    for (std::uint64_t i = 0; i < WebSocketTap::kKeptBytes / kSize + 2; ++i) upstream(big);
    std::size_t before = looking.count;
    client(from_client(kFin | kRsv1 | 1, deflater.message("late")));
    client(from_client(kFin | 8, ""));
    end();
    EXPECT_EQ(looking.count, watched ? before + 1 : 0);
    EXPECT_EQ(sink.told.size(), WebSocketTap::kKeptBytes / kSize + 1);
    EXPECT_EQ(sink.told.back(), std::to_string(WebSocketTap::kKeptBytes / kSize + 4) + " close(0)");
    EXPECT_EQ(sink.marks, "messages_truncated");
  }
}

TEST_F(WebSocketTapTest, says_what_is_too_long_to_be_shown_whole) {
  open(10);
  upstream(from_server(kFin | 1, std::string(Onlooker::kMostMessage + 1, 'x')));
  end();
  ASSERT_EQ(looking.seen.size(), 1u);
  EXPECT_TRUE(looking.seen[0].ends_with("x+"));
}

}  // namespace
}  // namespace weir::proxy
