#include "analyzers/analysis/stream_gaps.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "latency/detail/launch_times.hpp"
#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

using stream_key = std::pair<std::uint32_t, std::uint32_t>;  // device, stream

// Where a call took effect; false when the recording does not say.
bool place_of(const api_call& call, stream_key& key) {
  if (call.device < 0 || call.stream < 0 || call.stream > UINT32_MAX) return false;
  key = {static_cast<std::uint32_t>(call.device), static_cast<std::uint32_t>(call.stream)};
  return true;
}

// What each op was launched by, and what its stream was made to wait for just before that.
class dependencies {
 public:
  struct wait {
    bool recorded = false;
    std::int64_t until_ns = 0;  // end of the last op that had to end first
  };

  dependencies(const recording& run, const device_accounting& devices)
      : run_(run), launches_(run.device_ops.size(), nullptr), waits_(run.device_ops.size()) {
    detail::launch_times launches(run.api_calls);
    std::map<stream_key, std::vector<launched>> streams;
    for (std::size_t i = 0; i < run.device_ops.size(); ++i) {
      const device_op& op = run.device_ops[i];
      if (!devices.ops()[i].placed()) continue;
      const api_call* const call = launches.find(op.correlation);
      if (call == nullptr || !is_time(call->start_ns) || call->end_ns == 0) continue;
      launches_[i] = call;
      streams[{op.device, op.stream}].push_back({call->start_ns, i, op.end_ns});
    }
    for (auto& [key, ops] : streams) {
      std::sort(ops.begin(), ops.end());
      for (std::size_t i = 1; i < ops.size(); ++i)
        ops[i].end_ns = std::max(ops[i].end_ns, ops[i - 1].end_ns);  // of all up to here
    }
    add_waits(streams);
  }

  // Null when it is not recorded.
  [[nodiscard]] const api_call* launch_of(std::size_t op) const { return launches_[op]; }
  [[nodiscard]] const wait& before(std::size_t op) const { return waits_[op]; }

 private:
  struct launched {
    std::int64_t start_ns;  // of its launch
    std::size_t op;
    std::int64_t end_ns;
    bool operator<(const launched& other) const {
      return std::tie(start_ns, op) < std::tie(other.start_ns, other.op);
    }
  };

  // A wait holds back the next op that is launched to its stream.
  void add_waits(const std::map<stream_key, std::vector<launched>>& streams) {
    std::unordered_map<std::uint64_t, const api_call*> events;  // by correlation, the first
    for (const api_call& call : run_.api_calls)
      if (call.kind == api_call_kind::event_record && call.correlation != 0)
        events.try_emplace(call.correlation, &call);
    const auto later = [](std::int64_t time_ns, const launched& l) { return time_ns < l.start_ns; };
    for (const api_call& call : run_.api_calls) {
      stream_key key;
      if (call.kind != api_call_kind::stream_wait || !place_of(call, key)) continue;
      const auto stream = streams.find(key);
      if (stream == streams.end()) continue;
      const auto next =
          std::upper_bound(stream->second.begin(), stream->second.end(), call.start_ns, later);
      if (next == stream->second.end()) continue;
      wait& held = waits_[next->op];
      const auto event = events.find(call.waits_for);
      std::int64_t until_ns = INT64_MAX;  // not known: all the time
      if (event != events.end() && place_of(*event->second, key)) {
        until_ns = INT64_MIN;
        const auto awaited = streams.find(key);
        if (awaited != streams.end()) {
          const auto after = std::upper_bound(awaited->second.begin(), awaited->second.end(),
                                              event->second->start_ns, later);
          if (after != awaited->second.begin()) until_ns = std::prev(after)->end_ns;
        }
      }
      held.until_ns = held.recorded ? std::max(held.until_ns, until_ns) : until_ns;
      held.recorded = true;
    }
  }

  const recording& run_;
  std::vector<const api_call*> launches_;  // of each op, as the next
  std::vector<wait> waits_;
};

