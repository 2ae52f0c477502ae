#pragma once
// A recording with at least one row in every table and a different number in every member.

#include <limits>
#include <string>

#include "latency/recording.hpp"

namespace latency_test {

inline latency::recorded_attribute integer_attribute(latency::recording& run, const char* key,
                                                     std::int64_t number) {
  latency::recorded_attribute a;
  a.key = run.strings.add(key);
  a.integer = number;
  return a;
}

// Two host threads: "main" with generate > (block > step, decode), "loader" with one span handed
// over from generate. Six device ops on two streams of device 0 and one of device 1, and what else
// back ends deliver.
inline latency::recording sample_recording() {
  using namespace latency;
  recording run;
  run.run = {{"attention_backend", std::string("cpu")},
             {"steps", std::int64_t{4}},
             {"sparsity", 0.5},
             {"scale", 2.0},
             {"not_finite", std::numeric_limits<double>::quiet_NaN()}};
  run.clock = {"tsc", 0.43, 25, 1763632800123456789};
  run.overhead = {{"span_ns", 25.1}};
  run.hygiene = {1, 2, 3, 4, 5, 6, 13, 14, 7, 8, 9, 10, 11, 12, true};
  run.wall_ns = 10'000;
  const string_id generate = run.strings.add("generate");
  const string_id block_name = run.strings.add("block");
  const string_id step = run.strings.add("step");
  const string_id decode = run.strings.add("decode \"x\"");
  const string_id load = run.strings.add("load");
  const string_id kernel = run.strings.add("gemm<float, 4>");
  const string_id copy = run.strings.add("copy");
  const string_id launch = run.strings.add("cudaLaunchKernel");
  const string_id other_call = run.strings.add("cudaEventRecord");
  run.threads = {{"main", 4711}, {"loader", 4712}};

  run.attributes = {integer_attribute(run, "step", 3), {}, {}, integer_attribute(run, "step", 2)};
  run.attributes[1].key = run.strings.add("timestep");
  run.attributes[1].type = recorded_attribute::kind::real;
  run.attributes[1].real = 937.5;
  run.attributes[2].key = run.strings.add("policy");
  run.attributes[2].type = recorded_attribute::kind::text;
  run.attributes[2].text = run.strings.add("ring");

  const span_id other = span_id{1} << 40;
  run.spans = {{3, 2, 1200, 1800, step, 0, span_warm_up, {0, 3}},
               {2, 1, 1100, 2500, block_name, 0, 0, {}},
               {4, 1, 2500, 3000, decode, 0, 0, {}},
               {other | 1, 1, 1500, 4000, load, 1, span_handed_over, {}},
               {1, 0, 1000, 5000, generate, 0, span_open_at_end, {}}};
  run.async_spans = {{1, 2, 1300, 6000, load, 0, 1, 0, {3, 1}},
                     {2, 0, 1400, 5500, decode, 1, 0, span_open_at_end, {}}};
  run.instants = {{1600, step, 0, 3, {3, 1}}};
  run.counters = {{1000, block_name, 0, 3.0}, {2000, block_name, 1, -0.25}};
  using kinds = api_call_kind;
  run.api_calls = {{1250, 1260, 3, 70, launch, 0, kinds::launch, 0, 7, 0},
                   {1300, 1310, 3, 71, launch, 0, kinds::launch, 0, 7, 0},
                   {1320, 1330, 3, 80, other_call, 0, kinds::event_record, 0, 7, 0},
                   {1340, 1350, 3, 81, other_call, 0, kinds::stream_wait, 0, 13, 80},
                   {1360, 1390, 2, 82, other_call, 1, kinds::synchronize, 1, -1, 0},
                   {1400, 1401, 0, 83, other_call, 1, kinds::allocate, -1, -1, 0},
                   {1402, 1403, 0, 84, other_call, 1, kinds::other, -1, -1, 0}};
  run.launch_shapes = {{1, 2, 3, 4, 5, 6, 7, 8, 9}, {11, 12, 13, 14, 15, 16, 17, 18, 19}};
  const auto kernels = device_op_kind::kernel;
  const auto copies = device_op_kind::memcpy;
  run.device_ops = {
      {1400, 1700, 3, 70, 0, 0, 0, kernel, 0, 7, kernels, {}, {}, 1},
      {1450, 1650, 3, 71, 8, 9, 4096, copy, 0, 7, copies, copy_direction::host_to_device, {}},
      {1750, 1760, 2, 72, 0, 0, 64, copy, 0, 13, copies, copy_direction::device_to_host, {}},
      {1800,
       1900,
       0,
       73,
       0,
       0,
       32,
       kernel,
       1,
       7,
       device_op_kind::memset,
       {},
       unattributed_reason::no_open_span},
      {1900, 1910, 0, 0, 0, 0, 16, copy, 1, 7, copies, copy_direction::device_to_device,
       unattributed_reason::no_launch_record},
      {2000, 1990, 0, 75, 5, 6, 8, copy, 1, 7, copies, copy_direction::peer,
       unattributed_reason::graph_before_start}};
  run.graph_nodes = {{8, 3, 1, capture_reason::none}, {5, 0, -1, capture_reason::conditional}};
  run.event_windows = {{1410, 1690, 3, 0, step, 0, 7, 500},
                       {1700, 1750, 2, 9, decode, 1, 8, 61, 1}};
  run.marks = {{1760, 42, 3, decode, 1, 13}};
  run.device_clocks = {{0, "NVIDIA H200", device_tier::kernels, 32, 12, -1.5, 40, 75},
                       {1, "NVIDIA H200", device_tier::events, 500, 2, 0.0, 0, 600}};
  run.span_paths = {{-1, generate}, {0, block_name}};
  run.device_totals = {{1, kernel, 0, kernels, {}, {}, 5, 900, 100, 300, 0},
                       {-1, copy, 1, copies, copy_direction::peer,
                        unattributed_reason::no_open_span, 1, 7, 7, 7, 9}};
  run.device_histograms = {{0, 100, 3}, {0, 300, 2}, {1, 7, 1}};
  run.api_totals = {{0, launch, kinds::launch, 6, 60, 9, 11},
                    {-1, decode, kinds::synchronize, 2, 21, 10, 11}};
  run.blocks = {{3, 1, 2, 3, 4, 5, 6, 1}};
  run.switches = {{3, 1, 2, 10, 12, 9, 777, 45}};
  run.pixel_frames = {{900, 5, 1}};
  run.memory = {{11, 1, 22, 33, 44, 55, 66, 77}};
  return run;
}

}  // namespace latency_test
