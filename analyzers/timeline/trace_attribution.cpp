#include "analyzers/timeline/trace_attribution.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <tuple>
#include <utility>

#include "latency/saturating.hpp"

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

void attribute_calls(recording& run) {
  sort_rows(run.api_calls, [](const api_call& a, const api_call& b) {
    return std::tie(a.thread, a.start_ns, b.end_ns) < std::tie(b.thread, b.start_ns, a.end_ns);
  });
  for_each_thread(run.api_calls, [&](std::uint32_t thread, std::size_t first, std::size_t last) {
    const auto less = [](const span& s, std::uint32_t t) { return s.thread < t; };
    const auto spans = std::lower_bound(run.spans.begin(), run.spans.end(), thread, less);
    const auto spans_end = std::lower_bound(spans, run.spans.end(), thread + 1, less);
    open_spans open(run.spans, static_cast<std::size_t>(spans - run.spans.begin()),
                    static_cast<std::size_t>(spans_end - run.spans.begin()));
    for (std::size_t i = first; i < last; ++i)
      if (const span* const around = open.at(run.api_calls[i].start_ns))
        run.api_calls[i].span = around->id;
  });
}

// Calls by correlation. Processes number their calls alike, and a runtime call shares its number
// with the driver call that it makes.
class calls_by_correlation {
 public:
  struct entry {
    std::uint64_t correlation;
    std::int64_t start_ns;
    std::size_t call;
    std::uint64_t number;  // the correlation, or another one where several calls have it
  };

  explicit calls_by_correlation(std::vector<api_call>& calls) : calls_(calls) {
    entries_.reserve(calls.size());
    for (std::size_t i = 0; i < calls.size(); ++i)
      if (calls[i].correlation != 0)
        entries_.push_back({calls[i].correlation, calls[i].start_ns, i, calls[i].correlation});
    sort_rows(entries_, [&](const entry& a, const entry& b) {
      return std::tie(a.correlation, a.start_ns, calls[b.call].end_ns) <
             std::tie(b.correlation, b.start_ns, calls[a.call].end_ns);
    });
    leave_out_inner_calls();
    tell_apart();
  }

  // The call that an op with this correlation and start belongs to: of several, the last that
  // started before it, else the first. nullptr: none.
  [[nodiscard]] const entry* find(std::uint64_t correlation, std::int64_t start_ns) const {
    const auto later = std::lower_bound(entries_.begin(), entries_.end(),
                                        std::make_tuple(correlation, start_ns + 1),
                                        [](const entry& e, const auto& wanted) {
                                          return std::tie(e.correlation, e.start_ns) < wanted;
                                        });
    if (later != entries_.begin() && (later - 1)->correlation == correlation) return &*(later - 1);
    if (later != entries_.end() && later->correlation == correlation) return &*later;
    return nullptr;
  }
  // Gives every call its number.
  void renumber() {
    for (const entry& e : entries_) calls_[e.call].correlation = e.number;
  }

 private:
  // A call inside another one of its thread and number is how that one was carried out.
  void leave_out_inner_calls() {
    std::size_t kept = 0;
    for (const entry& e : entries_) {
      const entry* const outer = kept == 0 ? nullptr : &entries_[kept - 1];
      if (outer != nullptr && outer->correlation == e.correlation &&
          calls_[outer->call].thread == calls_[e.call].thread &&
          calls_[outer->call].end_ns >= calls_[e.call].end_ns)
        calls_[e.call].kind = api_call_kind::other;
      else
        entries_[kept++] = e;
    }
    entries_.resize(kept);
  }

  void tell_apart() {
    if (entries_.empty()) return;
    std::uint64_t next = entries_.back().correlation;
    for (std::size_t i = 1; i < entries_.size(); ++i)
      if (entries_[i].correlation == entries_[i - 1].correlation && next + 1 != 0)
        entries_[i].number = ++next;
  }

  std::vector<api_call>& calls_;
  std::vector<entry> entries_;
};

// cudaGraphLaunch, cuGraphLaunch_ptsz, ...: looks no further than at the names that there are.
bool is_graph_launch(std::string_view name) {
  return name.substr(0, 32).find("GraphLaunch") != name.npos;
}

