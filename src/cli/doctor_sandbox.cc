#include "cli/doctor_sandbox.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "sandbox/pasta.h"
#include "sandbox/sandbox.h"

namespace weir::cli {
namespace {

/// What is wrong stands before the first semicolon of such an error, what mends it behind.
void row_of(Report& report, std::string_view what, const Error& error) {
  std::string_view text = error.context();
  std::size_t border = text.find("; ");
  report.row(Mark::note, what, text.substr(0, border),
             border == text.npos ? std::string_view() : text.substr(border + 2));
}

void try_sandbox(Report& report, std::string_view what, sandbox::Spawner& spawner, sandbox::Plan plan) {
  TimePoint begun = steady_now();
  auto made = sandbox::Sandbox::open(spawner, std::move(plan));
  if (!made) return row_of(report, what, made.error());
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(steady_now() - begun);
  report.row(Mark::good, what, fmt::format("made and verified in {} ms", took.count()));
}

}  // namespace

void check_sandboxes(Report& report, sandbox::Spawner& spawner) {
  try_sandbox(report, "run --sandbox", spawner, {});
  auto pasta = sandbox::pasta_command();
  if (!pasta) return row_of(report, "run --net pasta", pasta.error());
  sandbox::Plan plan;
  plan.pasta.emplace().command = std::move(*pasta);
  try_sandbox(report, "run --net pasta", spawner, std::move(plan));
}

}  // namespace weir::cli
