#include "analyzers/timeline/tracker_placement.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "analyzers/timeline/order_statistics.hpp"
#include "analyzers/timeline/tracker_nesting.hpp"
#include "latency/detail/printable.hpp"
#include "latency/error.hpp"
#include "latency/saturating.hpp"

namespace latency::timeline {
namespace {

constexpr std::int64_t after_all_ns = INT64_MAX;
// Between a block's start and its first scope, and its last scope and its end, the tracker works.
constexpr std::int64_t slack_ns = 1'000'000;
// Of a run of many hours; a file of a few bytes can claim any number.
constexpr std::int64_t most_summarized_scopes = 250'000;
constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

// Scopes of which a file of statistics keeps no times, and what they ran in.
struct known_nesting {
  const char* inner;
  const char* outer[2];
};
constexpr known_nesting known_nestings[] = {
    {"text_encoder", {"interactive_text_encoding", "text_encoding"}},
    {"vae_decode", {"interactive_vae_decode", "vae_decode_final"}},
};

void append_count(std::string& list, const std::string& name, std::int64_t count) {
  list += (list.empty() ? "" : ", ") + name + " x " + std::to_string(count);
}

class placement {
 public:
  placement(tracker_file& file, const std::string& name) : file_(file), name_(name) {}

  placed_run place_all() {
    has_switches_ = !file_.switches.empty();
    for (const auto& [component, kept] : file_.statistics)
      has_switches_ = has_switches_ || role_of(component) == tracker_role::switch_part;
    open_blocks();
    place_events();
    place_statistics();
    for (auto& [block, span] : recache_forwards_) place_recache_forward(block, std::move(span));
    for (placed_block& block : run_.blocks) put_in_order(block.switch_parts);
    place_switch_totals();
    return std::move(run_);
  }

 private:
  void open_blocks() {
    run_.blocks.resize(file_.blocks.size());
    for (std::size_t i = 0; i < run_.blocks.size(); ++i) {
      std::optional<std::int64_t> any_ns;
      for (const tracker_event& event : file_.blocks[i].events) {
        const tracker_role role = role_of(span_name_of(event.component, event.operation, true));
        if (!event.end_ns) continue;
        std::optional<std::int64_t>& end_ns =
            role == tracker_role::context_pass ? run_.blocks[i].end_ns : any_ns;
        if (role == tracker_role::context_pass || role == tracker_role::other)
          end_ns = std::max(end_ns.value_or(*event.end_ns), *event.end_ns);
      }
      if (!run_.blocks[i].end_ns) run_.blocks[i].end_ns = any_ns;
      if (run_.blocks[i].end_ns) by_end_.emplace_back(*run_.blocks[i].end_ns, i);
      if (i > 0) after_index_[file_.blocks[i - 1].index] = i;
    }
    std::stable_sort(by_end_.begin(), by_end_.end());
  }

  // The block that ends first at or after a time.
  [[nodiscard]] std::size_t block_at(std::int64_t end_ns) const {
    const auto found =
        std::lower_bound(by_end_.begin(), by_end_.end(), std::pair(end_ns, std::size_t{0}));
    return found == by_end_.end() ? nowhere : found->second;
  }

  void place_events() {
    std::vector<tracker_event> timed;
    const auto take = [&](std::vector<tracker_event>& from, std::size_t block) {
      for (tracker_event& event : from) {
        ++seen_[event.component];
        if (event.end_ns)
          timed.push_back(std::move(event));
        else
          place_untimed(span_of(event, has_switches_), block);
      }
    };
    if (!file_.events.empty())
      take(file_.events, nowhere);  // those of the blocks are among them
    else
      for (std::size_t i = 0; i < run_.blocks.size(); ++i) take(file_.blocks[i].events, i);
    run_.has_times = !timed.empty();
    nested_events nested = nest(std::move(timed), has_switches_);
    for (const auto& [component, count] : nested.twice)
      append_count(run_.recorded_twice, component, count);
    for (nested_events::root& root : nested.roots) place(root);
  }

  void place(nested_events::root& root) {
    const std::size_t at = block_at(root.end_ns);
    if (at != nowhere && role_of(root.span.name) == tracker_role::switch_part) {
      run_.blocks[at].switch_parts.push_back(std::move(root.span));
      return;
    }
    // A switch's recache is timed below the block before it even where its own scope is not.
    if (at != nowhere && root.start_ns < begin_ns(at) && root.span.name == "diffusion_forward") {
      recache_forwards_.emplace_back(at, std::move(root.span));
      return;
    }
    if (at == nowhere || root.start_ns < begin_ns(at)) {
      run_.outside.push_back({root.end_ns, std::move(root.span)});
      return;
    }
    if (!run_.blocks[at].segment) run_.blocks[at].segment = root.segment;
    run_.blocks[at].parts.push_back(std::move(root.span));
  }

