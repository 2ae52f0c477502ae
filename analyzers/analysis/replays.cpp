#include "analyzers/analysis/replays.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "latency/detail/captured_spans.hpp"
#include "latency/interval_set.hpp"

namespace latency::analysis {
namespace {

class collector {
 public:
  collector(const recording& run, const device_accounting& devices, const device_account& device)
      : run_(run), devices_(devices), captured_(run) {
    std::vector<interval> intervals;
    for (std::size_t i = 0; i < run.device_ops.size(); ++i) {
      const device_op& op = run.device_ops[i];
      if (op.device != device.device || !devices.ops()[i].placed()) continue;
      intervals.push_back({op.start_ns, op.end_ns});
      if (op.replay != 0) replayed_.push_back(i);
    }
    busy_ = interval_set(std::move(intervals));
    std::sort(replayed_.begin(), replayed_.end(), [&](std::size_t a, std::size_t b) {
      return std::make_pair(instance_of(a), a) < std::make_pair(instance_of(b), b);
    });
  }

  std::vector<replay_instance> collect() {
    std::vector<replay_instance> result;
    for (std::size_t begin = 0, end = 0; begin < replayed_.size(); begin = end) {
      while (end < replayed_.size() && instance_of(replayed_[end]) == instance_of(replayed_[begin]))
        ++end;
      result.push_back(instance(replayed_.data() + begin, replayed_.data() + end));
    }
    return result;
  }

 private:
  struct members {
    std::vector<std::size_t> own, subtree;
  };

  [[nodiscard]] std::pair<std::uint64_t, std::uint32_t> instance_of(std::size_t op) const {
    return {run_.device_ops[op].replay, devices_.ops()[op].span};
  }
  [[nodiscard]] op_set set_of(std::vector<std::size_t>& ops) const {
    return devices_.set_of(run_, ops.data(), ops.data() + ops.size(), busy_);
  }

  [[nodiscard]] replay_instance instance(std::size_t* first, std::size_t* last) const {
    replay_instance result;
    std::tie(result.replay, result.span) = instance_of(*first);
    std::vector<std::size_t> own;
    std::array<std::vector<std::size_t>, capture_reasons> unknown;
    std::map<std::int32_t, members> by_element;  // parents have smaller numbers
    for (const std::size_t* op = first; op != last; ++op) {
      const auto [innermost, reason] = captured_.of(run_.device_ops[*op].graph_node);
      if (reason != capture_reason::none)
        unknown[static_cast<std::size_t>(reason)].push_back(*op);
      else
        (innermost < 0 ? own : by_element[innermost].own).push_back(*op);
      for (std::int32_t e = innermost; e >= 0; e = parent_of(e))
        by_element[e].subtree.push_back(*op);
    }
    std::map<std::int32_t, std::int32_t> row_of{{-1, -1}};
    for (auto& [element, ops] : by_element) {
      row_of[element] = static_cast<std::int32_t>(result.spans.size());
      result.spans.push_back({captured_.name_of(element), element, row_of.at(parent_of(element)),
                              set_of(ops.own), set_of(ops.subtree)});
    }
    result.own = set_of(own);
    for (std::size_t reason = 0; reason < capture_reasons; ++reason)
      result.unknown[reason] = set_of(unknown[reason]);
    result.ops = devices_.set_of(run_, first, last, busy_);
    return result;
  }
  [[nodiscard]] std::int32_t parent_of(std::int32_t element) const {
    return captured_.parent_of(element);
  }

  const recording& run_;
  const device_accounting& devices_;
  const detail::captured_spans captured_;
  interval_set busy_;
  std::vector<std::size_t> replayed_;
};

}  // namespace

std::vector<replay_instance> replays(const recording& run, const device_accounting& devices,
                                     const device_account& device) {
  if (device.replays.empty()) return {};
  return collector(run, devices, device).collect();
}

}  // namespace latency::analysis