class gap_analysis {
 public:
  gap_analysis(const recording& run, const device_accounting& devices, std::size_t most_largest)
      : run_(run), most_largest_(most_largest), held_(run, devices) {
    for (std::size_t i = 0; i < run.device_ops.size(); ++i) {
      const device_op& op = run.device_ops[i];
      if (devices.ops()[i].placed())
        ops_.push_back({op.device, op.stream, op.start_ns, op.end_ns, i});
    }
    std::sort(ops_.begin(), ops_.end(), [](const placed_op& a, const placed_op& b) {
      return std::tie(a.device, a.stream, a.start_ns, a.end_ns, a.index) <
             std::tie(b.device, b.stream, b.start_ns, b.end_ns, b.index);
    });
  }

  gap_report report() {
    measure_back_to_back();
    for_each_stream([&](std::size_t first, std::size_t last) { add_stream(first, last); });
    const auto less = [](const stream_gaps& a, const stream_gaps& b) {
      return std::tie(b.gap_ns, a.device, a.stream) < std::tie(a.gap_ns, b.device, b.stream);
    };
    std::sort(report_.streams.begin(), report_.streams.end(), less);
    std::sort_heap(report_.largest.begin(), report_.largest.end(), longer);
    return std::move(report_);
  }

 private:
  struct placed_op {  // what the sweep over a stream reads of an op, side by side
    std::uint32_t device;
    std::uint32_t stream;
    std::int64_t start_ns;
    std::int64_t end_ns;
    std::size_t index;  // in recording::device_ops
  };

  const device_op& op(const placed_op& p) const { return run_.device_ops[p.index]; }

  // Calls f(first, last) for the runs of `ops_` of one stream.
  template <class F>
  void for_each_stream(const F& f) const {
    for (std::size_t first = 0, last = 0; first < ops_.size(); first = last) {
      while (last < ops_.size() && ops_[last].device == ops_[first].device &&
             ops_[last].stream == ops_[first].stream)
        ++last;
      f(first, last);
    }
  }

  // Calls f(before, after) for every two neighbours that do not overlap; `before` ended last.
  template <class F>
  void for_each_pair(std::size_t first, std::size_t last, const F& f) const {
    const placed_op* before = &ops_[first];
    for (std::size_t i = first + 1; i < last; ++i) {
      const placed_op& after = ops_[i];
      if (after.start_ns >= before->end_ns) f(*before, after);
      if (after.end_ns >= before->end_ns) before = &after;
    }
  }

  bool one_replay(const placed_op& a, const placed_op& b) const {
    return op(a).replay != 0 && op(a).replay == op(b).replay;
  }

  void measure_back_to_back() {
    std::vector<std::int64_t> gaps_ns;
    const auto add = [&](const placed_op& before, const placed_op& after) {
      if (op(before).kind != device_op_kind::kernel || op(after).kind != device_op_kind::kernel ||
          one_replay(before, after) || held_.before(after.index).recorded)
        return;
      const api_call* const launch = held_.launch_of(after.index);
      if (launch == nullptr || launch->end_ns > before.end_ns) return;
      gaps_ns.push_back(after.start_ns - before.end_ns);
    };
    for_each_stream([&](std::size_t first, std::size_t last) { for_each_pair(first, last, add); });
    report_.back_to_back_n = static_cast<std::int64_t>(gaps_ns.size());
    if (report_.back_to_back_n >= back_to_back_minimum_n)
      report_.back_to_back_ns = percentile(gaps_ns, 25);
  }

