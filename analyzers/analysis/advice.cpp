#include "analyzers/analysis/advice.hpp"

#include <algorithm>

namespace latency::analysis {
namespace {

double number(std::int64_t value) {
  return static_cast<double>(value);
}

void advise_on_hygiene(const hygiene_report& health, std::vector<advice>& lines) {
  if (health.lost == 0) return;
  advice line;
  line.rule = advice_rule::dropped_records;
  line.finding = "The recording is not complete, so times and counts are too small.";
  line.suggestion =
      health.incomplete
          ? "The run did not end: its last block is cut off, so leave it out of comparisons."
          : "Raise LATENCY_CAPACITY, or record fewer spans (LATENCY_REGIONS).";
  line.because = {{"records lost or cut off", number(health.lost), unit::count}};
  lines.push_back(line);
}

void advise_on_untracked(const component_table& parts, std::vector<advice>& lines) {
  if (!(parts.untracked_share > untracked_share_limit)) return;
  advice line;
  line.rule = advice_rule::untracked_time;
  line.finding = "Much of the time is in no span.";
  line.suggestion = "Put a scope around the whole run, and around what happens between its stages.";
  line.because = {{"share of the wall", parts.untracked_share, unit::share},
                  {"untracked time", number(parts.untracked_ns), unit::nanoseconds}};
  line.threshold = untracked_share_limit;
  lines.push_back(line);
}

void advise_on_deadlines(const generation_report& generated, std::vector<advice>& lines) {
  if (generated.late_at_25_fps.empty()) return;
  const auto& late = generated.late_at_25_fps;
  const auto row =
      std::find_if(generated.deadlines.begin(), generated.deadlines.end(),
                   [](const deadline_row& d) { return d.period_ns == period_at_25_fps_ns; });
  const auto in_switch_blocks = std::count_if(
      late.begin(), late.end(), [](const auto& p) { return p.kind == scenario::switched; });
  advice line;
  line.rule = advice_rule::late_pixel_frames;
  line.finding = "Pixel frames miss their deadline at 25 per second.";
  line.suggestion =
      "Compare steady and switch blocks: what both share comes first, then the switch.";
  line.because = {{"late pixel frames", number(row->late), unit::count},
                  {"of", number(row->expected), unit::count},
                  {"in switch blocks", number(in_switch_blocks), unit::count},
                  {"worst lateness", number(row->worst_lateness_ns), unit::nanoseconds}};
  lines.push_back(line);
}

// Switches asked for inside a block: the wait that asking at a multiple of the block would save.
void advise_on_switch_points(const recording& run, const switch_report& switched,
                             std::vector<advice>& lines) {
  std::int64_t wait_ns = 0;
  std::int64_t absolute_ns = 0;
  std::int64_t count = 0;
  for (const switch_timing& s : switched.switches) {
    const prompt_switch& row = run.switches[s.row];
    if (!s.absolute_ns || row.requested_latent_frame == row.latent_frame) continue;
    wait_ns += s.parts_ns[static_cast<std::size_t>(switch_part::boundary_wait)];
    absolute_ns += *s.absolute_ns;
    ++count;
  }
  if (absolute_ns == 0) return;
  const double share = number(wait_ns) / number(absolute_ns);
  if (!(share > boundary_wait_share_limit)) return;
  advice line;
  line.rule = advice_rule::switch_off_boundary;
  line.finding = "Prompt switches are asked for inside a block, and wait for the next one.";
  line.suggestion = "Place switch points at multiples of the block's latent frames.";
  line.because = {{"share of these switches' latency", share, unit::share},
                  {"waited for the block's end", number(wait_ns), unit::nanoseconds},
                  {"switches inside a block", number(count), unit::count}};
  line.threshold = boundary_wait_share_limit;
  lines.push_back(line);
}

void advise_on_recache(const switch_report& switched, std::vector<advice>& lines) {
  const auto total = [&](switch_part part) {
    return switched.over_all.parts_ns[static_cast<std::size_t>(part)].sum;
  };
  if (!(switched.over_all.absolute_ns.sum > 0)) return;
  const double recache_ns = total(switch_part::recache_setup) + total(switch_part::recache_forward);
  const double share = recache_ns / switched.over_all.absolute_ns.sum;
  if (!(share > recache_share_limit)) return;
  advice line;
  line.rule = advice_rule::recache_share;
  line.finding = "The recache is much of what a prompt switch costs.";
  line.suggestion = "A smaller window has fewer latent frames to recache.";
  line.because = {{"share of the switches' latency", share, unit::share},
                  {"recache time", recache_ns, unit::nanoseconds},
                  {"switches", number(switched.over_all.absolute_ns.n), unit::count}};
  line.threshold = recache_share_limit;
  lines.push_back(line);
}

void advise_on_vae(const generation_report& generated, std::vector<advice>& lines) {
  const frame_rate& rate = generated.rate;
  if (rate.with_vae_ns == 0) return;
  const std::int64_t added_ns = rate.with_vae_ns - rate.without_vae_ns;
  const double share = number(added_ns) / number(rate.with_vae_ns);
  if (!(share > vae_share_limit)) return;
  advice line;
  line.rule = advice_rule::vae_share;
  line.finding = "VAE decoding, beside the blocks, is much of the time to pixels.";
  line.suggestion = "Decode one block while the next is generated, or speed the decoder up first.";
  line.because = {{"share of generation with VAE", share, unit::share},
                  {"VAE time outside blocks", number(added_ns), unit::nanoseconds}};
  line.threshold = vae_share_limit;
  lines.push_back(line);
}

void advise_on_window(const kv_cache_report& cache, std::vector<advice>& lines) {
  if (!cache.attention || !(cache.attention->attention_share > attention_share_limit)) return;
  const attention_cost& cost = *cache.attention;
  advice line;
  line.rule = advice_rule::attention_window;
  line.finding = "Forwards are attention-bound: their time grows with the tokens attended.";
  line.suggestion = "A smaller window (local_attn_size) saves time in every forward.";
  line.because = {
      {"share of a forward that grows with the window", cost.attention_share, unit::share},
      {"median forward at the fewest tokens", cost.low_median_ns, unit::nanoseconds},
      {"fewest tokens attended", number(cost.low_tokens), unit::tokens},
      {"median forward at the most tokens", cost.high_median_ns, unit::nanoseconds},
      {"most tokens attended", number(cost.high_tokens), unit::tokens}};
  line.threshold = attention_share_limit;
  lines.push_back(line);
}

void advise_on_segments(const generation_report& generated, std::vector<advice>& lines) {
  if (generated.segments.size() < 2) return;
  const auto by_length = [](const segment_row& a, const segment_row& b) {
    return a.rate.latent_frames < b.rate.latent_frames;
  };
  const auto [shortest, longest] =
      std::minmax_element(generated.segments.begin(), generated.segments.end(), by_length);
  const std::int64_t least = shortest->rate.latent_frames;
  const std::int64_t most = longest->rate.latent_frames;
  if (least <= 0 || !(number(most) / number(least) > segment_ratio_limit)) return;
  advice line;
  line.rule = advice_rule::segment_balance;
  line.finding =
      "Segments have very different lengths, so figures over all of them are mostly one's.";
  line.suggestion = "Read the figures per segment, or space the switch points evenly.";
  line.because = {{"longest to shortest segment", number(most) / number(least), unit::ratio},
                  {"longest segment", number(most), unit::latent_frames},
                  {"shortest segment", number(least), unit::latent_frames}};
  line.threshold = segment_ratio_limit;
  lines.push_back(line);
}

}  // namespace

const char* to_string(advice_rule rule) {
  switch (rule) {
    case advice_rule::dropped_records:
      return "dropped records";
    case advice_rule::untracked_time:
      return "untracked time";
    case advice_rule::late_pixel_frames:
      return "late pixel frames";
    case advice_rule::switch_off_boundary:
      return "switch point";
    case advice_rule::recache_share:
      return "recache";
    case advice_rule::vae_share:
      return "VAE";
    case advice_rule::attention_window:
      return "window";
    case advice_rule::segment_balance:
      return "segment balance";
  }
  return "";
}

std::vector<advice> advise(const recording& run, const hygiene_report& health,
                           const component_table& parts, const generation_report& generated,
                           const switch_report& switched, const kv_cache_report& cache) {
  std::vector<advice> lines;
  advise_on_hygiene(health, lines);
  advise_on_untracked(parts, lines);
  advise_on_deadlines(generated, lines);
  advise_on_switch_points(run, switched, lines);
  advise_on_recache(switched, lines);
  advise_on_vae(generated, lines);
  advise_on_window(cache, lines);
  advise_on_segments(generated, lines);
  return lines;
}

}  // namespace latency::analysis
