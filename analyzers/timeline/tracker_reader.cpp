#include "analyzers/timeline/tracker_reader.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "analyzers/timeline/span_layout.hpp"
#include "analyzers/timeline/tracker_file.hpp"
#include "analyzers/timeline/tracker_placement.hpp"
#include "latency/saturating.hpp"

namespace latency {
namespace timeline {
namespace {

constexpr std::int64_t published_window_latent_frames = 12;
constexpr std::int64_t pixel_frames_per_latent_frame = 4;

std::int32_t narrow(std::int64_t number) {
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(number, 0, std::numeric_limits<std::int32_t>::max()));
}

class tracker_recording {
 public:
  tracker_recording(std::string_view text, const std::string& name)
      : file_(parse_tracker_file(text, name)), placed_(place(file_, name)) {
    result_.source = name;
  }

  recording build() {
    if (file_.blocks.empty()) add_completed_blocks();
    find_window();
    zero_ns_ = lay_out(clips(), result_);
    finish_switches();
    add_gaps();
    for (const placed_span& span : placed_.unplaced) add_async(span.name, 0, span.duration_ns);
    describe();
    return std::move(result_);
  }

 private:
  // Blocks of which only the completions of their latent frames are known: each lasts from the
  // completion before it.
  void add_completed_blocks() {
    if (file_.latent_frames.empty()) return;
    placed_.has_times = true;
    const auto& frames = file_.latent_frames;
    const std::int64_t start_ns = saturating_add(
        frames.front().complete_ns, -std::max<std::int64_t>(frames.front().elapsed_ns, 0));
    if (!file_.latent_frames_per_block) {
      placed_span all;
      all.name = "latent_frames";
      all.end_ns = frames.back().complete_ns;
      all.duration_ns = elapsed_ns(start_ns, *all.end_ns);
      all.attributes.emplace_back("latent_frames", static_cast<std::int64_t>(frames.size()));
      placed_.outside.push_back({*all.end_ns, std::move(all)});
      return;
    }
    const auto size = static_cast<std::size_t>(*file_.latent_frames_per_block);
    std::int64_t before_ns = start_ns;
    for (std::size_t first = 0; first < frames.size(); first += std::min(size, frames.size())) {
      const std::size_t count = std::min(size, frames.size() - first);
      const std::int64_t end_ns = frames[first + count - 1].complete_ns;
      tracker_block block;
      block.index = static_cast<std::int64_t>(file_.blocks.size());
      block.first_latent_frame = static_cast<std::int64_t>(first);
      block.latent_frames = static_cast<std::int64_t>(count);
      block.duration_ns = elapsed_ns(before_ns, end_ns);
      file_.blocks.push_back(std::move(block));
      placed_.blocks.emplace_back();
      placed_.blocks.back().end_ns = end_ns;
      before_ns = end_ns;
    }
  }

  static std::int64_t elapsed_ns(std::int64_t from_ns, std::int64_t to_ns) {
    return std::clamp<std::int64_t>(saturating_add(to_ns, -from_ns), 0, time_limit_ns);
  }

  // What a switch recaches is what the window holds, once there is more than that.
  void find_window() {
    for (std::size_t i = 0; i < placed_.blocks.size(); ++i) {
      const auto recached = placed_.blocks[i].recached_latent_frames;
      if (recached && *recached > 0 && *recached < file_.blocks[i].first_latent_frame)
        window_latent_frames_ = *recached;
    }
    window_is_known_ = window_latent_frames_ > 0;
    if (!window_is_known_) window_latent_frames_ = published_window_latent_frames;
  }

  struct clip {
    std::vector<placed_run::outside_blocks> spans;
  };

