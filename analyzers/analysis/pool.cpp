#include "analyzers/analysis/pool.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "analyzers/analysis/pool_numbering.hpp"
#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

// 0 means "none" in ids of every kind.
template <typename T>
T moved(T id, T offset) {
  return id == 0 ? 0 : id + offset;
}

// Likewise -1, in indices of rows.
std::int32_t moved_index(std::int32_t index, std::int32_t offset) {
  if (index < 0) return -1;
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(index) +
                                   static_cast<std::uint32_t>(offset));  // files may hold anything
}

class appender {
 public:
  appender(recording& to, const recording& from, const number_offsets& by)
      : to_(to), from_(from), by_(by), first_attribute_(to.attributes.size()) {
    strings_.reserve(from.strings.size());
    for (const std::string& text : from.strings.all()) strings_.push_back(to.strings.add(text));
  }

  void append_all() {
    append_attributes();
    // A file may name more threads in its rows than in its table; the offset covers them all.
    to_.threads.resize(by_.thread);
    to_.threads.insert(to_.threads.end(), from_.threads.begin(), from_.threads.end());
    append_host_rows();
    append_device_rows();
    append_run_rows();
  }

 private:
  string_id name(string_id id) const { return strings_.at(id); }
  span_id span_of(span_id id) const { return moved<span_id>(id, by_.span_id); }
  attribute_range moved_range(attribute_range range) const {
    return {range.first + first_attribute_, range.count};
  }

  // Copies of all rows, each changed by `move`.
  template <class row, class change>
  static void append(std::vector<row>& to, const std::vector<row>& from, const change& move) {
    to.reserve(to.size() + from.size());
    for (row r : from) {
      move(r);
      to.push_back(std::move(r));
    }
  }

  void append_attributes() {
    const string_id block_key = from_.strings.find("block");
    const string_id pixel_frame_key = from_.strings.find("pixel_frame");
    for (recorded_attribute a : from_.attributes) {
      if (a.type == recorded_attribute::kind::text) {
        a.text = name(a.text);
      } else if (a.type == recorded_attribute::kind::integer) {
        if (a.key == block_key) a.integer = saturating_add(a.integer, by_.block);
        if (a.key == pixel_frame_key) a.integer = saturating_add(a.integer, by_.pixel_frame);
      }
      a.key = name(a.key);
      to_.attributes.push_back(a);
    }
  }

  void append_host_rows() {
    for (span row : from_.spans) {
      row.id = span_of(row.id);
      row.parent = span_of(row.parent);
      row.name = name(row.name);
      row.thread += by_.thread;
      row.attributes = moved_range(row.attributes);
      to_.spans.push_back(row);
    }
    for (recorded_async_span row : from_.async_spans) {
      row.id = moved(row.id, by_.async_id);
      row.parent = span_of(row.parent);
      row.name = name(row.name);
      row.begin_thread += by_.thread;
      row.end_thread += by_.thread;
      row.attributes = moved_range(row.attributes);
      to_.async_spans.push_back(row);
    }
    for (recorded_instant row : from_.instants) {
      row.name = name(row.name);
      row.thread += by_.thread;
      row.span = span_of(row.span);
      row.attributes = moved_range(row.attributes);
      to_.instants.push_back(row);
    }
    for (counter_sample row : from_.counters) {
      row.name = name(row.name);
      row.thread += by_.thread;
      to_.counters.push_back(row);
    }
  }

  void append_device_rows() {
    const auto first_shape = static_cast<std::int32_t>(to_.launch_shapes.size());
    append(to_.launch_shapes, from_.launch_shapes, [](launch_shape&) {});
    append(to_.device_ops, from_.device_ops, [&](device_op& row) {
      row.span = span_of(row.span);
      row.correlation = moved(row.correlation, by_.correlation);
      row.replay = moved(row.replay, by_.replay);
      row.graph_node = moved(row.graph_node, by_.graph_node);
      row.name = name(row.name);
      row.device += by_.device;
      row.shape = moved_index(row.shape, first_shape);
    });
    append(to_.api_calls, from_.api_calls, [&](api_call& row) {
      row.span = span_of(row.span);
      row.correlation = moved(row.correlation, by_.correlation);
      row.waits_for = moved(row.waits_for, by_.correlation);
      row.name = name(row.name);
      row.thread += by_.thread;
      row.device = moved_index(row.device, static_cast<std::int32_t>(by_.device));
    });
    append(to_.event_windows, from_.event_windows, [&](event_window& row) {
      row.span = span_of(row.span);
      row.replay = moved(row.replay, by_.replay);
      row.name = name(row.name);
      row.device += by_.device;
    });
    const string_id pixel_frames = from_.strings.find("pixel_frame");
    append(to_.marks, from_.marks, [&](completion_mark& row) {
      if (row.name == pixel_frames) row.index = saturating_add(row.index, by_.pixel_frame);
      row.span = span_of(row.span);
      row.name = name(row.name);
      row.device += by_.device;
    });
    append(to_.device_clocks, from_.device_clocks,
           [&](device_clock& row) { row.device += by_.device; });
    append_totals();
  }

