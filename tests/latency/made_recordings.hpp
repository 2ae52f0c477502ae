#pragma once
// Recordings for the accounting tests: by hand, random but sound (as threads with a stack would
// write them), and random nonsense.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <tuple>
#include <vector>

#include <rapidcheck.h>

#include "latency/recording.hpp"

namespace made {

inline latency::span span_of(latency::span_id id, latency::span_id parent, std::int64_t start_ns,
                             std::int64_t end_ns, std::uint32_t thread = 0) {
  latency::span s;
  s.id = id;
  s.parent = parent;
  s.start_ns = start_ns;
  s.end_ns = end_ns;
  s.thread = thread;
  return s;
}

inline latency::recording recording_of(std::int64_t wall_ns, std::size_t threads,
                                       std::vector<latency::span> spans) {
  latency::recording r;
  r.wall_ns = wall_ns;
  r.threads.resize(threads);
  r.spans = std::move(spans);
  return r;
}

inline latency::device_op kernel(latency::span_id span, std::int64_t start_ns, std::int64_t end_ns,
                                 std::uint32_t stream = 0, std::uint32_t device = 0) {
  latency::device_op op;
  op.span = span;
  op.start_ns = start_ns;
  op.end_ns = end_ns;
  op.stream = stream;
  op.device = device;
  return op;
}

inline latency::device_op copy(latency::span_id span, std::int64_t start_ns, std::int64_t end_ns,
                               std::uint32_t stream = 0, std::uint32_t device = 0) {
  latency::device_op op = kernel(span, start_ns, end_ns, stream, device);
  op.kind = latency::device_op_kind::memcpy;
  return op;
}

// A sound recording, and what a stopwatch beside it would have read.
struct sound_recording {
  latency::recording recording;
  std::vector<std::int64_t> exclusive_ns;  // of each span, in the order of recording.spans
  std::vector<std::int64_t> untracked_ns;  // of each thread
};

inline constexpr std::size_t sound_threads = 3;

// Threads that open and close spans on their own stacks while one clock ticks; now and then a span
// takes a span of another thread as its parent (hand-over).
inline sound_recording play(const std::vector<std::tuple<int, int, int>>& actions) {
  struct open_span {
    latency::span span;
    std::int64_t exclusive_ns = 0;
  };
  std::vector<std::vector<open_span>> open(sound_threads);
  sound_recording result;
  result.untracked_ns.assign(sound_threads, 0);
  result.recording.threads.resize(sound_threads);
  latency::span_id next_id = 1;
  std::int64_t now_ns = 0;
  const auto tick = [&](std::int64_t ns) {
    now_ns += ns;
    for (std::size_t t = 0; t < sound_threads; ++t)
      (open[t].empty() ? result.untracked_ns[t] : open[t].back().exclusive_ns) += ns;
  };
  const auto close = [&](std::size_t t) {
    open[t].back().span.end_ns = now_ns;
    result.recording.spans.push_back(open[t].back().span);
    result.exclusive_ns.push_back(open[t].back().exclusive_ns);
    open[t].pop_back();
  };
  tick(1);
  for (const auto& [what, thread, ns] : actions) {
    const auto t = static_cast<std::size_t>(thread);
    const std::size_t other = (t + 1) % sound_threads;
    if (what <= 1 && !open[t].empty()) {
      close(t);
    } else {
      const bool handed_over = what == 2 && !open[other].empty();
      const auto& stack = handed_over ? open[other] : open[t];
      const latency::span_id parent = stack.empty() ? 0 : stack.back().span.id;
      open[t].push_back({span_of(next_id++, parent, now_ns, 0, static_cast<std::uint32_t>(t)), 0});
    }
    tick(ns);
  }
  for (std::size_t t = 0; t < sound_threads; ++t)
    while (!open[t].empty()) close(t);
  tick(2);
  result.recording.wall_ns = now_ns;
  return result;
}

inline rc::Gen<std::vector<std::tuple<int, int, int>>> actions() {
  return rc::gen::container<std::vector<std::tuple<int, int, int>>>(
      rc::gen::tuple(rc::gen::inRange(0, 5), rc::gen::inRange(0, static_cast<int>(sound_threads)),
                     rc::gen::inRange(0, 4)));
}

// Any span: few ids, threads and times, so that everything impossible happens often.
inline rc::Gen<latency::span> any_span() {
  return rc::gen::apply(
      [](int id, int parent, int start, int end, int thread, int extreme) {
        latency::span s =
            span_of(static_cast<latency::span_id>(id), static_cast<latency::span_id>(parent), start,
                    end, static_cast<std::uint32_t>(thread));
        if (extreme == 0) s.start_ns = INT64_MIN;
        if (extreme == 1) s.end_ns = INT64_MAX;
        if (extreme == 2) s.thread = UINT32_MAX;
        return s;
      },
      rc::gen::inRange(0, 12), rc::gen::inRange(0, 14), rc::gen::inRange(-5, 40),
      rc::gen::inRange(-5, 45), rc::gen::inRange(0, 4), rc::gen::inRange(0, 40));
}

inline rc::Gen<std::vector<latency::span>> any_spans() {
  return rc::gen::container<std::vector<latency::span>>(any_span());
}

// Ops with sound times on two devices and three streams, of spans 0..`last_span` (0: none).
inline rc::Gen<latency::device_op> sound_op(latency::span_id last_span) {
  return rc::gen::apply(
      [](int span, int start, int length, int where, int kind, int replay) {
        latency::device_op op =
            kernel(static_cast<latency::span_id>(span), start, start + length,
                   static_cast<std::uint32_t>(where % 3), static_cast<std::uint32_t>(where / 3));
        op.kind = static_cast<latency::device_op_kind>(kind);
        op.replay = replay < 3 && span != 0 ? static_cast<std::uint64_t>(3 * span + replay) : 0;
        op.correlation = static_cast<std::uint64_t>(start % 5);
        op.graph_node = static_cast<std::uint64_t>(length % 4);
        op.reason = span == 0 ? static_cast<latency::unattributed_reason>(1 + start % 3)
                              : latency::unattributed_reason::none;
        return op;
      },
      rc::gen::inRange(0, static_cast<int>(last_span) + 1), rc::gen::inRange(1, 60),
      rc::gen::inRange(0, 25), rc::gen::inRange(0, 6), rc::gen::inRange(0, 3),
      rc::gen::inRange(0, 9));
}

inline rc::Gen<std::vector<latency::device_op>> sound_ops(latency::span_id last_span) {
  return rc::gen::container<std::vector<latency::device_op>>(sound_op(last_span));
}

// Any op: unknown spans, reversed, zero and extreme times, impossible reasons.
inline rc::Gen<std::vector<latency::device_op>> any_ops() {
  return rc::gen::container<std::vector<latency::device_op>>(rc::gen::apply(
      [](int span, int start, int end, int where, int replay, int odd) {
        latency::device_op op =
            kernel(static_cast<latency::span_id>(span), start, end,
                   static_cast<std::uint32_t>(where % 3), static_cast<std::uint32_t>(where / 3));
        op.kind = static_cast<latency::device_op_kind>(odd % 3);
        op.replay = static_cast<std::uint64_t>(replay);
        op.correlation = static_cast<std::uint64_t>(odd);
        op.reason = static_cast<latency::unattributed_reason>(odd % 5);
        if (odd == 20) op.start_ns = INT64_MIN;
        if (odd == 21) op.end_ns = INT64_MAX;
        if (odd == 22) op.end_ns = std::int64_t{1} << 61;
        if (odd == 23) op.start_ns = op.end_ns = 0;
        return op;
      },
      rc::gen::inRange(0, 16), rc::gen::inRange(-20, 60), rc::gen::inRange(-20, 90),
      rc::gen::inRange(0, 6), rc::gen::inRange(0, 5), rc::gen::inRange(0, 24)));
}

}  // namespace made
