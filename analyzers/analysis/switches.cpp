#include "analyzers/analysis/switches.hpp"

#include <algorithm>
#include <utility>

#include "analyzers/analysis/clips.hpp"
#include "analyzers/analysis/switch_split.hpp"
#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

class switch_analysis {
 public:
  switch_analysis(const recording& run, const span_tree& tree, const generation_report& generated)
      : run_(run),
        tree_(tree),
        generated_(generated),
        roles_(run.strings),
        index_(run, tree, roles_),
        splitter_(run, tree, roles_, index_) {}

  switch_report report() {
    if (run_.switches.empty()) return {};
    report_.serial = generated_.serial;
    join_switches();
    for (const joined_switch& s : joined_) report_.switches.push_back(time_switch(s));
    report_.over_all = summarize_switches(report_.switches);
    compare_blocks_after();
    return std::move(report_);
  }

 private:
  void join_switches() {
    for (std::size_t row = 0; row < run_.switches.size(); ++row) {
      const prompt_switch& s = run_.switches[row];
      joined_switch joined;
      joined.row = row;
      joined.span = tree_.find(s.span);
      if (joined.span != no_span && tree_[joined.span].warm_up) {
        ++report_.warm_up_switches;
        continue;
      }
      const auto at = block_of(s, joined.span);
      if (!at) {
        ++report_.switches_without_block;
        continue;
      }
      joined.block = *at;
      joined_.push_back(joined);
    }
    std::sort(joined_.begin(), joined_.end(), [](const joined_switch& a, const joined_switch& b) {
      return std::pair(a.block, a.row) < std::pair(b.block, b.row);
    });
  }

  // The block around the switch's span; without a span, the one of its number that a request at
  // that time reaches first.
  std::optional<std::size_t> block_of(const prompt_switch& s, std::uint32_t span) const {
    for (std::uint32_t at = span; at != no_span; at = tree_[at].parent)
      if (const auto found = index_.block_of_span(at)) return found;
    for (std::size_t at = 0; at < index_.blocks().size(); ++at)
      if (run_.blocks[index_.blocks()[at].row].index == s.block &&
          index_.blocks()[at].time.end_ns > s.request_ns)
        return at;
    return std::nullopt;
  }

  switch_timing time_switch(const joined_switch& joined) const {
    const joined_block& b = index_.blocks()[joined.block];
    switch_timing timing;
    timing.row = joined.row;
    timing.clip = static_cast<std::int32_t>(b.clip);
    timing.recached_latent_frames = run_.switches[joined.row].recached_latent_frames;
    timing.block_latent_frames = run_.blocks[b.row].latent_frames;
    timing.window_full = holds_window(run_.blocks[b.row]);
    if (joined.span != no_span) timing.switch_total_ns = tree_[joined.span].inclusive_ns();
    const clip& c = index_.clips()[b.clip];
    if (c.serial && joined.block > c.first_block) {
      const joined_block& before = index_.blocks()[joined.block - 1];
      if (run_.blocks[before.row].index == run_.blocks[b.row].index - 1) {
        timing.delta_ns = b.time.length_ns() - before.time.length_ns();
        timing.delta_against_steady = before.kind == scenario::full;
        timing.delta_parts_ns = splitter_.split_delta(*timing.delta_ns, joined);
      }
    }
    const prompt_switch& s = run_.switches[joined.row];
    const auto first = std::lower_bound(
        c.pixel_frames.begin(), c.pixel_frames.end(), s.first_pixel_frame,
        [](const pixel_frame& p, std::int32_t wanted) { return p.index < wanted; });
    if (first == c.pixel_frames.end() || first->index != s.first_pixel_frame) return timing;
    const interval window{clamp_time(s.request_ns), clamp_time(first->complete_ns)};
    if (window.end_ns < window.start_ns) return timing;
    timing.absolute_ns = window.length_ns();
    timing.parts_ns = splitter_.split(window, joined);
    return timing;
  }