void attribute_ops(recording& run, const calls_by_correlation& calls) {
  std::vector<bool> launched(run.api_calls.size(), false);
  for (device_op& op : run.device_ops) {
    const calls_by_correlation::entry* const launch =
        op.correlation == 0 ? nullptr : calls.find(op.correlation, op.start_ns);
    if (launch == nullptr) {
      op.reason = unattributed_reason::no_launch_record;
      op.replay = op.graph_node != 0 ? op.correlation : 0;
      ++run.hygiene.unmatched_device_ops;
      continue;
    }
    api_call& call = run.api_calls[launch->call];
    launched[launch->call] = true;
    call.kind = api_call_kind::launch;
    call.device = static_cast<std::int32_t>(op.device);
    call.stream = op.stream;
    op.correlation = launch->number;
    if (op.graph_node != 0 || is_graph_launch(run.strings[call.name])) op.replay = op.correlation;
    op.span = call.span;
    if (op.span == 0) op.reason = unattributed_reason::no_open_span;
  }
  // Copies may have nothing to copy and graphs may be empty, but a kernel must run, unless its
  // launch was captured.
  std::uint32_t thread = 0;
  bool capturing = false;
  for (std::size_t i = 0; i < run.api_calls.size(); ++i) {
    const api_call& call = run.api_calls[i];
    const std::string& name = run.strings[call.name];
    if (i == 0 || call.thread != thread) capturing = false;
    thread = call.thread;
    if (name.find("StreamBeginCapture") != name.npos) capturing = true;
    if (name.find("StreamEndCapture") != name.npos) capturing = false;
    if (call.kind == api_call_kind::launch && !launched[i] && !capturing &&
        name.find("Launch") != name.npos && !is_graph_launch(name))
      ++run.hygiene.unmatched_launches;
  }
}

void place_synchronizations(recording& run, const calls_by_correlation& calls,
                            const std::vector<traced_synchronization>& synchronizations) {
  for (const traced_synchronization& one : synchronizations) {
    const auto* const caller = calls.find(one.correlation, time_limit_ns);
    if (caller == nullptr) continue;
    api_call& call = run.api_calls[caller->call];
    call.device = one.device;
    call.stream = std::max(one.stream, std::int64_t{-1});
    if (call.kind != api_call_kind::stream_wait) continue;
    const auto* const recorded = calls.find(one.waits_for, call.start_ns);
    if (recorded != nullptr) call.waits_for = recorded->number;
  }
}

}  // namespace

api_call_kind call_kind(std::string_view name) {
  for (const std::string_view prefix : {"cuda", "hip", "cu"}) {
    if (name.substr(0, prefix.size()) != prefix) continue;
    name.remove_prefix(prefix.size());
    break;
  }
  const auto begins_with = [name](std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [name](std::string_view word) {
      return name.substr(0, word.size()) == word;
    });
  };
  if (begins_with({"LaunchHostFunc"})) return api_call_kind::other;
  if (begins_with({"Launch", "ModuleLaunch", "ExtLaunch", "ExtModuleLaunch", "GraphLaunch",
                   "Memcpy", "Memset"}))
    return api_call_kind::launch;
  if (begins_with({"DeviceSynchronize", "StreamSynchronize", "EventSynchronize", "CtxSynchronize",
                   "ThreadSynchronize"}))
    return api_call_kind::synchronize;
  if (begins_with({"EventRecord"})) return api_call_kind::event_record;
  if (begins_with({"StreamWaitEvent"})) return api_call_kind::stream_wait;
  if (begins_with({"Malloc", "Free", "HostAlloc", "HostFree", "HostMalloc", "HostRegister",
                   "HostUnregister", "MemAlloc", "MemFree", "MemHostAlloc", "MemHostRegister",
                   "MemHostUnregister", "MemCreate", "MemRelease", "MemMap", "MemUnmap"}))
    return api_call_kind::allocate;
  return api_call_kind::other;
}

void attribute_trace(recording& run, const std::vector<traced_synchronization>& synchronizations) {
  nest_spans(run);
  attribute_calls(run);
  calls_by_correlation calls(run.api_calls);
  attribute_ops(run, calls);
  place_synchronizations(run, calls, synchronizations);
  calls.renumber();
  run.api_calls.erase(
      std::remove_if(run.api_calls.begin(), run.api_calls.end(),
                     [](const api_call& c) { return c.kind == api_call_kind::other; }),
      run.api_calls.end());
}

}  // namespace latency::timeline