  // A prompt begins where block numbers start again.
  std::vector<placed_span> clips() {
    std::vector<clip> found(1);
    std::vector<std::int64_t> ends_ns;  // of all clips but the last
    std::int64_t order_ns = before_all_ns + 1;
    std::int64_t first_latent_frame = 0;
    for (std::size_t i = 0; i < file_.blocks.size(); ++i) {
      if (i > 0 && file_.blocks[i].index <= file_.blocks[i - 1].index) {
        ends_ns.push_back(order_ns);
        found.emplace_back();
        first_latent_frame = file_.blocks[i].first_latent_frame;
      }
      order_ns = std::max(order_ns, placed_.blocks[i].end_ns.value_or(order_ns));
      found.back().spans.push_back({order_ns, block_span(i, first_latent_frame)});
    }
    for (placed_run::outside_blocks& one : placed_.outside) {
      // What runs between two prompts ends the one before, except that texts are encoded first.
      auto at = std::lower_bound(ends_ns.begin(), ends_ns.end(), one.order_ns) - ends_ns.begin();
      const bool encodes = one.span.name.find("text_encoding") != std::string::npos;
      if (at > 0 && !encodes &&
          one.order_ns <= first_block_end_ns(found[static_cast<std::size_t>(at)]))
        --at;
      found[static_cast<std::size_t>(at)].spans.push_back(std::move(one));
    }
    std::vector<placed_span> roots;
    for (clip& one : found) roots.push_back(root_of(one, static_cast<std::int64_t>(roots.size())));
    if (roots.size() == 1 && roots.front().children.empty()) roots.clear();
    return roots;
  }

  static std::int64_t first_block_end_ns(const clip& one) {
    return one.spans.empty() ? before_all_ns : one.spans.front().order_ns;
  }

  placed_span root_of(clip& one, std::int64_t prompt) {
    std::stable_sort(one.spans.begin(), one.spans.end(),
                     [](const auto& a, const auto& b) { return a.order_ns < b.order_ns; });
    placed_span root;
    root.name = "inference";
    for (placed_run::outside_blocks& inner : one.spans) {
      if (inner.span.name.rfind("interactive_", 0) == 0) root.name = "interactive_inference";
      root.children.push_back(std::move(inner.span));
    }
    root.duration_ns = length_of(root.children);
    root.attributes.emplace_back("prompt", prompt);
    return root;
  }

  placed_span block_span(std::size_t i, std::int64_t first_latent_frame_of_clip) {
    const tracker_block& from = file_.blocks[i];
    placed_block& parts = placed_.blocks[i];
    block row;
    row.index = narrow(from.index);
    row.first_latent_frame = narrow(from.first_latent_frame);
    row.latent_frames = narrow(from.latent_frames);
    row.window_latent_frames = narrow(window_latent_frames_);
    row.cached_latent_frames = narrow(
        std::min(from.first_latent_frame - first_latent_frame_of_clip, window_latent_frames_));
    row.switched = parts.switch_parts.empty() ? 0 : 1;
    if (i > 0 && row.index > result_.blocks.back().index)
      row.segment = result_.blocks.back().segment + row.switched;
    if (parts.segment) row.segment = narrow(*parts.segment);
    result_.blocks.push_back(row);

    placed_span span;
    span.name = "temporal_block";
    span.block = static_cast<std::int32_t>(i);
    span.end_ns = parts.end_ns;
    span.duration_ns = from.duration_ns > 0 ? from.duration_ns : length_of(parts.parts);
    span.attributes = {{"block", from.index},
                       {"segment", std::int64_t{row.segment}},
                       {"latent_frames", from.latent_frames}};
    if (row.switched != 0) {
      placed_span total = switch_span(parts, row);
      span.duration_ns =
          std::min(saturating_add(span.duration_ns, total.duration_ns), time_limit_ns);
      span.children.push_back(std::move(total));
    }
    for (placed_span& part : parts.parts) span.children.push_back(std::move(part));
    return span;
  }