  void append_totals() {
    const auto first_path = static_cast<std::int32_t>(to_.span_paths.size());
    const auto first_total = static_cast<std::uint32_t>(to_.device_totals.size());
    append(to_.span_paths, from_.span_paths, [&](span_path& row) {
      row.parent = moved_index(row.parent, first_path);
      row.name = name(row.name);
    });
    append(to_.graph_nodes, from_.graph_nodes, [&](graph_node& row) {
      row.node = moved(row.node, by_.graph_node);
      row.span = span_of(row.span);
      row.path = moved_index(row.path, first_path);
    });
    append(to_.device_totals, from_.device_totals, [&](device_total& row) {
      row.path = moved_index(row.path, first_path);
      row.name = name(row.name);
      row.device += by_.device;
    });
    append(to_.device_histograms, from_.device_histograms,
           [&](duration_bucket& row) { row.total += first_total; });
    append(to_.api_totals, from_.api_totals, [&](api_total& row) {
      row.path = moved_index(row.path, first_path);
      row.name = name(row.name);
    });
  }

  void append_run_rows() {
    for (block row : from_.blocks) {
      row.span = span_of(row.span);
      row.index += by_.block;
      to_.blocks.push_back(row);
    }
    for (prompt_switch row : from_.switches) {
      row.span = span_of(row.span);
      row.block += by_.block;
      row.first_pixel_frame += by_.pixel_frame;
      to_.switches.push_back(row);
    }
    for (pixel_frame row : from_.pixel_frames) {
      row.index += by_.pixel_frame;
      row.block += by_.block;
      to_.pixel_frames.push_back(row);
    }
    for (memory_snapshot row : from_.memory) {
      row.name = name(row.name);
      to_.memory.push_back(row);
    }
  }

  recording& to_;
  const recording& from_;
  const number_offsets& by_;
  std::uint64_t first_attribute_;
  std::vector<string_id> strings_;  // id there -> id here
};

void add(hygiene_counts& sum, const hygiene_counts& more) {
  sum.dropped_spans += more.dropped_spans;
  sum.dropped_records += more.dropped_records;
  sum.dropped_device_ops += more.dropped_device_ops;
  sum.invalid_device_ops += more.invalid_device_ops;
  sum.unmatched_device_ops += more.unmatched_device_ops;
  sum.unmatched_launches += more.unmatched_launches;
  sum.untraced_copies += more.untraced_copies;
  sum.changed_graph_nodes += more.changed_graph_nodes;
  sum.too_deep_spans += more.too_deep_spans;
  sum.open_spans += more.open_spans;
  sum.overwritten_spans += more.overwritten_spans;
  sum.warm_up_regions += more.warm_up_regions;
  sum.skipped_regions += more.skipped_regions;
  sum.damaged_blocks += more.damaged_blocks;
  sum.incomplete = sum.incomplete || more.incomplete;
  if (sum.cut_at.empty()) sum.cut_at = more.cut_at;
}

// The worst of each: a statement about the clock or the cost must hold for every recording.
void add(clock_info& all, const clock_info& more) {
  if (all.kind != more.kind) all.kind = "mixed";
  all.resolution_ns = std::max(all.resolution_ns, more.resolution_ns);
  all.uncertainty_ns = std::max(all.uncertainty_ns, more.uncertainty_ns);
  all.origin_unix_ns = std::min(all.origin_unix_ns, more.origin_unix_ns);
}

}  // namespace

recording pool(const std::vector<recording>& recordings) {
  recording all;
  if (recordings.empty()) return all;
  all.run = recordings.front().run;
  all.clock = recordings.front().clock;
  number_offsets by;
  for (const recording& run : recordings) {
    const number_offsets next = after(run, by);
    appender(all, run, by).append_all();
    by = next;
    if (!all.source.empty()) all.source += ", ";
    all.source += run.source;
    std::erase_if(all.run, [&run](const auto& entry) {
      const auto same = run.run.find(entry.first);
      return same == run.run.end() || same->second != entry.second;
    });
    add(all.clock, run.clock);
    add(all.hygiene, run.hygiene);
    for (const auto& [what, cost] : run.overhead)
      all.overhead[what] = std::max(all.overhead[what], cost);
    all.wall_ns = std::max(all.wall_ns, run.wall_ns);
  }
  all.run["pooled_recordings"] = static_cast<std::int64_t>(recordings.size());
  return all;
}

}  // namespace latency::analysis
