#include "cli/sessions_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "flow/text.h"
#include "store/retention.h"
#include "store/session_dir.h"

namespace weir::cli {
namespace {

using store::SessionAccount;
using store::SessionFate;

std::int64_t lasted_us(const SessionAccount& account) {
  WallNanos end = account.fate == SessionFate::live ? wall_now() : account.record.ended;
  return std::max<std::int64_t>(end - account.record.started, 0) / 1000;
}

std::string size(std::int64_t bytes) { return flow::size_text(static_cast<std::uint64_t>(bytes)); }

std::string fate_text(SessionFate fate) {
  switch (fate) {
    case SessionFate::live: return "live";
    case SessionFate::ended: return "ended";
    case SessionFate::crashed: return "crashed; another session of the project will complete its files";
    case SessionFate::adopted: return "crashed; another session has completed its files";
  }
  return {};
}

std::string path_text(const std::filesystem::path& path) { return flow::printable(path.string()); }

}  // namespace

std::string sessions_table(std::span<const SessionAccount> accounts, bool projects) {
  auto out = fmt::format("{:<20}  {:<7}  {:<19}  {:>6}  {:>8}  {:>10}{}\n", "SESSION", "STATE", "STARTED",
                         "LASTED", "FLOWS", "SIZE", projects ? "  FOLDER" : "");
  for (const SessionAccount& account : accounts)
    out +=
        fmt::format("{:<20}  {:<7}  {:<19}  {:>6}  {:>8}  {:>10}{}{}\n", account.record.id,
                    name(account.fate), flow::local_date_time(account.record.started),
                    flow::duration_text(lasted_us(account)), account.record.flows, size(account.record.bytes),
                    projects ? "  " + flow::printable(account.record.project_dir) : "",
                    account.damaged ? "  (damaged)" : "");
  return out;
}

std::string session_text(const SessionAccount& account) {
  const store::SessionRecord& record = account.record;
  std::string out = fmt::format("{}\n", record.id);
  auto line = [&](std::string_view label, const std::string& text) {
    out += fmt::format("  {:<10} {}\n", label, text);
  };
  line("state", fate_text(account.fate));
  line("started", flow::local_date_time(record.started));
  if (account.fate != SessionFate::live) line("ended", flow::local_date_time(record.ended));
  line("lasted", flow::duration_text(lasted_us(account)));
  if (record.pid != 0)
    line("process", fmt::format("{}, Weir {}", record.pid, flow::printable(record.version)));
  line("flows", fmt::format("{}{}", record.flows, account.damaged ? ", and those in damaged files" : ""));
  line("folder", path_text(account.directory));
  std::string label = "files";
  for (const auto& file : store::session_files(account.directory)) {
    WallNanos written = std::max(store::modified(file), store::modified(file.native() + "-wal"));
    line(std::exchange(label, ""),
         fmt::format("{}  {}  {}", file.filename().string(), flow::size_text(store::stored_bytes(file)),
                     flow::local_date_time(written)));
  }
  line("look", fmt::format("weir logs --session {} --data {}", record.id, path_text(record.project_dir)));
  return out;
}

void write_session(JsonWriter& json, const SessionAccount& account) {
  const store::SessionRecord& record = account.record;
  json.begin_object().field("id", record.id).field("state", name(account.fate));
  json.field("started", flow::rfc3339(record.started));
  if (account.fate != SessionFate::live) json.field("ended", flow::rfc3339(record.ended));
  if (record.pid != 0) json.field("pid", record.pid).field("version", record.version);
  json.field("flows", record.flows).field("files", record.files).field("bytes", record.bytes);
  if (account.damaged) json.field("damaged", true);
  json.field("directory", account.directory.string()).field("data_dir", record.project_dir).end_object();
}

}  // namespace weir::cli
