#include "cli/messages.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/body.h"
#include "flow/text.h"
#include "flow/view.h"

namespace weir::cli {
namespace {

using http::ws::Opcode;

constexpr std::size_t kPage = 256;
// Enough for kPreviewWidth columns of any script, escapes included.
constexpr std::size_t kPreviewBytes = 1024;

// Calls `each(message)` for the first `limit`, page by page, while somebody reads what is printed.
template <typename Each>
Result<> for_each_message(store::Query& query, const store::Row& row, std::size_t limit, const Output& out,
                          Each&& each) {
  std::uint32_t last = 0;
  while (limit > 0 && !out.closed()) {
    auto page = query.messages_of(row, last, std::min(limit, kPage));
    if (!page) return pass(page);
    if (page->empty()) return {};
    for (const flow::Message& message : *page) each(message);
    last = page->back().number;
    limit -= page->size();
  }
  return {};
}

std::string preview(std::string_view bytes) {
  if (!flow::is_text(bytes)) return "(binary)";
  return flow::fitted(flow::printable(bytes.substr(0, kPreviewBytes)), kPreviewWidth);
}

std::string close_text(const http::ws::Message& close) {
  if (close.close_code == 0) return close.bytes.empty() ? "no code" : preview(close.bytes);
  std::string text = std::to_string(close.close_code);
  if (auto meaning = http::ws::close_code_meaning(close.close_code); !meaning.empty())
    text.append(" ").append(meaning);
  if (!close.bytes.empty()) text.append(": ").append(preview(close.bytes));
  return text;
}

std::string content_text(const http::ws::Message& content) {
  if (content.opcode == Opcode::close) return close_text(content);
  if (content.bytes.empty()) return content.truncated ? "(not kept)" : "";
  if (content.problem == http::ws::Problem::not_inflated) return "(binary)";
  return preview(content.bytes);
}

// " [compressed, kept in part, invalid_utf8]"
std::string notes(const http::ws::Message& content) {
  std::string list;
  auto note = [&](bool holds, std::string_view words) {
    if (holds && !words.empty()) list.append(list.empty() ? "" : ", ").append(words);
  };
  note(content.compressed, "compressed");
  note(content.truncated, "kept in part");
  note(true, name(content.problem));
  return list.empty() ? list : " [" + list + "]";
}

std::string gap_line(std::uint32_t missing) {
  return fmt::format("  ({} message{} not recorded)\n", missing, missing == 1 ? " was" : "s were");
}

}  // namespace

std::string message_line(const flow::Message& message, WallNanos started) {
  std::int64_t offset_us = std::max<WallNanos>(message.time - started, 0) / 1000;
  std::string line = fmt::format("  {:>7} {} {:<6} {:>9}  {}{}", flow::duration_text(offset_us),
                                 message.from_client ? '>' : '<', name(message.content.opcode),
                                 flow::size_text(message.content.size), content_text(message.content),
                                 notes(message.content));
  line.resize(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

Result<> print_messages(store::Query& query, const store::Row& row, std::size_t limit, bool color,
                        Output& out) {
  std::uint32_t last = 0;
  auto printed = for_each_message(query, row, limit, out, [&](const flow::Message& message) {
    if (last == 0) out.write(color ? "\n\x1b[1mMessages\x1b[0m\n" : "\nMessages\n");
    if (message.number > last + 1) out.write(gap_line(message.number - last - 1));
    out.write(message_line(message, row.flow.started));
    out.flush_if_large();
    last = message.number;
  });
  if (!printed || last == 0) return printed;
  auto more = query.messages_of(row, last, 1);
  if (!more) return pass(more);
  if (!more->empty()) out.write("[there are more messages; --messages N shows N of them]\n");
  return {};
}

Result<> write_messages(store::Query& query, const store::Row& row, std::size_t limit, JsonWriter& json,
                        Output& out) {
  bool begun = false;
  auto written = for_each_message(query, row, limit, out, [&](const flow::Message& message) {
    if (!begun) json.key("messages").begin_array();
    begun = true;
    flow::write_message(json, message, row.flow.started);
    out.flush_if_large();
  });
  if (begun) json.end_array();
  return written;
}

}  // namespace weir::cli
