#include <algorithm>

#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::unit;

namespace {

// Where each stands on the x axis: at its index, clip after clip.
std::vector<std::int64_t> places_of(const std::vector<analysis::pixel_frame_timing>& frames) {
  std::vector<std::int64_t> places;
  std::int64_t clip_begins = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (i > 0 && frames[i].clip != frames[i - 1].clip) clip_begins = places.back() + 1;
    places.push_back(clip_begins + frames[i].at_25_fps.index);
  }
  return places;
}

}  // namespace

std::optional<chart> pixel_frame_completion(const recording& run,
                                            const analysis::generation_report& generated) {
  const auto& frames = generated.pixel_frames;
  if (frames.empty()) return std::nullopt;
  chart result;
  result.key = "pixel_frame_completion";
  result.title = "Pixel frames against their deadlines";
  result.shown = "ready minus due at 25 per second, generator at most 12 pixel frames ahead";
  result.counted = "pixel frames";
  result.n = static_cast<std::int64_t>(frames.size());
  result.source = run.source;
  result.x = {"pixel frame", unit::integer};
  result.y = {"ready minus due", unit::duration_ns};
  result.table = {"pixel_frame_completion",
                  result.title,
                  {{"clip", "clip", unit::integer},
                   {"pixel_frame", "pixel frame", unit::integer},
                   {"block", "block", unit::integer},
                   {"complete", "complete", unit::exact_ns},
                   {"ready", "ready", unit::exact_ns},
                   {"due", "due", unit::exact_ns},
                   {"lateness", "ready minus due", unit::exact_ns}},
                  {},
                  2};
  series on_time{"on time", first_colour, shape::points};
  series late{"late", bad_colour, shape::points};
  const std::vector<std::int64_t> places = places_of(frames);
  // Of neighbours that share a position on the page the latest is drawn.
  const std::size_t together = (frames.size() + most_points - 1) / most_points;
  for (std::size_t first = 0; first < frames.size(); first += together) {
    const auto begin = frames.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = begin + static_cast<std::ptrdiff_t>(std::min(together, frames.size() - first));
    const auto latest = std::max_element(begin, end, [](const auto& a, const auto& b) {
      return a.at_25_fps.lateness_ns < b.at_25_fps.lateness_ns;
    });
    const std::int64_t lateness_ns = latest->at_25_fps.lateness_ns;
    const auto place = static_cast<double>(places[latest - frames.begin()]);
    (lateness_ns > 0 ? late : on_time).points.push_back({place, static_cast<double>(lateness_ns)});
  }
  for (const analysis::pixel_frame_timing& frame : frames) {
    const pixel_frame_deadline& p = frame.at_25_fps;
    result.table.rows.push_back(
        {static_cast<std::int64_t>(frame.clip), static_cast<std::int64_t>(p.index),
         static_cast<std::int64_t>(p.block), p.complete_ns, p.ready_ns, p.due_ns, p.lateness_ns});
  }
  const auto missed = static_cast<std::int64_t>(generated.late_at_25_fps.size());
  result.shown += "; " + std::to_string(missed) + " late";
  if (generated.clips > 1)
    result.shown += "; " + std::to_string(generated.clips) + " clips one after the other";
  if (together > 1)
    result.shown += "; each point is the latest of " + std::to_string(together) + " neighbours";
  result.marks.push_back({0, "due", bad_colour, mark::across::at_y});
  for (const analysis::block_timing& b : generated.blocks)
    if (b.kind == analysis::scenario::switched && result.marks.size() < most_rows) {
      const std::int32_t block = run.blocks[b.row].index;
      const auto frame = std::find_if(frames.begin(), frames.end(), [&](const auto& f) {
        return f.clip == b.clip && f.at_25_fps.block == block;
      });
      if (frame != frames.end())
        result.marks.push_back({static_cast<double>(places[frame - frames.begin()]), "switch",
                                switch_colour, mark::across::at_x});
    }
  result.data = {std::move(on_time), std::move(late)};
  return result;
}

}  // namespace latency::charts
