#include "benchmarks/step_kernels.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "analyzers/analysis/kernel_names.hpp"
#include "latency/error.hpp"

namespace benchmarks {
namespace {

using latency::device_op;
using latency::span_id;

constexpr double ns_per_ms = 1e6, ns_per_us = 1e3;

double duration_ns(const device_op& op) {
  return static_cast<double>(op.end_ns - op.start_ns);
}

// What an op adds to those that ran up to `ahead_ns`. A kernel that began before waited for them.
double added_ns(const device_op& op, std::int64_t ahead_ns) {
  return static_cast<double>(
      std::max<std::int64_t>(0, op.end_ns - std::max(op.start_ns, ahead_ns)));
}

// The spans of a recording by id, and the way up from one.
class span_index {
 public:
  explicit span_index(const latency::recording& run) : run_(run) {
    for (const latency::span& s : run.spans) spans_[s.id] = &s;
  }
  // The innermost span, from `id` up, for which `matches` is true; nullptr: none.
  template <class Matches>
  [[nodiscard]] const latency::span* find(span_id id, const Matches& matches) const {
    for (auto at = spans_.find(id); at != spans_.end(); at = spans_.find(at->second->parent))
      if (matches(*at->second)) return at->second;
    return nullptr;
  }
  [[nodiscard]] std::string name(span_id id) const {
    const auto found = spans_.find(id);
    return found == spans_.end() ? "" : run_.name_of(*found->second);
  }

 private:
  const latency::recording& run_;
  std::unordered_map<span_id, const latency::span*> spans_;
};

// A device op of a step.
struct step_op {
  const device_op* op;
  span_id operation;  // its span, 0 = none
  std::string label, kernel;
  std::int64_t layer;      // -1: of none
  double duration_ns = 0;  // without what it waited for the one ahead
};
using step_ops = std::vector<step_op>;

class step_reader {
 public:
  step_reader(const latency::recording& run, const std::map<span_id, operation>& operations)
      : run_(run),
        operations_(operations),
        spans_(run),
        kernel_names_(latency::analysis::device_op_names(run)),
        layer_key_(run.strings.find("layer")) {}

  // The ops of each step, in the order of their start; steps in the order of their spans' ids.
  [[nodiscard]] std::vector<step_ops> steps() const {
    std::map<span_id, step_ops> by_step;
    for (const device_op& op : run_.device_ops) {
      const latency::span* const step = spans_.find(op.span, [&](const latency::span& s) {
        return run_.name_of(s).starts_with("interactive_denoising_step");
      });
      if (step != nullptr) by_step[step->id].push_back(described(op));
    }
    std::vector<step_ops> steps;
    for (auto& [id, ops] : by_step) {
      std::sort(ops.begin(), ops.end(),
                [](const step_op& a, const step_op& b) { return a.op->start_ns < b.op->start_ns; });
      std::int64_t end_ns = ops.front().op->start_ns;
      for (step_op& o : ops) {
        o.duration_ns = added_ns(*o.op, end_ns);
        end_ns = std::max(end_ns, o.op->end_ns);
      }
      steps.push_back(std::move(ops));
    }
    return steps;
  }

 private:
  [[nodiscard]] step_op described(const device_op& op) const {
    const latency::span* const of_operation =
        spans_.find(op.span, [&](const latency::span& s) { return operations_.contains(s.id); });
    const latency::span* const of_layer = spans_.find(op.span, [&](const latency::span& s) {
      return run_.integer_attribute(s.attributes, layer_key_, -1) >= 0;
    });
    return {
        &op, of_operation == nullptr ? 0 : of_operation->id,
        of_operation == nullptr ? spans_.name(op.span) : operations_.at(of_operation->id).label,
        kernel_names_.at(op.name),
        of_layer == nullptr ? -1 : run_.integer_attribute(of_layer->attributes, layer_key_, -1)};
  }

  const latency::recording& run_;
  const std::map<span_id, operation>& operations_;
  span_index spans_;
  std::unordered_map<latency::string_id, std::string> kernel_names_;
  latency::string_id layer_key_;
};

bool runs_the_same(const step_ops& a, const step_ops& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const step_op& x, const step_op& y) {
    return x.label == y.label && x.kernel == y.kernel;
  });
}