  void compare_blocks_after() {
    const auto& blocks = index_.blocks();
    std::vector<bool> is_after(blocks.size(), false);
    for (const joined_switch& s : joined_) {
      const block& switched = run_.blocks[blocks[s.block].row];
      if (switched.latent_frames <= 0) continue;
      const std::int64_t renewed =
          (std::int64_t{switched.window_latent_frames} + switched.latent_frames - 1) /
          switched.latent_frames;
      const std::size_t end = index_.clips()[blocks[s.block].clip].end_block;
      for (std::size_t at = s.block + 1; at < end; ++at) {
        if (run_.blocks[blocks[at].row].index - std::int64_t{switched.index} > renewed) break;
        is_after[at] = true;
      }
    }
    std::vector<std::int64_t> after;
    std::vector<std::int64_t> steady;
    for (std::size_t at = 0; at < blocks.size(); ++at)
      if (blocks[at].kind == scenario::full)
        (is_after[at] ? after : steady).push_back(blocks[at].time.length_ns());
    report_.after = compare_medians(steady, after);
  }

  const recording& run_;
  const span_tree& tree_;
  const generation_report& generated_;
  span_roles roles_;
  clip_index index_;
  switch_splitter splitter_;
  std::vector<joined_switch> joined_;  // by position of the block
  switch_report report_;
};

}  // namespace

const char* to_string(switch_part part) {
  switch (part) {
    case switch_part::boundary_wait:
      return "boundary wait";
    case switch_part::text_encoding:
      return "text encoding";
    case switch_part::cache_reset:
      return "cache reset";
    case switch_part::recache_setup:
      return "recache set-up";
    case switch_part::recache_forward:
      return "recache forward";
    case switch_part::denoising:
      return "denoising";
    case switch_part::decode:
      return "decode";
    case switch_part::display_queue:
      return "display queue";
    case switch_part::unaccounted:
      return "unaccounted";
  }
  return "";
}

const char* to_string(delta_part part) {
  switch (part) {
    case delta_part::cache_reset:
      return "cache reset";
    case delta_part::recache_setup:
      return "recache set-up";
    case delta_part::recache_forward:
      return "recache forward";
    case delta_part::rest_of_switch:
      return "rest of the switch";
    case delta_part::rest_of_block:
      return "rest of the block";
  }
  return "";
}

switch_summary summarize_switches(const std::vector<switch_timing>& switches) {
  std::vector<std::int64_t> total;
  std::vector<std::int64_t> delta;
  std::vector<std::int64_t> absolute;
  std::array<std::vector<std::int64_t>, delta_part_count> of_delta;
  std::array<std::vector<std::int64_t>, switch_part_count> of_absolute;
  for (const switch_timing& s : switches) {
    if (s.switch_total_ns > 0) total.push_back(s.switch_total_ns);
    if (s.delta_ns) {
      delta.push_back(*s.delta_ns);
      for (std::size_t p = 0; p < delta_part_count; ++p) of_delta[p].push_back(s.delta_parts_ns[p]);
    }
    if (s.absolute_ns) {
      absolute.push_back(*s.absolute_ns);
      for (std::size_t p = 0; p < switch_part_count; ++p) of_absolute[p].push_back(s.parts_ns[p]);
    }
  }
  switch_summary result;
  result.switch_total_ns = summarize(total);
  result.delta_ns = summarize(delta);
  result.absolute_ns = summarize(absolute);
  for (std::size_t p = 0; p < delta_part_count; ++p)
    result.delta_parts_ns[p] = summarize(of_delta[p]);
  for (std::size_t p = 0; p < switch_part_count; ++p)
    result.parts_ns[p] = summarize(of_absolute[p]);
  return result;
}

switch_report switches(const recording& run, const span_tree& tree,
                       const generation_report& generated) {
  return switch_analysis(run, tree, generated).report();
}

}  // namespace latency::analysis