  [[nodiscard]] std::int64_t begin_ns(std::size_t block) const {
    const std::int64_t duration_ns = file_.blocks[block].duration_ns;
    if (duration_ns == 0) return before_all_ns;  // not in the file
    return saturating_add(*run_.blocks[block].end_ns, -duration_ns - slack_ns);
  }

  // Scopes below a block whose time is not known: inner ones are those of some other scope.
  void place_untimed(placed_span span, std::size_t block) {
    const bool inner = span.name == "diffusion_forward" || span.name == "text_encoder" ||
                       span.name == "vae_decode";
    const tracker_role role = role_of(span.name);
    if (block == nowhere || inner || role == tracker_role::text_encoding)
      leave_beside(std::move(span));
    else if (role == tracker_role::vae)
      run_.outside.push_back({after_all_ns, std::move(span)});
    else if (role != tracker_role::switch_part)
      run_.blocks[block].parts.push_back(std::move(span));
    else if (block + 1 < run_.blocks.size())
      run_.blocks[block + 1].switch_parts.push_back(std::move(span));
    else
      leave_beside(std::move(span));
  }

  void leave_beside(placed_span span) { run_.unplaced.push_back(std::move(span)); }

  [[nodiscard]] std::vector<placed_span> spans_from(const std::string& component,
                                                    const tracker_statistics& kept) {
    const kept_summary summary{kept.count,  kept.min_ns, kept.median_ns, kept.p95_ns,
                               kept.p99_ns, kept.max_ns, kept.total_ns};
    scopes_from_statistics_ += kept.count;
    if (kept.count > most_summarized_scopes || scopes_from_statistics_ > most_summarized_scopes)
      throw error(name_, "component_breakdown/" + detail::printable(component),
                  "counts " + std::to_string(kept.count) + " scopes, more than any run has");
    std::vector<placed_span> result;
    for (const std::int64_t duration_ns : durations_with(summary)) {
      result.emplace_back();
      result.back().name = span_name_of(component, "", has_switches_);
      result.back().duration_ns = duration_ns;
      if (result.back().name != component)
        result.back().attributes.emplace_back("component", component);
    }
    append_count(run_.from_statistics, component, kept.count);
    return result;
  }

  void place_statistics() {
    std::map<std::string, std::vector<placed_span>> outer;
    for (const auto& [component, kept] : file_.statistics) {
      const auto seen = seen_.find(component);
      if (seen != seen_.end() || kept.count == 0 || component == "prompt_switch_total" ||
          (component == "inter_frame_latency" && !file_.gaps.empty()))
        continue;
      outer[component] = spans_from(component, kept);
    }
    for (const known_nesting& known : known_nestings) nest_by_rank(known, outer);
    const std::int64_t decoded_ns = after_decoding_ns();
    for (auto& [component, spans] : outer) {
      const std::string name = spans.empty() ? component : spans.front().name;
      const tracker_role role = role_of(name);
      if (role == tracker_role::switch_part) {
        place_in_switches(file_.statistics.at(component), spans);
        continue;
      }
      for (placed_span& span : spans) {
        if (role == tracker_role::text_encoding)
          run_.outside.push_back({before_all_ns, std::move(span)});
        else if (role == tracker_role::vae)
          run_.outside.push_back({decoded_ns, std::move(span)});
        else
          leave_beside(std::move(span));
      }
    }
  }

  // The longest of the inner scopes ran in the longest of the outer ones, as far as a summary
  // tells.
  void nest_by_rank(const known_nesting& known,
                    std::map<std::string, std::vector<placed_span>>& spans) {
    const auto inner = spans.find(known.inner);
    if (inner == spans.end()) return;
    for (const char* const name : known.outer) {
      const auto outer = spans.find(name);
      if (outer == spans.end()) continue;
      bool fits = outer->second.size() == inner->second.size();
      for (std::size_t i = 0; fits && i < inner->second.size(); ++i)
        fits = inner->second[i].duration_ns <= outer->second[i].duration_ns;
      for (std::size_t i = 0; i < inner->second.size(); ++i) {
        if (fits)
          outer->second[i].children.push_back(std::move(inner->second[i]));
        else
          leave_beside(std::move(inner->second[i]));
      }
      spans.erase(inner);
      return;
    }
  }

