#include "analyzers/timeline/launch_matching.hpp"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

namespace latency::timeline {

launch_matching::launch_matching(recording& run, call_names& names,
                                 const std::vector<std::uint32_t>& processes)
    : run_(run), names_(names), processes_(processes) {
  list_calls();
  leave_out_inner_calls();
  match_ops();
  number_apart();
}

void launch_matching::list_calls() {
  entries_.reserve(run_.api_calls.size());
  for (std::size_t i = 0; i < run_.api_calls.size(); ++i)
    if (run_.api_calls[i].correlation != 0)
      entries_.push_back({run_.api_calls[i].correlation, run_.api_calls[i].start_ns, i});
  const auto less = [](const entry& a, const entry& b) { return a.correlation < b.correlation; };
  // Stable: within a number, thread by thread, and each thread's in the order of their starts.
  if (!std::is_sorted(entries_.begin(), entries_.end(), less))
    std::stable_sort(entries_.begin(), entries_.end(), less);
}

void launch_matching::leave_out_inner_calls() {
  std::size_t kept = 0;
  for (const entry& e : entries_) {
    const entry* const outer = kept == 0 ? nullptr : &entries_[kept - 1];
    api_call& call = run_.api_calls[e.call];
    if (outer != nullptr && outer->correlation == e.correlation &&
        run_.api_calls[outer->call].thread == call.thread &&
        run_.api_calls[outer->call].end_ns >= call.end_ns)
      call.kind = api_call_kind::other;
    else
      entries_[kept++] = e;
  }
  entries_.resize(kept);
  std::stable_sort(entries_.begin(), entries_.end(), [](const entry& a, const entry& b) {
    return std::tie(a.correlation, a.start_ns) < std::tie(b.correlation, b.start_ns);
  });
}

// Ops mostly come in the order of their launches: `hint` is where the entry may be.
launch_matching::group launch_matching::group_of(std::uint64_t correlation,
                                                 std::size_t hint) const {
  const auto number = [this](std::size_t i) { return entries_[i].correlation; };
  group found{hint, hint};
  if (hint >= entries_.size() || number(hint) != correlation ||
      (hint > 0 && number(hint - 1) == correlation)) {
    const auto less = [](const entry& e, std::uint64_t wanted) { return e.correlation < wanted; };
    found.first = found.last = static_cast<std::size_t>(
        std::lower_bound(entries_.begin(), entries_.end(), correlation, less) - entries_.begin());
  }
  const auto greater = [](std::uint64_t wanted, const entry& e) { return wanted < e.correlation; };
  if (found.first + 1 < entries_.size() && number(found.first + 1) == correlation)
    found.last = static_cast<std::size_t>(
        std::upper_bound(entries_.begin() + static_cast<std::ptrdiff_t>(found.first),
                         entries_.end(), correlation, greater) -
        entries_.begin());
  else if (found.first < entries_.size() && number(found.first) == correlation)
    ++found.last;
  return found;
}

void launch_matching::match_ops() {
  call_of_op_.assign(run_.device_ops.size(), no_call);
  positions shared;  // ops whose number several calls have
  std::uint64_t correlation = 0;
  group found;
  for (std::size_t i = 0; i < run_.device_ops.size(); ++i) {
    if (run_.device_ops[i].correlation == 0) continue;
    if (correlation != run_.device_ops[i].correlation) {
      correlation = run_.device_ops[i].correlation;
      found = group_of(correlation, found.last);
    }
    if (found.size() == 1) call_of_op_[i] = entries_[found.first].call;
    if (found.size() > 1) shared.push_back(i);
  }
  if (shared.empty()) return;
  match_shared(shared, nullptr);
  const process_by_device preferred = processes_of_devices();
  if (!preferred.empty()) match_shared(shared, &preferred);
}

// Devices of which more than two thirds of the ops come of one process, by what is known so far.
// None where there is but one process.
launch_matching::process_by_device launch_matching::processes_of_devices() const {
  process_by_device result;
  if (std::adjacent_find(processes_.begin(), processes_.end(), std::not_equal_to<>()) ==
      processes_.end())
    return result;
  std::map<std::uint32_t, std::map<std::uint32_t, std::size_t>> counts;
  for (std::size_t i = 0; i < call_of_op_.size(); ++i)
    if (call_of_op_[i] != no_call)
      ++counts[run_.device_ops[i].device][processes_[run_.api_calls[call_of_op_[i]].thread]];
  for (const auto& [device, processes] : counts) {
    std::size_t all = 0;
    for (const auto& [process, ops] : processes) all += ops;
    for (const auto& [process, ops] : processes)
      if (3 * ops > 2 * all) result[device] = process;
  }
  return result;
}

bool launch_matching::may_launch(const api_call& call, device_op_kind kind) const {
  const call_name& name = names_[call.name];
  if (name.launches_graph) return true;
  switch (kind) {
    case device_op_kind::memcpy:
      return name.copies;
    case device_op_kind::memset:
      return name.sets;
    case device_op_kind::kernel:
      break;
  }
  return name.launches_kernel;
}

// In the order of their starts, `by_process` process by process. All of the calls where none is of
// the right kind.
std::vector<launch_matching::candidate> launch_matching::candidates(const group& calls,
                                                                    device_op_kind kind,
                                                                    bool by_process) const {
  std::vector<candidate> result;
  for (const bool any : {false, true}) {
    for (std::size_t i = calls.first; i < calls.last; ++i) {
      const api_call& call = run_.api_calls[entries_[i].call];
      if (any || may_launch(call, kind))
        result.push_back(
            {by_process ? processes_[call.thread] : 0, call.start_ns, entries_[i].call});
    }
    if (!result.empty()) break;
  }
  if (by_process)
    std::stable_sort(result.begin(), result.end(),
                     [](const candidate& a, const candidate& b) { return a.process < b.process; });
  return result;
}

// With `preferred`, ops keep the calls that they have where their device prefers no process, or
// where that one has no such call.
void launch_matching::match_shared(const positions& ops, const process_by_device* preferred) {
  constexpr std::uint32_t no_process = UINT32_MAX;
  std::vector<shared_op> sorted;
  sorted.reserve(ops.size());
  for (const std::size_t i : ops) {
    const device_op& op = run_.device_ops[i];
    std::uint32_t process = 0;
    if (preferred != nullptr) {
      const auto found = preferred->find(op.device);
      process = found == preferred->end() ? no_process : found->second;
    }
    sorted.push_back({op.correlation, op.graph_node, op.start_ns, i, process, op.kind});
  }
  std::sort(sorted.begin(), sorted.end(), [](const shared_op& a, const shared_op& b) {
    return std::tie(a.correlation, a.kind, a.process, a.graph_node, a.start_ns, a.op) <
           std::tie(b.correlation, b.kind, b.process, b.graph_node, b.start_ns, b.op);
  });
  std::vector<candidate> calls;
  const shared_op* const end = sorted.data() + sorted.size();
  for (const shared_op *first = sorted.data(), *last = first; first != end; first = last) {
    if (first == sorted.data() || first->correlation != (first - 1)->correlation ||
        first->kind != (first - 1)->kind)
      calls = candidates(group_of(first->correlation, 0), first->kind, preferred != nullptr);
    while (last != end &&
           std::tie(last->correlation, last->kind, last->process, last->graph_node) ==
               std::tie(first->correlation, first->kind, first->process, first->graph_node))
      ++last;
    const auto of_process = std::equal_range(
        calls.begin(), calls.end(), candidate{first->process, 0, 0},
        [](const candidate& a, const candidate& b) { return a.process < b.process; });
    if (of_process.first != of_process.second)
      take_in_time(first, last, &*of_process.first, of_process.second - of_process.first);
  }
}

// Ops in the order of their starts, and `count` calls.
void launch_matching::take_in_time(const shared_op* first, const shared_op* last,
                                   const candidate* calls, std::ptrdiff_t count) {
  const auto before = [](const candidate* from, const candidate* to, std::int64_t time_ns) {
    return std::upper_bound(from, to, time_ns, [](std::int64_t wanted_ns, const candidate& c) {
      return wanted_ns < c.start_ns;
    });
  };
  const candidate* free = calls + count;  // those from here on are taken or too late
  while (last != first) {
    --last;
    free = before(calls, free, last->start_ns);
    const candidate* taken = free;
    if (taken == calls) taken = before(calls, calls + count, last->start_ns);
    if (taken != calls) --taken;
    call_of_op_[last->op] = taken->call;
    // Older traces do not tell the nodes of a graph apart.
    const bool makes_more =
        last->graph_node == 0 && names_[run_.api_calls[taken->call].name].launches_graph;
    if (free != calls && !makes_more) --free;
  }
}

// Numbers of ops that no call has are not given away, either.
void launch_matching::number_apart() {
  std::uint64_t next = entries_.empty() ? 0 : entries_.back().correlation;
  for (const device_op& op : run_.device_ops) next = std::max(next, op.correlation);
  for (std::size_t i = 1; i < entries_.size() && next != UINT64_MAX; ++i)
    if (entries_[i].correlation == entries_[i - 1].correlation)
      run_.api_calls[entries_[i].call].correlation = ++next;
}

std::size_t launch_matching::find(std::uint64_t correlation, api_call_kind kind,
                                  std::int64_t time_ns) const {
  constexpr std::size_t most = 64;
  const group calls = group_of(correlation, 0);
  const auto later = std::upper_bound(
      entries_.begin() + static_cast<std::ptrdiff_t>(calls.first),
      entries_.begin() + static_cast<std::ptrdiff_t>(calls.last), time_ns,
      [](std::int64_t wanted_ns, const entry& e) { return wanted_ns < e.start_ns; });
  const auto behind = static_cast<std::size_t>(later - entries_.begin());
  const auto is = [&](std::size_t i) { return run_.api_calls[entries_[i].call].kind == kind; };
  for (std::size_t i = behind; i > calls.first && behind - i < most; --i)
    if (is(i - 1)) return entries_[i - 1].call;
  for (std::size_t i = behind; i < calls.last && i - behind < most; ++i)
    if (is(i)) return entries_[i].call;
  return no_call;
}

}  // namespace latency::timeline
