#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

cell cell_if(bool known, double value) {
  cell result;
  if (known) result = value;
  return result;
}

std::vector<column> summary_columns(const std::string& counted, bool detailed) {
  std::vector<column> result{{"n", counted, unit::integer, true},
                             {"mean", "mean", unit::duration_ns, true}};
  if (detailed) result.push_back({"standard_deviation", "standard deviation", unit::duration_ns});
  if (detailed) result.push_back({"min", "min", unit::duration_ns});
  result.push_back({"p50", "P50", unit::duration_ns});
  result.push_back({"p95", "P95", unit::duration_ns, true});
  result.push_back({"p99", "P99", unit::duration_ns});
  result.push_back({"max", "max", unit::duration_ns});
  return result;
}

std::vector<cell> summary_cells(const summary& of, bool detailed) {
  std::vector<cell> result;
  result.reserve(8);
  result.emplace_back(of.n);
  result.emplace_back(of.mean);
  if (detailed) {
    result.emplace_back(of.stddev);
    result.emplace_back(of.min);
  }
  result.emplace_back(of.p50);
  result.emplace_back(of.p95);
  result.push_back(cell_if(of.p99_valid, of.p99));
  result.emplace_back(of.max);
  return result;
}

std::string counted(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::size_t rows_shown(std::size_t rows, bool detailed) {
  constexpr std::size_t first_rows = 10;
  return detailed || rows <= first_rows + 1 ? rows : first_rows;  // "1 more" would take a line, too
}

render::line more_line(std::size_t not_shown, const std::string& noun) {
  return note_line(counted(static_cast<std::int64_t>(not_shown), "more " + noun) +
                   ": --detailed shows all.");
}

const char* direction_name(copy_direction direction) {
  switch (direction) {
    case copy_direction::host_to_device:
      return "host to device";
    case copy_direction::device_to_host:
      return "device to host";
    case copy_direction::device_to_device:
      return "device to device";
    case copy_direction::peer:
      return "device to another device";
    case copy_direction::none:
      break;
  }
  return "unknown";
}

render::line plain_line(std::string text, std::vector<render::figure> figures) {
  return {std::move(text), std::move(figures), tone::plain};
}
render::line absent_line(std::string why) {
  return {"absent: " + std::move(why), {}, tone::faint};
}
render::line note_line(std::string text) {
  return {std::move(text), {}, tone::faint};
}
render::line of_file(const std::string& letter, render::line text) {
  if (!letter.empty()) text.text = letter + ": " + text.text;
  return text;
}

}  // namespace latency::commands