// Adds step number `index` to the groups.
void add_step(const step_ops& step, std::size_t index,
              const std::map<span_id, operation>& operations,
              std::map<std::pair<std::string, std::string>, kernel_group>& groups) {
  std::map<span_id, const step_op*> longest;
  for (const step_op& o : step) {
    const step_op*& known = longest[o.operation];
    if (known == nullptr || o.duration_ns > known->duration_ns) known = &o;
  }
  for (const step_op& o : step) {
    kernel_group& g = groups[{o.label, o.kernel}];
    g.operation = o.label;
    g.kernel = o.kernel;
    g.step_ms.resize(index + 1);
    g.step_ms[index] += o.duration_ns / ns_per_ms;
    if (index > 0) continue;  // all run the same
    ++g.calls;
    if (o.operation != 0 && longest[o.operation] == &o) {
      g.flops += operations.at(o.operation).flops;
      g.bytes += operations.at(o.operation).bytes;
    }
  }
}

void add_gaps(const step_ops& step, step_kernels& to) {
  std::map<std::int64_t, double> of_layer;
  double busy_ns = 0;
  std::int64_t end_ns = step.front().op->start_ns;
  for (const step_op& o : step) {
    const auto gap_ns = static_cast<double>(std::max<std::int64_t>(0, o.op->start_ns - end_ns));
    if (o.layer >= 0) of_layer[o.layer] += gap_ns / ns_per_us;
    busy_ns += o.duration_ns;
    end_ns = std::max(end_ns, o.op->end_ns);
  }
  const auto window_ns = static_cast<double>(end_ns - step.front().op->start_ns);
  to.busy_ms.push_back(busy_ns / ns_per_ms);
  to.window_ms.push_back(window_ns / ns_per_ms);
  to.gaps_ms.push_back((window_ns - busy_ns) / ns_per_ms);
  to.launches.push_back(static_cast<double>(step.size()));
  for (const auto& [layer, us] : of_layer) to.layer_gaps_us.push_back(us);
}

}  // namespace

step_kernels kernels_of_steps(const latency::recording& run,
                              const std::map<span_id, operation>& operations) {
  if (run.hygiene.dropped_device_ops + run.hygiene.dropped_spans > 0)
    throw latency::error("", "recording", "records were dropped");
  std::vector<step_ops> steps = step_reader(run, operations).steps();
  if (steps.empty()) throw latency::error("", "recording", "holds no kernels of denoising steps");
  const step_ops last = steps.back();
  std::erase_if(steps, [&](const step_ops& s) { return !runs_the_same(s, last); });
  std::map<std::pair<std::string, std::string>, kernel_group> groups;
  step_kernels result;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    add_step(steps[i], i, operations, groups);
    add_gaps(steps[i], result);
  }
  for (auto& [key, group] : groups) result.groups.push_back(std::move(group));
  std::sort(result.groups.begin(), result.groups.end(),
            [](const kernel_group& a, const kernel_group& b) {
              return a.step_ms.front() > b.step_ms.front();
            });
  return result;
}

moved_bytes device_time_of_spans(const latency::recording& run, const std::string& span_name) {
  const span_index spans(run);
  const latency::string_id bytes_key = run.strings.find("bytes");
  std::map<const latency::span*, double> us;
  for (const device_op& op : run.device_ops) {
    const latency::span* const under =
        spans.find(op.span, [&](const latency::span& s) { return run.name_of(s) == span_name; });
    if (under != nullptr) us[under] += duration_ns(op) / ns_per_us;
  }
  const auto bytes_of = [&](const latency::span* s) {
    return run.integer_attribute(s->attributes, bytes_key, 0);
  };
  moved_bytes most;
  for (const auto& [span, sum] : us) most.bytes = std::max(most.bytes, bytes_of(span));
  for (const auto& [span, sum] : us)
    if (bytes_of(span) == most.bytes) most.us.push_back(sum);
  return most;
}

}  // namespace benchmarks
