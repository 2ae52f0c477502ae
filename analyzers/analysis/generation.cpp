#include "analyzers/analysis/generation.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "analyzers/analysis/clips.hpp"

namespace latency::analysis {
namespace {

// Of the Wan VAE: a latent frame decodes to 4 pixel frames, the first of a clip to 1.
constexpr std::int64_t pixel_frames_per_latent_frame = 4;

std::int64_t expected_pixel_frames(const block& b) {
  const std::int64_t all = pixel_frames_per_latent_frame * b.latent_frames;
  return b.first_latent_frame == 0 && b.latent_frames > 0
             ? all - (pixel_frames_per_latent_frame - 1)
             : all;
}

static_assert(period_at_25_fps_ns == playout_periods_ns[2]);

double per_second(std::int64_t count, std::int64_t time_ns) {
  return time_ns == 0 ? 0 : static_cast<double>(count) * 1e9 / static_cast<double>(time_ns);
}

void set_rates(frame_rate& rate, bool has_vae) {
  rate.latent_fps_without_vae = per_second(rate.latent_frames, rate.without_vae_ns);
  rate.pixel_fps_without_vae = per_second(rate.pixel_frames, rate.without_vae_ns);
  if (!has_vae) return;
  rate.latent_fps_with_vae = per_second(rate.latent_frames, rate.with_vae_ns);
  rate.pixel_fps_with_vae = per_second(rate.pixel_frames, rate.with_vae_ns);
}

class generation_analysis {
 public:
  generation_analysis(const recording& run, const span_tree& tree)
      : run_(run), tree_(tree), index_(run, tree, span_roles(run.strings)) {}

  generation_report report() {
    report_.clips = static_cast<std::int64_t>(index_.clips().size());
    report_.warm_up_blocks = index_.warm_up_blocks();
    report_.blocks_without_span = index_.blocks_without_span();
    report_.serial = !index_.blocks().empty();
    for (const clip& c : index_.clips()) report_.serial = report_.serial && c.serial;
    time_blocks();
    add_scenarios();
    add_gaps();
    add_rates();
    add_deadlines();
    add_first_pixel_frame();
    return std::move(report_);
  }

 private:
  const block& row_of(const joined_block& b) const { return run_.blocks[b.row]; }

  // Position of the block of a pixel frame of that clip.
  std::optional<std::size_t> block_of(const pixel_frame& p) const {
    return index_.block_at(p.block, p.complete_ns);
  }

  void time_blocks() {
    const auto& blocks = index_.blocks();
    std::vector<std::int64_t> recorded_pixel_frames(blocks.size(), 0);
    std::vector<std::vector<interval>> vae(blocks.size());
    for (const clip& c : index_.clips()) {
      for (const pixel_frame& p : c.pixel_frames)
        if (const auto at = block_of(p)) ++recorded_pixel_frames[*at];
      if (c.whole_clip_decode) continue;
      for (const joined_vae_span& v : c.vae)
        if (v.block) vae[*v.block].push_back(v.time);
    }
    for (std::size_t at = 0; at < blocks.size(); ++at) {
      const block& row = row_of(blocks[at]);
      block_timing timing;
      timing.row = blocks[at].row;
      timing.clip = static_cast<std::int32_t>(blocks[at].clip);
      timing.kind = blocks[at].kind;
      timing.start_ns = blocks[at].time.start_ns;
      timing.block_ns = blocks[at].time.length_ns();
      timing.vae_ns = interval_set(std::move(vae[at])).total_ns();
      timing.pixel_frames =
          recorded_pixel_frames[at] > 0 ? recorded_pixel_frames[at] : expected_pixel_frames(row);
      if (row.latent_frames > 0)
        timing.per_latent_frame_ns = static_cast<double>(timing.block_ns) / row.latent_frames;
      report_.blocks.push_back(timing);
    }
  }

