#include "tests/support/conversations.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "tests/support/aws_frames.h"

namespace weir::testing {
namespace {

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  return lines;
}

/// What a conversation says of how its lines become a body.
struct Framing {
  std::string frames;
  std::string eol = "\n";
  bool mark = false;
  std::optional<std::size_t> cut;
};

std::string type_of(std::string_view event) {
  constexpr std::string_view kType = R"("type":")";
  std::size_t at = event.find(kType) + kType.size();
  return std::string(event.substr(at, event.find('"', at) - at));
}

std::string server_sent(const std::string& line, const Framing& framing) {
  if (line.starts_with(':')) return line + framing.eol + framing.eol;
  bool named = framing.frames == "named" && line.starts_with('{');
  return (named ? "event: " + type_of(line) + framing.eol : "") + "data: " + line + framing.eol + framing.eol;
}

std::string frame(std::string_view line) {
  std::size_t space = line.find(' ');
  std::string_view type = line.substr(0, space), payload = line.substr(space + 1);
  bool exception = type.starts_with('!');
  return aws_frame(exception ? "exception" : "event", type.substr(exception), payload);
}

std::string body_of(const std::vector<std::string>& lines, const Framing& framing) {
  std::string body = framing.mark ? "\xEF\xBB\xBF" : "";
  for (const std::string& line : lines) {
    if (framing.frames == "raw" || framing.frames == "document") {
      body += line + framing.eol;
    } else if (line.empty()) {
      continue;
    } else if (framing.frames == "lines") {
      body += line + framing.eol;
    } else if (framing.frames == "aws") {
      body += frame(line);
    } else {
      body += framing.frames == "aws-chunks" ? aws_chunk(line) : server_sent(line, framing);
    }
  }
  if (framing.frames == "raw") body += framing.eol;
  if (framing.cut) body.resize(body.size() - *framing.cut);
  return body;
}

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw std::runtime_error("no number: " + std::string(text));
  return value;
}

WallNanos time_of(const std::string& text) {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (std::sscanf(text.c_str(), "%d-%u-%uT%u:%u:%uZ", &year, &month, &day, &hour, &minute, &second) != 6)
    throw std::runtime_error("no time: " + text);
  std::chrono::sys_days date = std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day);
  auto seconds = date.time_since_epoch() + std::chrono::hours(hour) + std::chrono::minutes(minute) +
                 std::chrono::seconds(second);
  return std::chrono::nanoseconds(seconds).count();
}

void read_key(std::string_view key, std::string value, Conversation& to, Framing& framing) {
  if (key == "url") return void(to.url = std::move(value));
  if (key == "ask") return void(to.ask = std::move(value));
  if (key == "type") return void(to.type = std::move(value));
  if (key == "at") return void(to.at = time_of(value));
  if (key == "status") return void(to.status = static_cast<std::uint16_t>(number(value)));
  if (key == "frames") return void(framing.frames = std::move(value));
  if (key == "lines") return void(framing.eol = "\r\n");
  if (key == "mark") return void(framing.mark = true);
  if (key == "cut") return framing.cut = number(value), void(to.complete = false);
  if (key == "coding" || key == "ask-coding") return;  // of the transport, which is not looked at here
  if (key != "field") throw std::runtime_error(to.name + ": unknown key " + std::string(key));
  std::size_t colon = value.find(": ");
  to.fields.emplace_back(value.substr(0, colon), value.substr(colon + 2));
}

/// The lines of one conversation, from behind its name to the next.
void read_block(const std::vector<std::string>& lines, Conversation& to) {
  Framing framing;
  auto body = std::ranges::find(lines, "--");
  for (auto line = lines.begin(); line != body; ++line) {
    if (line->empty()) continue;
    std::size_t colon = std::min(line->find(": "), line->size() - 1);
    read_key(line->substr(0, colon), line->substr(std::min(colon + 2, line->size())), to, framing);
  }
  if (body == lines.end()) throw std::runtime_error(to.name + " has no body");
  to.response = body_of({body + 1, lines.end()}, framing);
}

void read_file(const std::filesystem::path& file, std::vector<Conversation>& out) {
  std::vector<std::string> block;
  bool first = true;
  auto end = [&] {
    while (!block.empty() && block.back().empty()) block.pop_back();
    if (!first) read_block(block, out.back());
    block.clear();
    first = false;
  };
  for (std::string& line : lines_of(file)) {
    if (line.starts_with('#')) continue;
    if (line.starts_with("== ")) {
      end();
      out.emplace_back().name = line.substr(3);
    } else {
      block.push_back(std::move(line));
    }
  }
  end();
}

}  // namespace

std::vector<Conversation> read_conversations(const std::string& folder) {
  std::vector<Conversation> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".txt" && entry.path().filename() != "totals.txt")
      read_file(entry.path(), out);
  return out;
}

std::vector<Totals> read_totals(const std::string& folder) {
  std::vector<Totals> out;
  for (const std::string& line : lines_of(std::filesystem::path(folder) / "totals.txt")) {
    std::size_t comment = std::min(line.find('#'), line.size());
    std::istringstream cells(line.substr(0, comment));
    Totals row(std::istream_iterator<std::string>(cells), {});
    if (row.empty()) continue;
    if (row.size() != std::size(kTotals)) throw std::runtime_error("wrong number of cells: " + line);
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace weir::testing
