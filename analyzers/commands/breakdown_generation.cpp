#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::section;
using render::table;

namespace {

constexpr double second_ns = 1e9;

table rate_table(const analysis::frame_rate& rate) {
  table result{"frame_rate",
               "",
               {{"counted", "frames per second", unit::text},
                {"latent_frames", "latent frames", unit::rate, true},
                {"pixel_frames", "pixel frames", unit::rate, true},
                {"time", "time", unit::duration_ns}},
               {}};
  result.rows.push_back({"without VAE", rate.latent_fps_without_vae, rate.pixel_fps_without_vae,
                         rate.without_vae_ns});
  if (rate.latent_fps_with_vae && rate.pixel_fps_with_vae)
    result.rows.push_back(
        {"with VAE", *rate.latent_fps_with_vae, *rate.pixel_fps_with_vae, rate.with_vae_ns});
  return result;
}

table inter_frame_table(const analysis::generation_report& generated, bool detailed) {
  table result{"inter_frame_latency",
               "Inter-frame latency; steady = blocks with a full window and no switch",
               {{"per", "per", unit::text}},
               {}};
  append(result.columns, summary_columns("n", detailed));
  const auto add = [&](const char* name, const summary& of) {
    if (of.n == 0) return;
    result.rows.push_back({name});
    append(result.rows.back(), summary_cells(of, detailed));
  };
  add("latent frame, steady", generated.steady_per_latent_frame_ns);
  add("pixel frame, steady", generated.steady_per_pixel_frame_ns);
  add("pixel frame, all", generated.pixel_frame_gaps_ns);
  for (const analysis::gap_row& row : generated.gaps)
    add(row.kind == analysis::scenario::within_block ? "pixel frame, within a block"
                                                     : "pixel frame, across a block boundary",
        row.gap_ns);
  return result;
}

table scenario_table(const analysis::generation_report& generated, bool detailed) {
  table result{"scenarios",
               "Block time by scenario",
               {{"scenario", "scenario", unit::text},
                {"latent_frames", "latent frames", unit::integer},
                {"per_latent_frame_mean", "mean per latent frame", unit::duration_ns, true}},
               {}};
  append(result.columns, summary_columns("blocks", detailed));
  for (const analysis::scenario_row& row : generated.scenarios) {
    result.rows.push_back(
        {analysis::to_string(row.kind), row.latent_frames, row.per_latent_frame_ns.mean});
    append(result.rows.back(), summary_cells(row.block_ns, detailed));
  }
  return result;
}

table segment_table(const analysis::generation_report& generated) {
  table result{
      "segments",
      "Per segment; frames per second of its own blocks",
      {{"segment", "segment", unit::integer},
       {"blocks", "blocks", unit::integer},
       {"latent_frames_without_vae", "latent frames without VAE", unit::rate, true},
       {"pixel_frames_without_vae", "pixel frames without VAE", unit::rate},
       {"latent_frames_with_vae", "latent frames with VAE", unit::rate, true},
       {"pixel_frames_with_vae", "pixel frames with VAE", unit::rate},
       {"steady_n", "steady blocks", unit::integer},
       {"steady_per_latent_frame_mean", "steady mean per latent frame", unit::duration_ns, true},
       {"steady_per_latent_frame_p95", "P95", unit::duration_ns}},
      {}};
  for (const analysis::segment_row& row : generated.segments)
    result.rows.push_back(
        {count_cell(row.segment), row.blocks, row.rate.latent_fps_without_vae,
         row.rate.pixel_fps_without_vae, optional_cell(row.rate.latent_fps_with_vae),
         optional_cell(row.rate.pixel_fps_with_vae), row.steady_per_latent_frame_ns.n,
         row.steady_per_latent_frame_ns.mean, row.steady_per_latent_frame_ns.p95});
  return result;
}

table deadline_table(const analysis::generation_report& generated) {
  table result{
      "deadlines",
      "Deadlines: pixel frame i is due at t0 + i x period, t0 = first pixel frame complete",
      {{"period", "period", unit::duration_ns},
       {"playout", "playout", unit::rate},
       {"expected", "pixel frames", unit::integer},
       {"late", "late", unit::integer, true},
       {"missing", "missing", unit::integer},
       {"hit", "on time", unit::ratio, true},
       {"worst_lateness", "worst lateness", unit::duration_ns},
       {"gaps_over_period", "gaps over the period", unit::integer}},
      {}};
  for (const analysis::deadline_row& row : generated.deadlines)
    result.rows.push_back({row.period_ns, second_ns / static_cast<double>(row.period_ns),
                           row.expected, row.late, row.missing, row.hit_rate, row.worst_lateness_ns,
                           row.gaps_over_period});
  return result;
}

void add_summary_lines(section& to, const analysis::generation_report& generated) {
  to.items.emplace_back(
      plain_line(counted(generated.rate.latent_frames, "latent frame") + ", " +
                     counted(generated.rate.pixel_frames, "pixel frame") + " in " +
                     counted(static_cast<std::int64_t>(generated.blocks.size()), "block") + " of " +
                     counted(generated.clips, "clip"),
                 {{"latent_frames", unit::integer, generated.rate.latent_frames},
                  {"pixel_frames", unit::integer, generated.rate.pixel_frames},
                  {"blocks", unit::integer, count_cell(generated.blocks.size())},
                  {"clips", unit::integer, generated.clips}}));
  if (generated.first_pixel_frame_from_root_ns)
    to.items.emplace_back(plain_line(
        "first pixel frame complete {} after the start of the run, {} after its block began",
        {{"first_pixel_frame_from_root", unit::duration_ns,
          *generated.first_pixel_frame_from_root_ns},
         {"first_pixel_frame_from_block", unit::duration_ns,
          optional_cell(generated.first_pixel_frame_from_block_ns)}}));
  if (generated.warm_up_blocks + generated.blocks_without_span > 0)
    to.items.emplace_back(
        plain_line("left out: {} warm-up blocks, {} blocks whose span was lost",
                   {{"warm_up_blocks", unit::integer, generated.warm_up_blocks},
                    {"blocks_without_span", unit::integer, generated.blocks_without_span}}));
}

}  // namespace