  void add_scenarios() {
    for (const scenario kind :
         {scenario::first, scenario::filling, scenario::full, scenario::switched}) {
      scenario_row row;
      row.kind = kind;
      std::vector<std::int64_t> block_ns;
      std::vector<double> per_latent_frame_ns;
      for (const block_timing& b : report_.blocks) {
        if (b.kind != kind) continue;
        block_ns.push_back(b.block_ns);
        row.latent_frames += run_.blocks[b.row].latent_frames;
        if (run_.blocks[b.row].latent_frames > 0)
          per_latent_frame_ns.push_back(b.per_latent_frame_ns);
      }
      if (block_ns.empty()) continue;
      row.block_ns = summarize(block_ns);
      row.per_latent_frame_ns = summarize(per_latent_frame_ns);
      if (kind == scenario::full) report_.steady_per_latent_frame_ns = row.per_latent_frame_ns;
      report_.scenarios.push_back(row);
    }
  }

  void add_gaps() {
    std::vector<std::int64_t> within;
    std::vector<std::int64_t> boundary;
    std::vector<std::int64_t>& steady = report_.steady_pixel_frame_gaps_ns;
    for (const clip& c : index_.clips()) {
      for (std::size_t i = 1; i < c.pixel_frames.size(); ++i) {
        const pixel_frame& p = c.pixel_frames[i];
        const pixel_frame& before = c.pixel_frames[i - 1];
        if (p.index == before.index) continue;  // repeated: the earliest counts, as for deadlines
        const std::int64_t gap_ns = clamp_time(p.complete_ns) - clamp_time(before.complete_ns);
        gaps_ns_.push_back(gap_ns);
        (p.block == before.block ? within : boundary).push_back(gap_ns);
        const auto at = block_of(p);
        if (at && index_.blocks()[*at].kind == scenario::full) steady.push_back(gap_ns);
      }
    }
    report_.pixel_frame_gaps_ns = summarize(gaps_ns_);
    report_.steady_per_pixel_frame_ns = summarize(steady);
    if (!within.empty()) report_.gaps.push_back({scenario::within_block, summarize(within)});
    if (!boundary.empty()) report_.gaps.push_back({scenario::block_boundary, summarize(boundary)});
  }

  struct segment_parts {
    segment_row row;
    std::map<std::size_t, std::vector<interval>> blocks;  // by clip: clips may overlap in time
    std::map<std::size_t, std::vector<interval>> blocks_and_vae;
    bool has_vae = false;
    std::vector<double> steady_ns;
  };

  void add_rates() {
    std::map<std::int32_t, segment_parts> segments;
    const auto& blocks = index_.blocks();
    for (std::size_t number = 0; number < index_.clips().size(); ++number) {
      const clip& c = index_.clips()[number];
      std::vector<interval> all;
      for (std::size_t at = c.first_block; at < c.end_block; ++at) {
        all.push_back(blocks[at].time);
        segment_parts& parts = segments[row_of(blocks[at]).segment];
        parts.blocks[number].push_back(blocks[at].time);
        parts.blocks_and_vae[number].push_back(blocks[at].time);
        count(parts.row.rate, at);
        count(report_.rate, at);
        ++parts.row.blocks;
        if (blocks[at].kind == scenario::full && row_of(blocks[at]).latent_frames > 0)
          parts.steady_ns.push_back(report_.blocks[at].per_latent_frame_ns);
      }
      if (all.empty()) continue;
      report_.rate.without_vae_ns += interval_set(all).total_ns();
      for (const joined_vae_span& v : c.vae) {
        all.push_back(v.time);
        if (!v.block || c.whole_clip_decode) continue;
        segment_parts& parts = segments[row_of(blocks[*v.block]).segment];
        parts.blocks_and_vae[number].push_back(v.time);
        parts.has_vae = true;
      }
      has_vae_ = has_vae_ || !c.vae.empty();
      report_.rate.with_vae_ns += interval_set(std::move(all)).total_ns();
    }
    set_rates(report_.rate, has_vae_);
    for (auto& [segment, parts] : segments) {
      parts.row.segment = segment;
      for (auto& entry : parts.blocks)
        parts.row.rate.without_vae_ns += interval_set(std::move(entry.second)).total_ns();
      for (auto& entry : parts.blocks_and_vae)
        parts.row.rate.with_vae_ns += interval_set(std::move(entry.second)).total_ns();
      set_rates(parts.row.rate, parts.has_vae);
      parts.row.steady_per_latent_frame_ns = summarize(parts.steady_ns);
      report_.segments.push_back(parts.row);
    }
  }

