#include "analyzers/timeline/trace_attribution.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>

#include "analyzers/timeline/call_names.hpp"
#include "analyzers/timeline/launch_matching.hpp"

namespace latency::timeline {
namespace {

// The spans of one thread, in the order of their starts, as time passes.
class open_spans {
 public:
  open_spans(const std::vector<span>& spans, std::size_t first, std::size_t last)
      : spans_(spans), next_(first), last_(last) {}

  // The innermost that is open at a time; times must not go back. nullptr: none.
  [[nodiscard]] const span* at(std::int64_t time_ns) {
    for (; next_ < last_ && spans_[next_].start_ns <= time_ns; ++next_) {
      close(spans_[next_].start_ns);
      open_.push_back(next_);
    }
    close(time_ns);
    return open_.empty() ? nullptr : &spans_[open_.back()];
  }

 private:
  void close(std::int64_t time_ns) {
    while (!open_.empty() && spans_[open_.back()].end_ns <= time_ns) open_.pop_back();
  }

  const std::vector<span>& spans_;
  std::size_t next_, last_;
  std::vector<std::size_t> open_;
};

// Runs f(thread, first, last) for the runs of rows of one thread.
template <class Row, class Function>
void for_each_thread(const std::vector<Row>& rows, const Function& f) {
  for (std::size_t first = 0, last = 0; first < rows.size(); first = last) {
    while (last < rows.size() && rows[last].thread == rows[first].thread) ++last;
    f(rows[first].thread, first, last);
  }
}

// Stable. Traces are mostly in order already, and rows are large.
template <class Row, class Less>
void sort_rows(std::vector<Row>& rows, const Less& less) {
  if (!std::is_sorted(rows.begin(), rows.end(), less))
    std::stable_sort(rows.begin(), rows.end(), less);
}

// Ids, parents, and the order that the functions below need.
void nest_spans(recording& run) {
  sort_rows(run.spans, [](const span& a, const span& b) {
    return std::tie(a.thread, a.start_ns, b.end_ns) < std::tie(b.thread, b.start_ns, a.end_ns);
  });
  // Start and duration lose up to a tick each, so a child may seem to end after its parent.
  const auto tick_ns = static_cast<std::int64_t>(run.clock.resolution_ns);
  for_each_thread(run.spans, [&](std::uint32_t thread, std::size_t first, std::size_t last) {
    std::vector<std::size_t> open;
    for (std::size_t i = first; i < last; ++i) {
      span& s = run.spans[i];
      s.id = span_id{thread} << 40 | (i - first + 1);
      while (!open.empty() && run.spans[open.back()].end_ns <= s.start_ns) open.pop_back();
      if (!open.empty()) {
        const span& parent = run.spans[open.back()];
        s.parent = parent.id;
        if (tick_ns > 1 && s.end_ns > parent.end_ns && s.end_ns - parent.end_ns <= tick_ns)
          s.end_ns = parent.end_ns;
      }
      open.push_back(i);
    }
  });
}

void attribute_calls(recording& run, call_names& names) {
  sort_rows(run.api_calls, [](const api_call& a, const api_call& b) {
    return std::tie(a.thread, a.start_ns, b.end_ns) < std::tie(b.thread, b.start_ns, a.end_ns);
  });
  for_each_thread(run.api_calls, [&](std::uint32_t thread, std::size_t first, std::size_t last) {
    const auto less = [](const span& s, std::uint32_t t) { return s.thread < t; };
    const auto spans = std::lower_bound(run.spans.begin(), run.spans.end(), thread, less);
    const auto spans_end = std::lower_bound(spans, run.spans.end(), thread + 1, less);
    open_spans open(run.spans, static_cast<std::size_t>(spans - run.spans.begin()),
                    static_cast<std::size_t>(spans_end - run.spans.begin()));
    for (std::size_t i = first; i < last; ++i) {
      api_call& call = run.api_calls[i];
      call.kind = names[call.name].kind;
      if (const span* const around = open.at(call.start_ns)) call.span = around->id;
    }
  });
}

void attribute_ops(recording& run, const launch_matching& launches, call_names& names) {
  std::vector<bool> launched(run.api_calls.size(), false);
  for (std::size_t i = 0; i < run.device_ops.size(); ++i) {
    device_op& op = run.device_ops[i];
    const std::size_t launch = launches.call_of_op()[i];
    if (launch == launch_matching::no_call) {
      op.reason = unattributed_reason::no_launch_record;
      op.replay = op.graph_node != 0 ? op.correlation : 0;
      ++run.hygiene.unmatched_device_ops;
      continue;
    }
    api_call& call = run.api_calls[launch];
    launched[launch] = true;
    call.kind = api_call_kind::launch;
    call.device = static_cast<std::int32_t>(op.device);
    call.stream = op.stream;
    op.correlation = call.correlation;
    if (op.graph_node != 0 || names[call.name].launches_graph) op.replay = op.correlation;
    op.span = call.span;
    if (op.span == 0) op.reason = unattributed_reason::no_open_span;
  }
  // Copies may have nothing to copy and graphs may be empty, but a kernel must run, unless its
  // launch was captured.
  for_each_thread(run.api_calls, [&](std::uint32_t, std::size_t first, std::size_t last) {
    bool capturing = false;
    for (std::size_t i = first; i < last; ++i) {
      const api_call& call = run.api_calls[i];
      const call_name& name = names[call.name];
      if (name.begins_capture) capturing = true;
      if (name.ends_capture) capturing = false;
      if (call.kind == api_call_kind::launch && name.launches_kernel && !launched[i] && !capturing)
        ++run.hygiene.unmatched_launches;
    }
  });
}

void place_synchronizations(recording& run, const launch_matching& calls,
                            const std::vector<traced_synchronization>& synchronizations) {
  for (const traced_synchronization& one : synchronizations) {
    for (const api_call_kind kind : {api_call_kind::synchronize, api_call_kind::stream_wait}) {
      const std::size_t caller = calls.find(one.correlation, kind, one.start_ns);
      if (caller == launch_matching::no_call) continue;
      api_call& call = run.api_calls[caller];
      call.device = one.device;
      call.stream = std::max(one.stream, std::int64_t{-1});
      if (kind != api_call_kind::stream_wait) break;
      const std::size_t recorded =
          calls.find(one.waits_for, api_call_kind::event_record, call.start_ns);
      if (recorded != launch_matching::no_call)
        call.waits_for = run.api_calls[recorded].correlation;
      break;
    }
  }
}

}  // namespace

void attribute_trace(recording& run, const std::vector<std::uint32_t>& processes,
                     const std::vector<traced_synchronization>& synchronizations) {
  call_names names(run.strings);
  nest_spans(run);
  attribute_calls(run, names);
  const launch_matching launches(run, names, processes);
  attribute_ops(run, launches, names);
  place_synchronizations(run, launches, synchronizations);
  run.api_calls.erase(
      std::remove_if(run.api_calls.begin(), run.api_calls.end(),
                     [](const api_call& c) { return c.kind == api_call_kind::other; }),
      run.api_calls.end());
}

}  // namespace latency::timeline