  void add_stream(std::size_t first, std::size_t last) {
    stream_gaps stream;
    stream.device = ops_[first].device;
    stream.stream = ops_[first].stream;
    stream.ops = static_cast<std::int64_t>(last - first);
    std::int64_t end_ns = ops_[first].start_ns;
    for (std::size_t i = first; i < last; ++i) {
      const placed_op& next = ops_[i];
      stream.busy_ns += std::max<std::int64_t>(0, next.end_ns - std::max(next.start_ns, end_ns));
      end_ns = std::max(end_ns, next.end_ns);
    }
    stream.window_ns = end_ns - ops_[first].start_ns;
    for_each_pair(first, last, [&](const placed_op& before, const placed_op& after) {
      if (after.start_ns == before.end_ns) return;
      add_gap(classified(before, after), stream);
    });
    report_.gaps += stream.gaps;
    report_.gap_ns = saturating_add(report_.gap_ns, stream.gap_ns);
    report_.streams.push_back(stream);
  }

  stream_gap classified(const placed_op& before, const placed_op& after) const {
    stream_gap gap;
    gap.before = before.index;
    gap.after = after.index;
    gap.start_ns = before.end_ns;
    const std::int64_t end_ns = after.start_ns;
    gap.length_ns = end_ns - gap.start_ns;
    std::int64_t now_ns = gap.start_ns;
    const auto take_until = [&](std::int64_t time_ns, gap_cause cause) {
      time_ns = std::clamp(time_ns, now_ns, end_ns);
      gap.cause_ns[static_cast<std::size_t>(cause)] += time_ns - now_ns;
      now_ns = time_ns;
    };
    if (one_replay(before, after)) {
      take_until(end_ns, gap_cause::graph_internal);
      return gap;
    }
    if (const api_call* const launch = held_.launch_of(after.index))
      take_until(launch->end_ns, gap_cause::host);
    if (held_.before(after.index).recorded)
      take_until(held_.before(after.index).until_ns, gap_cause::dependency);
    const bool short_enough =
        static_cast<double>(end_ns - now_ns) <= 2 * report_.back_to_back_ns;  // NaN: never
    take_until(end_ns, short_enough ? gap_cause::hardware : gap_cause::other);
    return gap;
  }

  void add_gap(const stream_gap& gap, stream_gaps& stream) {
    ++stream.gaps;
    stream.gap_ns += gap.length_ns;
    for (std::size_t cause = 0; cause < gap_causes; ++cause) {
      if (gap.cause_ns[cause] == 0) continue;
      for (gap_time* const time : {&stream.causes[cause], &report_.causes[cause]}) {
        ++time->gaps;
        time->ns = saturating_add(time->ns, gap.cause_ns[cause]);
      }
    }
    // A heap whose first is the shortest.
    std::vector<stream_gap>& largest = report_.largest;
    if (largest.size() == most_largest_) {
      if (largest.empty() || !longer(gap, largest.front())) return;
      std::pop_heap(largest.begin(), largest.end(), longer);
      largest.pop_back();
    }
    largest.push_back(gap);
    std::push_heap(largest.begin(), largest.end(), longer);
  }

  static bool longer(const stream_gap& a, const stream_gap& b) {
    return std::tie(b.length_ns, a.start_ns, a.after) < std::tie(a.length_ns, b.start_ns, b.after);
  }

  const recording& run_;
  std::size_t most_largest_;
  dependencies held_;
  std::vector<placed_op> ops_;  // with usable times, by device, stream and start
  gap_report report_;
};

}  // namespace

const char* to_string(gap_cause cause) {
  switch (cause) {
    case gap_cause::host:
      return "host";
    case gap_cause::graph_internal:
      return "graph-internal";
    case gap_cause::dependency:
      return "dependency";
    case gap_cause::hardware:
      return "hardware";
    case gap_cause::other:
      break;
  }
  return "other";
}

gap_cause stream_gap::main_cause() const {
  const auto most = std::max_element(cause_ns.begin(), cause_ns.end());
  return static_cast<gap_cause>(most - cause_ns.begin());
}

gap_report gaps(const recording& run, const device_accounting& devices, std::size_t most_largest) {
  return gap_analysis(run, devices, most_largest).report();
}

}  // namespace latency::analysis
