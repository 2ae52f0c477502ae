#pragma once
// What a run recorded, in memory: the model that sessions produce, that every file reader produces,
// and that the accounting (span_tree.hpp), the exporters and the analyzers take.
//
// Times are int64 nanoseconds since the session started (device times already mapped to that
// clock). Spans refer to each other by id, 0 meaning "none"; names and texts are indices into
// `strings`. Rows stand in the order in which they were written (a child closes before its parent).
// Plain data: no thread rules, no invariants enforced here; span_tree.hpp checks and counts.

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "device_rows.hpp"
#include "span_id.hpp"
#include "string_table.hpp"

namespace latency {

inline constexpr int timing_file_version_major = 1;  // readers refuse a newer one
inline constexpr int timing_file_version_minor = 3;

// A value in `run` or in an attribute.
using run_value = std::variant<std::int64_t, double, std::string>;

struct recorded_attribute {
  enum class kind : std::uint8_t { integer, real, text };
  string_id key = 0;
  kind type = kind::integer;
  union {
    std::int64_t integer = 0;
    double real;
    string_id text;
  };
};

// A run of consecutive entries in recording::attributes.
struct attribute_range {
  std::uint64_t first = 0;
  std::uint32_t count = 0;
};

struct span {
  span_id id = 0;
  span_id parent = 0;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  string_id name = 0;
  std::uint32_t thread = 0;  // index into recording::threads
  std::uint32_t flags = 0;
  attribute_range attributes;
};

// May begin and end on different threads; outside exclusive sums.
struct recorded_async_span {
  std::uint64_t id = 0;
  span_id parent = 0;  // the span open where it began
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  string_id name = 0;
  std::uint32_t begin_thread = 0;
  std::uint32_t end_thread = 0;
  std::uint32_t flags = 0;  // span_open_at_end
  attribute_range attributes;
};

struct recorded_instant {
  std::int64_t time_ns = 0;
  string_id name = 0;
  std::uint32_t thread = 0;
  span_id span = 0;  // innermost open span
  attribute_range attributes;
};

struct counter_sample {
  std::int64_t time_ns = 0;
  string_id name = 0;
  std::uint32_t thread = 0;
  double value = 0;
};

struct thread_info {
  std::string name;  // as set by latency::name_thread, else the operating system's
  std::int64_t os_id = 0;
};

// One temporal block: the latent frames that are generated together.
struct block {
  span_id span = 0;  // its span: where its times are
  std::int32_t index = 0;
  std::int32_t segment = 0;
  std::int32_t first_latent_frame = 0;
  std::int32_t latent_frames = 0;
  std::int32_t cached_latent_frames = 0;  // in the KV cache when the block started
  std::int32_t window_latent_frames = 0;  // of the attention window, 0 = unlimited
  std::int32_t switched = 0;              // 1: a prompt switch took effect at its start
};

// One prompt switch.
struct prompt_switch {
  span_id span = 0;  // its prompt_switch_total span
  std::int32_t segment = 0;
  std::int32_t block = 0;                   // the block at whose start it took effect
  std::int32_t requested_latent_frame = 0;  // as configured or asked for
  std::int32_t latent_frame = 0;            // snapped to the next block start
  std::int32_t recached_latent_frames = 0;
  std::int64_t request_ns = 0;         // the API call, or the moment its latent frame was next
  std::int32_t first_pixel_frame = 0;  // first pixel frame made under the new prompt
};

// A pixel frame whose uint8 pixels reached host memory.
struct pixel_frame {
  std::int64_t complete_ns = 0;
  std::int32_t index = 0;
  std::int32_t block = 0;
};

struct memory_snapshot {
  std::int64_t time_ns = 0;
  string_id name = 0;
  std::int64_t rss_bytes = 0;
  std::int64_t peak_rss_bytes = 0;
  std::int64_t device_used_bytes = 0;  // 0 without a device back end
  std::int64_t device_peak_bytes = 0;
  std::int64_t device_pool_used_bytes = 0;  // of what is used, by allocations from a memory pool
  std::int64_t device_pool_peak_bytes = 0;
};

struct clock_info {
  std::string kind;                 // "tsc" or "monotonic_raw"
  double resolution_ns = 0;         // length of one tick
  std::int64_t uncertainty_ns = 0;  // of the tick-to-nanosecond fit over the whole run
  std::int64_t origin_unix_ns = 0;  // session start, CLOCK_REALTIME (a decimal string in files)
};

struct hygiene_counts {
  std::int64_t dropped_spans = 0;    // buffer full
  std::int64_t dropped_records = 0;  // instants, counters, rows: buffer full
  std::int64_t dropped_device_ops = 0;
  std::int64_t invalid_device_ops = 0;    // delivered without usable times
  std::int64_t unmatched_device_ops = 0;  // the call that launched it is unknown
  std::int64_t unmatched_launches = 0;    // launches whose device op never came
  std::int64_t untraced_copies = 0;       // between devices: calls whose op is not delivered
  std::int64_t changed_graph_nodes = 0;   // since their capture, whose spans they stay with
  std::int64_t too_deep_spans = 0;        // nested deeper than the library records
  std::int64_t open_spans = 0;            // not closed when the session ended
  std::int64_t overwritten_spans = 0;     // ring mode: the oldest, given up on purpose
  std::int64_t warm_up_regions = 0;       // regions recorded but excluded from statistics
  std::int64_t skipped_regions = 0;       // regions not recorded (wait, or after active)
  std::int64_t damaged_blocks = 0;        // journal blocks that could not be read (torn or corrupt)
  bool incomplete = false;                // read from the journal of a run that did not end, or ...
  std::string cut_at = {};                // ... from a file that ends too early: where it ends
};

struct recording {
  std::string source;  // path it was read from, empty for a live session
  std::map<std::string, run_value> run;
  clock_info clock;
  std::map<std::string, double> overhead;  // measured cost by name, in the unit the name ends with
  hygiene_counts hygiene;
  std::int64_t wall_ns = 0;  // length of the recording: session start to its end

  string_table strings;
  std::vector<recorded_attribute> attributes;
  std::vector<thread_info> threads;
  std::vector<span> spans;
  std::vector<recorded_async_span> async_spans;
  std::vector<recorded_instant> instants;
  std::vector<counter_sample> counters;
  std::vector<device_op> device_ops;
  std::vector<graph_node> graph_nodes;
  std::vector<launch_shape> launch_shapes;
  std::vector<api_call> api_calls;
  std::vector<event_window> event_windows;
  std::vector<completion_mark> marks;
  std::vector<device_clock> device_clocks;
  std::vector<span_path> span_paths;
  std::vector<device_total> device_totals;
  std::vector<duration_bucket> device_histograms;
  std::vector<api_total> api_totals;
  std::vector<block> blocks;
  std::vector<prompt_switch> switches;
  std::vector<pixel_frame> pixel_frames;
  std::vector<memory_snapshot> memory;

  [[nodiscard]] const std::string& name_of(const span& s) const { return strings[s.name]; }
  // Integer attribute of a range by key, or `otherwise` when it is absent or not an integer.
  [[nodiscard]] std::int64_t integer_attribute(attribute_range range, string_id key,
                                               std::int64_t otherwise) const {
    for (std::uint64_t i = range.first; i < range.first + range.count; ++i)
      if (attributes[i].key == key && attributes[i].type == recorded_attribute::kind::integer)
        return attributes[i].integer;
    return otherwise;
  }
};

}  // namespace latency
