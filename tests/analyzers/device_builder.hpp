#pragma once
// Puts device rows into recordings made by hand. Times in nanoseconds.

#include <algorithm>
#include <cstdint>
#include <random>
#include <string_view>
#include <utility>

#include "latency/device_accounting.hpp"
#include "tests/analyzers/recording_builder.hpp"

namespace latency::test {

// A recording with what is computed from it first.
struct accounted {
  explicit accounted(recording made) : run(std::move(made)), tree(run), devices(run, tree) {}
  recording run;
  span_tree tree;
  device_accounting devices;
};

inline span_id add_span(recording_builder& made, std::string_view name, span_id parent,
                        std::int64_t start_ns, std::int64_t end_ns, std::uint32_t flags = 0) {
  const span_id id = made.span(name, parent, 0, 0, {}, 0, flags);
  made.run().spans.back().start_ns = start_ns;
  made.run().spans.back().end_ns = end_ns;
  return id;
}

inline device_op& add_op(recording& run, std::string_view name, span_id span, std::int64_t start_ns,
                         std::int64_t end_ns, std::uint32_t stream = 0, std::uint32_t device = 0) {
  device_op op;
  op.name = run.strings.add(name);
  op.span = span;
  op.start_ns = start_ns;
  op.end_ns = end_ns;
  op.stream = stream;
  op.device = device;
  if (span == 0) op.reason = unattributed_reason::no_open_span;
  run.device_ops.push_back(op);
  return run.device_ops.back();
}

inline device_op& add_copy(recording& run, copy_direction direction, span_id span,
                           std::int64_t start_ns, std::int64_t end_ns, std::int64_t bytes,
                           std::uint32_t stream = 0) {
  device_op& op = add_op(run, "copy", span, start_ns, end_ns, stream);
  op.kind = device_op_kind::memcpy;
  op.direction = direction;
  op.bytes = bytes;
  return op;
}

inline api_call& add_call(recording& run, api_call_kind kind, span_id span, std::int64_t start_ns,
                          std::int64_t end_ns, std::uint64_t correlation = 0) {
  api_call call;
  call.kind = kind;
  call.span = span;
  call.start_ns = start_ns;
  call.end_ns = end_ns;
  call.correlation = correlation;
  run.api_calls.push_back(call);
  return run.api_calls.back();
}

// Random device rows: a few spans, streams, devices, names and replays, close together in time.
// With `absurd`, any number may stand anywhere.
inline recording random_device_run(std::uint64_t seed, bool absurd) {
  std::mt19937_64 random(seed);
  const auto pick = [&](std::uint64_t n) { return random() % n; };
  const auto time = [&]() -> std::int64_t {
    if (absurd && pick(5) == 0) return static_cast<std::int64_t>(random());
    return static_cast<std::int64_t>(pick(120));
  };
  recording_builder made(1);
  recording& run = made.run();
  run.wall_ns = 150;
  for (std::uint64_t i = pick(8); i > 0; --i) {
    made.span(i % 2 == 0 ? "even" : "odd", pick(6), 0, 0);
    run.spans.back().start_ns = time();
    run.spans.back().end_ns = run.spans.back().start_ns + static_cast<std::int64_t>(pick(50));
    if (pick(8) == 0) run.spans.back().flags = span_warm_up;
  }
  run.launch_shapes.resize(2);
  const char* const names[] = {"f(int)", "f(float)", "g", "void h<f>()"};
  for (std::uint64_t i = pick(30); i > 0; --i) {
    const std::int64_t start_ns = time();
    device_op& op =
        add_op(run, names[pick(4)], pick(9), start_ns,
               absurd ? time() : start_ns + static_cast<std::int64_t>(pick(20)),
               static_cast<std::uint32_t>(pick(3)), static_cast<std::uint32_t>(pick(2)));
    op.kind = static_cast<device_op_kind>(pick(3));
    op.direction = static_cast<copy_direction>(pick(5));
    op.correlation = pick(20);
    op.replay = pick(4) == 0 ? pick(3) : 0;
    op.graph_node = op.replay == 0 ? 0 : pick(3);
    op.bytes = absurd ? static_cast<std::int64_t>(random()) : 100;
    op.shape = static_cast<std::int32_t>(pick(3)) - 1;
  }
  const std::uint64_t nodes = pick(4);  // 0: of a file that knows nothing of captures
  if (nodes > 0) run.span_paths = {{-1, run.strings.add("even")}, {0, run.strings.add("odd")}};
  for (std::uint64_t node = 0; node < nodes; ++node)
    run.graph_nodes.push_back({node, pick(9), static_cast<std::int32_t>(pick(3)) - 1,
                               static_cast<capture_reason>(pick(3) == 0 ? pick(7) : 0)});
  for (std::uint64_t i = pick(30); i > 0; --i) {
    api_call& call =
        add_call(run, static_cast<api_call_kind>(pick(6)), pick(9), time(), time(), pick(20));
    if (!absurd) call.end_ns = std::max(call.end_ns, call.start_ns);
    call.stream = static_cast<std::int64_t>(pick(4)) - 1;
    call.device = static_cast<std::int32_t>(pick(3)) - 1;
    call.waits_for = pick(20);
  }
  for (std::uint64_t i = pick(10); i > 0; --i) {
    run.event_windows.push_back({time(), time(), pick(9), 0, run.strings.add(names[pick(4)]),
                                 static_cast<std::uint32_t>(pick(2)),
                                 static_cast<std::uint32_t>(pick(3)), time()});
    run.marks.push_back({time(), time(), pick(9), run.strings.add(names[pick(4)]),
                         static_cast<std::uint32_t>(pick(2)), static_cast<std::uint32_t>(pick(3))});
  }
  return std::move(run);
}

}  // namespace latency::test
