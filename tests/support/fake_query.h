// FakeQuery: a store::Query over rows that a test hands in.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "store/query.h"

namespace weir::testing {

/// 2024-01-15T10:30:05Z.
inline constexpr WallNanos kMoment = 1'705'314'605'000'000'000;

/// A closed GET https://api.example.com/users that was answered after 150 ms.
inline store::Row sample_row(flow::FlowId id, int status = 200, std::string method = "GET",
                             std::string target = "/users") {
  store::Row row;
  row.session = "1f3a9c00";
  row.id = "1f3a-" + std::to_string(id);
  row.flow.id = id;
  row.flow.started = kMoment + static_cast<WallNanos>(id) * 1'000'000'000;
  row.flow.duration_us = 150'000;
  row.flow.request.method = std::move(method);
  row.flow.request.origin = {http::Scheme::https, {"api.example.com", 443}};
  row.flow.request.target = std::move(target);
  row.flow.has_response = true;
  row.flow.response.status = static_cast<std::uint16_t>(status);
  return row;
}

class FakeQuery : public store::Query {
 public:
  std::vector<store::Row> rows;
  std::map<store::BodyId, std::string> bodies;
  std::vector<flow::Message> messages;        ///< of every row; in pages of two at most
  std::deque<std::vector<store::Row>> polls;  ///< what each poll() gives; then nothing more

  Result<std::optional<store::Row>> next() override {
    if (at_ == rows.size()) return std::nullopt;
    return rows[at_++];
  }
  Result<std::vector<store::Row>> last(std::size_t count) override {
    return std::vector<store::Row>(rows.end() - static_cast<std::ptrdiff_t>(std::min(count, rows.size())),
                                   rows.end());
  }
  Result<std::vector<store::Row>> poll() override {
    if (polls.empty()) return std::vector<store::Row>();
    auto closed = std::move(polls.front());
    polls.pop_front();
    return closed;
  }
  Result<store::Row> find(std::string_view id) override {
    for (const store::Row& row : rows)
      if (row.id == id) return row;
    return fail(Code::not_found, std::string(id));
  }
  Result<std::string> load_body(const store::Row&, store::BodyId body) override {
    auto found = bodies.find(body);
    if (found == bodies.end()) return fail(Code::not_found, "body " + std::to_string(body));
    return found->second;
  }
  Result<std::vector<flow::Message>> messages_of(const store::Row&, std::uint32_t after,
                                                 std::size_t count) override {
    std::vector<flow::Message> page;
    for (const flow::Message& message : messages)
      if (message.number > after && page.size() < std::min<std::size_t>(count, 2)) page.push_back(message);
    return page;
  }
  Result<std::optional<flow::Connection>> connection(const store::Row&, flow::ConnectionId) override {
    return std::nullopt;
  }

 private:
  std::size_t at_ = 0;
};

}  // namespace weir::testing