section generation_section(const breakdown_report& report, bool detailed) {
  const analysis::generation_report& generated = report.generated;
  section result{"generation", "Frame generation", {}};
  auto& items = result.items;
  if (generated.blocks.empty() && generated.deadlines.empty()) {
    items.emplace_back(absent_line("no temporal blocks and no pixel frames were recorded"));
    return result;
  }
  add_summary_lines(result, generated);
  if (!generated.blocks.empty()) items.emplace_back(rate_table(generated.rate));
  table inter_frame = inter_frame_table(generated, detailed);
  if (inter_frame.rows.empty())
    items.emplace_back(absent_line("inter-frame latency needs full blocks or pixel frames"));
  else
    items.emplace_back(std::move(inter_frame));
  if (!generated.scenarios.empty()) items.emplace_back(scenario_table(generated, detailed));
  if (!generated.segments.empty()) items.emplace_back(segment_table(generated));
  if (generated.deadlines.empty())
    items.emplace_back(absent_line("deadlines need pixel frames (latency::record(pixel_frame))"));
  else
    items.emplace_back(deadline_table(generated));
  return result;
}

section blocks_section(const breakdown_report& report) {
  section result{"blocks", "Blocks", {}};
  if (report.generated.blocks.empty()) {
    result.items.emplace_back(absent_line("no temporal blocks were recorded"));
    return result;
  }
  table blocks{"blocks",
               "",
               {{"clip", "clip", unit::integer},
                {"block", "block", unit::integer},
                {"segment", "segment", unit::integer},
                {"scenario", "scenario", unit::text},
                {"latent_frames", "latent frames", unit::integer},
                {"cached_latent_frames", "cached latent frames", unit::integer},
                {"start", "start", unit::duration_ns},
                {"time", "block time", unit::duration_ns, true},
                {"vae_time", "VAE time", unit::duration_ns, true},
                {"per_latent_frame", "per latent frame", unit::duration_ns}},
               {},
               2};
  for (const analysis::block_timing& timing : report.generated.blocks) {
    const block& row = report.run.blocks[timing.row];
    blocks.rows.push_back({count_cell(timing.clip), count_cell(row.index), count_cell(row.segment),
                           analysis::to_string(timing.kind), count_cell(row.latent_frames),
                           count_cell(row.cached_latent_frames), timing.start_ns, timing.block_ns,
                           timing.vae_ns, timing.per_latent_frame_ns});
  }
  result.items.emplace_back(std::move(blocks));
  if (report.generated.late_at_25_fps.empty()) return result;
  table late{"late_pixel_frames",
             "Pixel frames late at 25 per second",
             {{"clip", "clip", unit::integer},
              {"pixel_frame", "pixel frame", unit::integer},
              {"block", "block", unit::integer},
              {"scenario", "scenario of its block", unit::text},
              {"lateness", "lateness", unit::duration_ns, true}},
             {},
             2};
  for (const analysis::late_pixel_frame& frame : report.generated.late_at_25_fps)
    late.rows.push_back({count_cell(frame.clip), count_cell(frame.index), count_cell(frame.block),
                         frame.kind ? cell(analysis::to_string(*frame.kind)) : cell(),
                         frame.lateness_ns});
  result.items.emplace_back(std::move(late));
  return result;
}

}  // namespace latency::commands
