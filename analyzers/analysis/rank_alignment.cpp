#include "analyzers/analysis/rank_alignment.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <string_view>

#include "analyzers/analysis/clock_fit.hpp"
#include "analyzers/analysis/pool.hpp"
#include "latency/error.hpp"
#include "latency/interval_set.hpp"
#include "latency/saturating.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {
namespace {

using points_by_name = std::map<std::string, std::vector<interval>>;

// "ncclDevKernel_AllReduce_Sum_bf16_RING_LL" -> "nccldevkernelallreducesumbf16ringll"
std::string letters_of(std::string_view name) {
  std::string result;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool is_collective(const std::string& name) {
  constexpr std::array<std::string_view, 4> everyone_waits = {"allreduce", "allgather",
                                                              "reducescatter", "alltoall"};
  const std::string letters = letters_of(name);
  return letters.find("nccl") != letters.npos &&
         std::any_of(everyone_waits.begin(), everyone_waits.end(),
                     [&](std::string_view word) { return letters.find(word) != letters.npos; });
}

bool is_barrier(const std::string& name, const std::vector<std::string>& named) {
  if (!named.empty()) return std::find(named.begin(), named.end(), name) != named.end();
  return letters_of(name).find("barrier") != std::string::npos;
}

points_by_name points_of(const recording& run, const alignment_rules& rules) {
  std::vector<bool> collective(run.strings.size());
  std::vector<bool> barrier(run.strings.size());
  for (string_id id = 0; id < run.strings.size(); ++id) {
    collective[id] = rules.barriers.empty() && is_collective(run.strings[id]);
    barrier[id] = is_barrier(run.strings[id], rules.barriers);
  }
  points_by_name points;
  const auto add = [&](const std::string& name, std::int64_t start_ns, std::int64_t end_ns) {
    const interval time{clamp_time(start_ns), clamp_time(end_ns)};
    if (time.end_ns > time.start_ns) points[name].push_back(time);
  };
  for (const device_op& op : run.device_ops)
    if (op.kind == device_op_kind::kernel && collective[op.name])
      add("kernel " + run.strings[op.name], op.start_ns, op.end_ns);
  for (const span& s : run.spans)
    if (barrier[s.name]) add("span " + run.strings[s.name], s.start_ns, s.end_ns);
  for (auto& [name, times] : points)
    std::sort(times.begin(), times.end(),
              [](const interval& a, const interval& b) { return a.start_ns < b.start_ns; });
  return points;
}

struct bounds {
  std::int64_t low_ns = -time_limit_ns;
  std::int64_t high_ns = time_limit_ns;
  std::int64_t points = 0;
  clock_bounds moments;  // the same, one by one
  interval extent;       // of these, on the other clock
};

// `wall_ns`: of the other recording.
bounds bounds_of(const points_by_name& first, const points_by_name& other, std::int64_t wall_ns) {
  bounds result;
  result.extent = {0, std::max<std::int64_t>(0, clamp_time(wall_ns))};
  for (const auto& [name, ours] : first) {
    const auto found = other.find(name);
    if (found == other.end() || found->second.size() != ours.size()) continue;
    for (std::size_t k = 0; k < ours.size(); ++k) {
      const interval& theirs = found->second[k];
      const offset_bound least{theirs.end_ns, clamp_time(ours[k].start_ns - theirs.end_ns)};
      const offset_bound most{theirs.start_ns, clamp_time(ours[k].end_ns - theirs.start_ns)};
      result.low_ns = std::max(result.low_ns, least.offset_ns);
      result.high_ns = std::min(result.high_ns, most.offset_ns);
      result.moments.at_least.push_back(least);
      result.moments.at_most.push_back(most);
      result.extent = {std::min(result.extent.start_ns, theirs.start_ns),
                       std::max(result.extent.end_ns, theirs.end_ns)};
      ++result.points;
    }
  }
  return result;
}

[[noreturn]] void refuse(const recording& rank, const recording& first, const bounds& found) {
  throw error(rank.source, "",
              "its collectives and barriers contradict those of " + first.source + " by " +
                  std::to_string(found.low_ns - found.high_ns) +
                  " ns: another order or group, or a clock that drifts");
}

void align(rank_alignment& one, const bounds& found, const recording& rank,
           const recording& first) {
  one.method = alignment_method::synchronization;
  if (found.points >= drift_fewest_points) {
    const std::optional<clock_fit> fit = fit_clock(found.moments, found.extent);
    if (!fit) refuse(rank, first, found);
    one.offset_ns = fit->offset_ns;
    one.drift = fit->drift;
    one.uncertainty_ns = fit->uncertainty_ns;
    return;
  }
  if (found.low_ns > found.high_ns) refuse(rank, first, found);
  one.offset_ns = found.low_ns + (found.high_ns - found.low_ns) / 2;
  one.uncertainty_ns = (found.high_ns - found.low_ns + 1) / 2;
}

std::int64_t wall_clock_offset_ns(const recording& first, const recording& other) {
  return clamp_time(other.clock.origin_unix_ns) - clamp_time(first.clock.origin_unix_ns);
}

std::string name_of(const recording& run, std::size_t position) {
  const auto rank = run.run.find("rank");
  if (rank != run.run.end() && std::holds_alternative<std::int64_t>(rank->second))
    return "rank " + std::to_string(std::get<std::int64_t>(rank->second));
  return "rank " + std::to_string(position);
}

// The time, moved by so much and by what the clock has drifted since 0. Keeps the order of times.
std::int64_t moved(std::int64_t time_ns, std::int64_t by_ns, double drift) {
  const std::int64_t drifted_ns = std::llround(drift * static_cast<double>(clamp_time(time_ns)));
  return saturating_add(saturating_add(time_ns, by_ns), drifted_ns);
}

// Every time of the recording; what was recorded as zero is no time.
void shift(recording& run, std::int64_t by_ns, double drift) {
  const auto move = [=](std::int64_t& time_ns) { time_ns = moved(time_ns, by_ns, drift); };
  const auto move_all = [&move](auto& rows) {
    for (auto& row : rows) {
      if (row.start_ns == 0 && row.end_ns == 0) continue;
      move(row.start_ns);
      move(row.end_ns);
    }
  };
  move_all(run.spans);
  move_all(run.async_spans);
  move_all(run.device_ops);
  move_all(run.api_calls);
  move_all(run.event_windows);
  for (recorded_instant& row : run.instants) move(row.time_ns);
  for (counter_sample& row : run.counters) move(row.time_ns);
  for (completion_mark& row : run.marks) move(row.time_ns);
  for (prompt_switch& row : run.switches) move(row.request_ns);
  for (pixel_frame& row : run.pixel_frames) move(row.complete_ns);
  for (memory_snapshot& row : run.memory) move(row.time_ns);
}

}  // namespace

const char* to_string(alignment_method method) {
  switch (method) {
    case alignment_method::reference:
      return "reference";
    case alignment_method::synchronization:
      return "synchronization";
    case alignment_method::wall_clock:
      return "wall clock";
  }
  return "";
}

std::vector<rank_alignment> align_ranks(const std::vector<recording>& ranks,
                                        const alignment_rules& rules) {
  std::vector<rank_alignment> result;
  if (ranks.empty()) return result;
  const recording& first = ranks.front();
  const points_by_name points = points_of(first, rules);
  result.emplace_back();
  for (std::size_t i = 1; i < ranks.size(); ++i) {
    const recording& rank = ranks[i];
    const bounds found = bounds_of(points, points_of(rank, rules), rank.wall_ns);
    const bool wall_clocks = first.clock.origin_unix_ns != 0 && rank.clock.origin_unix_ns != 0;
    rank_alignment one;
    one.points = found.points;
    if (found.points > 0) {
      align(one, found, rank, first);
    } else if (wall_clocks) {
      one.method = alignment_method::wall_clock;
      one.offset_ns = wall_clock_offset_ns(first, rank);
      one.uncertainty_ns = rules.wall_clock_uncertainty_ns;
    } else {
      throw error(rank.source, "",
                  "has no collective, barrier or wall clock in common with " + first.source);
    }
    if (wall_clocks)
      one.wall_clock_difference_ns =
          saturating_add(wall_clock_offset_ns(first, rank), -one.offset_ns);
    result.push_back(one);
  }
  return result;
}

std::int64_t uncertainty_between_ns(const std::vector<rank_alignment>& of) {
  std::int64_t largest = 0;
  std::int64_t second = 0;
  for (const rank_alignment& one : of) {
    second = std::max(second, std::min(largest, one.uncertainty_ns));
    largest = std::max(largest, one.uncertainty_ns);
  }
  return saturating_add(largest, second);
}

std::int64_t typical_duration_ns(const std::vector<recording>& ranks) {
  std::vector<std::int64_t> durations;
  const auto add = [&durations](const auto& rows) {
    for (const auto& row : rows) {
      const std::int64_t start_ns = clamp_time(row.start_ns);
      const std::int64_t end_ns = clamp_time(row.end_ns);
      if (end_ns > start_ns) durations.push_back(end_ns - start_ns);
    }
  };
  for (const recording& rank : ranks) add(rank.spans);
  if (durations.empty())
    for (const recording& rank : ranks) add(rank.device_ops);
  return durations.empty() ? 0 : static_cast<std::int64_t>(median(durations));
}

recording merge_ranks(std::vector<recording> ranks, const std::vector<rank_alignment>& alignment) {
  if (ranks.empty()) return {};
  std::int64_t earliest_ns = 0;
  for (const rank_alignment& one : alignment) earliest_ns = std::min(earliest_ns, one.offset_ns);
  std::int64_t wall_ns = 0;
  const std::int64_t origin_unix_ns = ranks.front().clock.origin_unix_ns;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const std::int64_t by_ns = saturating_add(alignment[i].offset_ns, -earliest_ns);
    const double drift = alignment[i].drift.value_or(0);
    shift(ranks[i], by_ns, drift);
    wall_ns = std::max(wall_ns, moved(ranks[i].wall_ns, by_ns, drift));
    for (thread_info& thread : ranks[i].threads)
      thread.name = name_of(ranks[i], i) + ": " + thread.name;
  }
  recording all = pool(ranks);
  all.wall_ns = wall_ns;
  all.clock.uncertainty_ns =
      saturating_add(all.clock.uncertainty_ns, uncertainty_between_ns(alignment));
  all.clock.origin_unix_ns = origin_unix_ns == 0 ? 0 : saturating_add(origin_unix_ns, earliest_ns);
  all.run.erase("pooled_recordings");
  all.run["merged_ranks"] = static_cast<std::int64_t>(ranks.size());
  all.run["merged_files"] = all.source;
  all.run["rank_clock_uncertainty_ns"] = uncertainty_between_ns(alignment);
  return all;
}

}  // namespace latency::analysis