  void count(frame_rate& rate, std::size_t at) const {
    rate.latent_frames += row_of(index_.blocks()[at]).latent_frames;
    rate.pixel_frames += report_.blocks[at].pixel_frames;
  }

  void add_deadlines() {
    for (const std::int64_t period_ns : playout_periods_ns) {
      deadline_row row;
      row.period_ns = period_ns;
      for (std::size_t number = 0; number < index_.clips().size(); ++number) {
        const deadline_report one = check_deadlines(index_.clips()[number].pixel_frames, period_ns);
        row.expected += one.expected;
        row.missing += one.missing;
        row.late += one.late;
        row.worst_lateness_ns = std::max(row.worst_lateness_ns, one.worst_lateness_ns);
        if (period_ns == period_at_25_fps_ns) add_pixel_frames(one, number);
      }
      if (row.expected == 0) continue;
      row.hit_rate = static_cast<double>(row.expected - row.missing - row.late) /
                     static_cast<double>(row.expected);
      row.gaps_over_period = std::count_if(gaps_ns_.begin(), gaps_ns_.end(),
                                           [&](std::int64_t gap) { return gap > period_ns; });
      report_.deadlines.push_back(row);
    }
  }

  void add_pixel_frames(const deadline_report& one, std::size_t clip_number) {
    const pixel_frame_deadline* before = nullptr;
    for (const pixel_frame_deadline& p : one.pixel_frames) {
      pixel_frame_timing timing;
      timing.clip = static_cast<std::int32_t>(clip_number);
      timing.at_25_fps = p;
      if (const auto at = index_.block_at(p.block, p.complete_ns))
        timing.kind = index_.blocks()[*at].kind;
      if (before != nullptr) {
        timing.gap_ns = p.complete_ns - before->complete_ns;
        timing.block_boundary = p.block != before->block;
      }
      before = &p;
      report_.pixel_frames.push_back(timing);
      if (p.lateness_ns > 0)
        report_.late_at_25_fps.push_back(
            {timing.clip, p.index, p.block, timing.kind, p.lateness_ns});
    }
  }

  void add_first_pixel_frame() {
    if (index_.blocks().empty() || index_.clips().front().pixel_frames.empty()) return;
    const std::int64_t complete_ns =
        clamp_time(index_.clips().front().pixel_frames.front().complete_ns);
    const joined_block& first = index_.blocks().front();
    std::uint32_t root = first.span;
    while (tree_[root].parent != no_span) root = tree_[root].parent;
    report_.first_pixel_frame_from_block_ns = complete_ns - first.time.start_ns;
    report_.first_pixel_frame_from_root_ns = complete_ns - tree_[root].start_ns;
  }

  const recording& run_;
  const span_tree& tree_;
  clip_index index_;
  generation_report report_;
  std::vector<std::int64_t> gaps_ns_;
  bool has_vae_ = false;
};

}  // namespace

const char* to_string(scenario s) {
  switch (s) {
    case scenario::first:
      return "first";
    case scenario::filling:
      return "filling";
    case scenario::full:
      return "full";
    case scenario::switched:
      return "switch";
    case scenario::within_block:
      return "within a block";
    case scenario::block_boundary:
      return "block boundary";
  }
  return "";
}

generation_report generation(const recording& run, const span_tree& tree) {
  return generation_analysis(run, tree).report();
}

}  // namespace latency::analysis
