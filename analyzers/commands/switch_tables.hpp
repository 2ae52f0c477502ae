#pragma once
// Prompt switches as tables and lines, for every report that shows them.

#include <cstdint>
#include <string>
#include <vector>

#include "analyzers/analysis/median_comparison.hpp"
#include "analyzers/analysis/switches.hpp"
#include "analyzers/render/document.hpp"
#include "latency/recording.hpp"

namespace latency::commands {

// The switches of one file. Several files stand in one table, told apart by `letter`; it is empty
// when there is only one file, and the tables then have no column for it.
struct switch_source {
  std::string letter;
  const recording& run;
  const analysis::switch_report& switched;
};

struct named_summary {
  std::string name;
  const summary& of;
};
// Each kind of cost, and below it the parts that add up to it. They refer to `of`.
[[nodiscard]] std::vector<named_summary> delta_rows(const analysis::switch_summary& of);
[[nodiscard]] std::vector<named_summary> absolute_rows(const analysis::switch_summary& of);
[[nodiscard]] render::table part_table(const std::string& key, const std::string& title,
                                       const std::vector<named_summary>& rows, bool detailed);

// One row for each switch; they are numbered from 1 in the order of the file's report. Only those
// that have the cost in question.
[[nodiscard]] render::table each_switch_table(const std::vector<switch_source>& sources);
[[nodiscard]] render::table each_delta_table(const std::vector<switch_source>& sources);
[[nodiscard]] render::table each_absolute_table(const std::vector<switch_source>& sources);

[[nodiscard]] render::line delta_note(bool serial);
[[nodiscard]] render::line absolute_note();
[[nodiscard]] render::line left_out_line(std::int64_t warm_up_switches,
                                         std::int64_t switches_without_block);

// Are the blocks after a switch slower than the steady ones?
[[nodiscard]] render::line after_line(const analysis::median_comparison& after);

}  // namespace latency::commands