  // The end of what is decoded after the last block: where its post-processing begins.
  [[nodiscard]] std::int64_t after_decoding_ns() const {
    for (const auto& one : run_.outside)
      if (one.span.end_ns && one.span.name.find("postprocess") != std::string::npos)
        return saturating_add(*one.span.end_ns, -one.span.duration_ns - 1);
    return after_all_ns;
  }

  // The tracker files a switch under the block before it.
  void place_in_switches(const tracker_statistics& kept, std::vector<placed_span>& spans) {
    bool known = static_cast<std::int64_t>(kept.blocks.size()) == kept.count;
    std::vector<std::size_t> at;
    for (const auto& [index, of] : kept.blocks) {
      const auto next = after_index_.find(index);
      known = known && of.count == 1 && next != after_index_.end();
      at.push_back(known ? next->second : nowhere);
    }
    std::size_t i = 0;
    for (const auto& [index, of] : kept.blocks) {
      if (!known) break;
      placed_span& span = spans[i];
      span.duration_ns = of.mean_ns;
      run_.blocks[at[i++]].switch_parts.push_back(std::move(span));
    }
    if (!known)
      for (placed_span& span : spans) leave_beside(std::move(span));
  }

  void place_recache_forward(std::size_t block, placed_span span) {
    for (placed_span& part : run_.blocks[block].switch_parts) {
      if (part.name != "prompt_switch_recache" || span.duration_ns > part.duration_ns ||
          !part.children.empty())
        continue;
      part.children.push_back(std::move(span));
      return;
    }
    leave_beside(std::move(span));
  }

  void place_switch_totals() {
    std::vector<std::size_t> at;  // blocks with a switch
    for (std::size_t i = 0; i < run_.blocks.size(); ++i)
      if (!run_.blocks[i].switch_parts.empty()) at.push_back(i);
    if (file_.switches.empty()) {
      const auto kept = file_.statistics.find("prompt_switch_total");
      if (kept == file_.statistics.end()) return;
      for (const placed_span& span : spans_from(kept->first, kept->second))
        file_.switches.push_back({span.duration_ns, std::nullopt, std::nullopt});
      std::stable_sort(at.begin(), at.end(), [this](std::size_t a, std::size_t b) {
        return length_of(run_.blocks[a].switch_parts) < length_of(run_.blocks[b].switch_parts);
      });
    }
    if (at.size() != file_.switches.size()) {
      for (const tracker_switch& total : file_.switches) {
        placed_span span;
        span.name = "prompt_switch_total";
        span.duration_ns = total.duration_ns;
        leave_beside(std::move(span));
      }
      return;
    }
    for (std::size_t i = 0; i < at.size(); ++i) {
      run_.blocks[at[i]].switch_total_ns = file_.switches[i].duration_ns;
      run_.blocks[at[i]].recached_latent_frames = file_.switches[i].recached_latent_frames;
      if (!run_.blocks[at[i]].segment) run_.blocks[at[i]].segment = file_.switches[i].segment;
    }
  }

  static void put_in_order(std::vector<placed_span>& switch_parts) {
    static constexpr std::array<const char*, 5> order = {
        "prompt_switch_kv_reset", "prompt_switch_crossattn_reset", "prompt_switch_recache_setup",
        "prompt_switch_recache", "prompt_switch_final_reset"};
    const auto rank = [](const placed_span& part) {
      return std::find(order.begin(), order.end(), part.name) - order.begin();
    };
    std::stable_sort(switch_parts.begin(), switch_parts.end(),
                     [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  }

  tracker_file& file_;
  const std::string& name_;
  placed_run run_;
  bool has_switches_ = false;
  std::int64_t scopes_from_statistics_ = 0;
  std::vector<std::pair<std::int64_t, std::size_t>> by_end_;  // blocks whose end is known
  std::map<std::int64_t, std::size_t> after_index_;           // the block after one of that index
  std::map<std::string, std::int64_t> seen_;                  // events by component
  std::vector<std::pair<std::size_t, placed_span>> recache_forwards_;  // by block
};

}  // namespace

placed_run place(tracker_file& file, const std::string& name) {
  return placement(file, name).place_all();
}

}  // namespace latency::timeline