  placed_span switch_span(placed_block& parts, const block& delayed) {
    prompt_switch row;
    row.segment = delayed.segment;
    row.block = delayed.index;
    row.requested_latent_frame = row.latent_frame = delayed.first_latent_frame;
    row.recached_latent_frames =
        narrow(parts.recached_latent_frames.value_or(delayed.cached_latent_frames));
    row.first_pixel_frame = narrow(pixel_frames_per_latent_frame * delayed.first_latent_frame -
                                   (pixel_frames_per_latent_frame - 1));
    placed_span span;
    span.name = "prompt_switch_total";
    span.duration_ns = parts.switch_total_ns.value_or(length_of(parts.switch_parts));
    span.prompt_switch = static_cast<std::int32_t>(result_.switches.size());
    span.attributes.emplace_back("segment", std::int64_t{row.segment});
    span.children = std::move(parts.switch_parts);
    result_.switches.push_back(row);
    return span;
  }

  // Nobody waited for a configured switch before its latent frame was next.
  void finish_switches() {
    std::unordered_map<span_id, std::int64_t> starts_ns;
    for (const prompt_switch& row : result_.switches) starts_ns[row.span] = 0;
    for (const span& s : result_.spans)
      if (const auto wanted = starts_ns.find(s.id); wanted != starts_ns.end())
        wanted->second = s.start_ns;
    for (prompt_switch& row : result_.switches) row.request_ns = starts_ns[row.span];
  }

  void add_gaps() {
    std::unordered_map<std::int64_t, std::int64_t> completions_ns;
    for (const auto& frame : file_.latent_frames)
      completions_ns[frame.index] = clamp_time(saturating_add(frame.complete_ns, -zero_ns_));
    for (const auto& gap : file_.gaps) {
      const auto complete = completions_ns.find(gap.latent_frame);
      const bool known = complete != completions_ns.end() && complete->second >= gap.duration_ns;
      add_async("inter_frame_latency", known ? complete->second - gap.duration_ns : 0,
                gap.duration_ns);
    }
  }

  void add_async(const std::string& name, std::int64_t start_ns, std::int64_t duration_ns) {
    recorded_async_span row;
    row.id = result_.async_spans.size() + 1;
    row.start_ns = start_ns;
    row.end_ns = saturating_add(start_ns, duration_ns);
    row.name = result_.strings.add(name);
    result_.async_spans.push_back(row);
    result_.wall_ns = std::max(result_.wall_ns, clamp_time(row.end_ns));
  }

  void describe() {
    result_.run = file_.run;
    result_.run["file_format"] = std::string("older LongLive tracker, ") + to_string(file_.shape);
    result_.clock.kind = placed_.has_times ? "perf_counter" : "none";
    result_.clock.resolution_ns = 1;
    if (!result_.spans.empty() && file_.shape != tracker_shape::enhanced &&
        file_.shape != tracker_shape::frames)
      result_.run["durations"] =
          std::string("GPU time of each scope, synchronized at its end; host times: host_ns");
    if (!result_.spans.empty())
      result_.run["start_times"] =
          std::string(!placed_.has_times ? "none in the file: laid end to end, in order"
                      : placed_.from_statistics.empty()
                          ? "from the file"
                          : "from the file; where it has none, next to what ran before or after");
    if (!result_.blocks.empty())
      result_.run["attention_window"] =
          std::to_string(window_latent_frames_) + " latent frames, " +
          (window_is_known_ ? "by what switches recached" : "assumed: the file does not say");
    if (!placed_.from_statistics.empty())
      result_.run["durations_by_statistics"] =
          placed_.from_statistics +
          " (the file has only a summary; durations with that summary stand in)";
    if (!placed_.recorded_twice.empty())
      result_.run["left_out"] = placed_.recorded_twice + " (the same calls, recorded again)";
    result_.hygiene.dropped_spans = file_.unusable_events;
  }

  tracker_file file_;
  placed_run placed_;
  recording result_;
  std::int64_t zero_ns_ = 0;  // what the file's clock showed at time 0
  std::int64_t window_latent_frames_ = 0;
  bool window_is_known_ = false;
};

}  // namespace
}  // namespace timeline

recording parse_tracker(std::string_view text, const std::string& name) {
  return timeline::tracker_recording(text, name).build();
}

}  // namespace latency
