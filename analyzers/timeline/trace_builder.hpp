#pragma once
// Makes a recording of the events of a PyTorch profiler trace, in any order.
//
// Annotations become spans, CUDA calls api_calls, kernels, memsets and copies device ops. Copies of
// annotations on device tracks, operators and Python functions are not rows of a recording; they
// only widen its wall. Times count from the first event. One thread at a time.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "analyzers/timeline/trace_attribution.hpp"
#include "analyzers/timeline/trace_event.hpp"
#include "latency/interval_set.hpp"
#include "latency/recording.hpp"

namespace latency::timeline {

class trace_builder {
 public:
  void add(const trace_event& event);
  // What the trace calls a device.
  void name_device(std::uint32_t device, std::string_view name);

  // Whether any event was the profiler's.
  [[nodiscard]] bool recognised() const noexcept { return recognised_; }
  // `base_unix_ns`: what the trace's clock calls zero. Last of all.
  [[nodiscard]] recording finish(std::int64_t base_unix_ns);

 private:
  [[nodiscard]] std::uint32_t thread_of(const trace_event& event);
  [[nodiscard]] std::uint32_t device_of(const trace_event& event);
  [[nodiscard]] std::int32_t shape_of(const launch_shape& shape);
  [[nodiscard]] string_id string(std::string_view text);
  void add_name(const trace_event& event);
  void add_device_op(const trace_event& event, const interval& times);
  [[nodiscard]] interval times_of(const trace_event& event);
  void name_threads();
  void describe_devices();
  [[nodiscard]] std::vector<std::uint32_t> processes_of_threads() const;
  void start_at_first();

  recording result_;
  bool recognised_ = false;
  bool whole_microseconds_ = true;   // of all times
  std::optional<interval> wall_;     // of what does not start at zero
  std::optional<interval> at_zero_;  // of what does
  std::int64_t first_ns_ = 0;        // of the trace's clock, once all are there
  std::vector<traced_synchronization> synchronizations_;

  std::vector<string_id> recent_strings_ =
      std::vector<string_id>(1024);  // by a hash of a few bytes

  std::unordered_map<std::string, std::uint32_t> threads_;  // by process and thread as written
  std::string thread_key_;                                  // of the event before
  std::uint32_t last_thread_ = 0;
  std::vector<std::string> process_of_thread_;
  std::unordered_map<std::string, std::string> process_names_, thread_names_;
  using device_numbers = std::map<std::pair<std::string, std::int64_t>, std::uint32_t>;
  device_numbers devices_;  // by process and number as written
  std::set<std::uint32_t> device_numbers_taken_;
  std::uint32_t free_device_ = 0;  // none below is free
  device_numbers::const_iterator last_device_ = devices_.end();
  std::map<std::uint32_t, std::string> device_names_;
  using shape_key = std::array<std::uint32_t, 8>;
  std::map<shape_key, std::int32_t> shapes_;
};

}  // namespace latency::timeline
