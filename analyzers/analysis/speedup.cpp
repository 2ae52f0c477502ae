#include "analyzers/analysis/speedup.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "latency/interval_set.hpp"
#include "latency/saturating.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {
namespace {

void add(op_times& to, std::int64_t duration_ns) {
  to.min_ns = to.count == 0 ? duration_ns : std::min(to.min_ns, duration_ns);
  to.max_ns = std::max(to.max_ns, duration_ns);
  to.sum_ns = saturating_add(to.sum_ns, duration_ns);
  ++to.count;
}

std::int64_t duration_of(std::int64_t start_ns, std::int64_t end_ns) {
  return std::max(std::int64_t{0}, clamp_time(end_ns) - clamp_time(start_ns));
}

double quotient(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

bool holds_denois(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name.find("denois") != std::string::npos;
}

std::string largest(const std::map<std::string, std::int64_t>& sums) {
  std::string best;
  std::int64_t most = -1;
  for (const auto& [name, sum] : sums)
    if (sum > most) {
      best = name;
      most = sum;
    }
  return best;
}

}  // namespace

std::string main_stage(const timeline::stage_log& log) {
  std::map<std::string, std::int64_t> sums;
  for (const timeline::stage_round& round : log.rounds)
    for (const timeline::stage_run& run : round.stages) {
      if (!run.duration_ns) continue;
      if (holds_denois(run.stage)) return run.stage;
      sums[run.stage] = saturating_add(sums[run.stage], *run.duration_ns);
    }
  return largest(sums);
}

stage_times times_of_stage(const timeline::stage_log& log, const std::string& stage) {
  stage_times times;
  times.stage = stage;
  std::vector<std::int64_t> all;
  std::vector<std::int64_t> after_warm_up;
  for (const timeline::stage_round& round : log.rounds) {
    std::optional<std::int64_t> sum_ns;
    for (const timeline::stage_run& run : round.stages)
      if (run.stage == stage && run.duration_ns)
        sum_ns = saturating_add(sum_ns.value_or(0), *run.duration_ns);
    if (sum_ns) all.push_back(*sum_ns);
    if (sum_ns && !times.runs_ns.empty()) after_warm_up.push_back(*sum_ns);
    times.runs_ns.push_back(sum_ns);
  }
  if (!all.empty()) times.all_rounds_mean_ns = mean(all);
  if (!after_warm_up.empty()) times.after_warm_up_mean_ns = mean(after_warm_up);
  return times;
}

attention_times times_of_attention(const timeline::stage_log& log, const std::string& series,
                                   const sample_limits& limits) {
  attention_times times;
  times.series = series;
  std::vector<std::int64_t> all;
  std::vector<std::int64_t> after_warm_up;
  for (const timeline::stage_round& round : log.rounds) {
    std::int64_t samples = 0;
    for (const timeline::stage_run& run : round.stages)
      for (const timeline::log_sample& sample : run.samples) {
        if (log.series[sample.series].name != series) continue;
        ++samples;
        if (limits.min_ns && sample.duration_ns < *limits.min_ns) {
          ++times.below_min;
        } else if (limits.max_ns && sample.duration_ns > *limits.max_ns) {
          ++times.above_max;
        } else {
          all.push_back(sample.duration_ns);
          if (!times.in_run.empty()) after_warm_up.push_back(sample.duration_ns);
        }
      }
    times.in_run.push_back(samples);
  }
  times.all_rounds_ns = summarize(all);
  times.after_warm_up_ns = summarize(after_warm_up);
  return times;
}

std::string busiest_kernel(const std::vector<recording>& ranks) {
  std::map<std::string, std::int64_t> sums;
  for (const recording& run : ranks)
    for (const device_op& op : run.device_ops)
      if (op.kind == device_op_kind::kernel) {
        std::int64_t& sum = sums[run.strings[op.name]];
        sum = saturating_add(sum, duration_of(op.start_ns, op.end_ns));
      }
  return largest(sums);
}

op_times times_of_kernel(const std::vector<recording>& ranks, const std::string& name) {
  op_times times;
  times.name = name;
  for (const recording& run : ranks)
    for (const device_op& op : run.device_ops)
      if (op.kind == device_op_kind::kernel && run.strings[op.name] == name)
        add(times, duration_of(op.start_ns, op.end_ns));
  return times;
}

section_times times_of_section(const std::vector<recording>& ranks, const name_pattern& from,
                               const name_pattern& to, const std::string& kernel) {
  section_times times;
  for (const recording& run : ranks) {
    std::vector<char> begins(run.strings.size());
    std::vector<char> ends(run.strings.size());
    for (string_id name = 0; name < run.strings.size(); ++name) {
      begins[name] = from.found_in(run.strings[name]) ? 1 : 0;
      ends[name] = to.found_in(run.strings[name]) ? 1 : 0;
    }
    std::vector<const device_op*> ops;
    for (const device_op& op : run.device_ops) ops.push_back(&op);
    std::stable_sort(ops.begin(), ops.end(), [](const device_op* a, const device_op* b) {
      return std::pair(a->device, a->start_ns) < std::pair(b->device, b->start_ns);
    });
    const device_op* open = nullptr;
    std::int64_t launches = 0;  // since then
    for (const device_op* op : ops) {
      if (open != nullptr && open->device != op->device) {
        ++times.unfinished;
        open = nullptr;
      }
      if (op->kind == device_op_kind::kernel && run.strings[op->name] == kernel) ++launches;
      if (open != nullptr && ends[op->name] != 0) {
        add(times.passes, duration_of(open->end_ns, op->end_ns));
        times.kernel_launches += launches;
        open = nullptr;
      } else if (begins[op->name] != 0) {
        times.unfinished += open != nullptr ? 1 : 0;
        open = op;
        launches = 0;
      }
    }
    times.unfinished += open != nullptr ? 1 : 0;
  }
  return times;
}

std::string annotation_of(const std::vector<recording>& ranks, const std::string& kernel) {
  std::map<std::string, std::int64_t> launches;
  for (const recording& run : ranks) {
    const span_tree tree(run);
    for (const device_op& op : run.device_ops) {
      const std::uint32_t around = tree.find(op.span);
      if (around != no_span && run.strings[op.name] == kernel)
        ++launches[run.name_of(run.spans[around])];
    }
  }
  return largest(launches);
}

annotation_times times_of_annotation(const std::vector<recording>& ranks, const std::string& name,
                                     const std::string& kernel) {
  annotation_times times;
  times.host.name = times.device.name = name;
  for (const recording& run : ranks) {
    const span_tree tree(run);
    std::map<std::uint32_t, interval> windows;                     // of spans of that name
    std::vector<std::uint32_t> around(run.spans.size(), no_span);  // the innermost of them
    for (const std::uint32_t i : tree.preorder()) {
      const span& s = run.spans[i];
      if (tree[i].parent != no_span) around[i] = around[tree[i].parent];
      if (run.name_of(s) != name) continue;
      around[i] = i;
      add(times.host, duration_of(s.start_ns, s.end_ns));
      windows.emplace(i, interval{time_limit_ns, -time_limit_ns});
    }
    for (const device_op& op : run.device_ops) {
      const std::uint32_t launched_under = tree.find(op.span);
      if (launched_under == no_span || around[launched_under] == no_span) continue;
      interval& window = windows.at(around[launched_under]);
      window.start_ns = std::min(window.start_ns, clamp_time(op.start_ns));
      window.end_ns = std::max(window.end_ns, clamp_time(op.end_ns));
      if (op.kind == device_op_kind::kernel && run.strings[op.name] == kernel)
        ++times.kernel_launches;
    }
    for (const auto& [span, window] : windows)
      if (window.start_ns < window.end_ns) add(times.device, window.length_ns());
  }
  return times;
}

both_launches launches_of(const launch_counts& baseline, const launch_counts& candidate) {
  using source = launches_per_call::source;
  const auto known_of = [](const launch_counts& side) -> launches_per_call {
    if (side.given) return {*side.given, source::given};
    if (side.section && side.section->kernel_launches > 0)
      return {quotient(side.section->kernel_launches, side.section->passes.count), source::counted};
    return {};
  };
  both_launches both{known_of(baseline), known_of(candidate)};
  const annotation_times& b = baseline.annotation;
  const annotation_times& c = candidate.annotation;
  if (b.kernel_launches == 0 || c.kernel_launches == 0 || b.host.name != c.host.name) return both;
  const double ratio =
      quotient(c.kernel_launches, c.host.count) / quotient(b.kernel_launches, b.host.count);
  const bool b_known = both.baseline.known != source::assumed;
  const bool c_known = both.candidate.known != source::assumed;
  if (ratio == 1 && !b_known && !c_known) return both;
  if (!c_known && (b_known || ratio > 1))
    both.candidate = {both.baseline.number * ratio, source::compared};
  else if (!b_known)
    both.baseline = {both.candidate.number / ratio, source::compared};
  return both;
}

}  // namespace latency::analysis
