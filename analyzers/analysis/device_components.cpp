#include "analyzers/analysis/device_components.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "analyzers/analysis/open_names.hpp"

namespace latency::analysis {
namespace {

class collector {
 public:
  collector(const recording& run, const span_tree& tree) : run_(run), tree_(tree) {}

  void add(const device_accounting& devices, const device_account& device) {
    open_names names(tree_);
    for (const span_device_account& row : device.spans) {
      if (tree_[row.span].warm_up) {
        table_.warm_up.add(row.own);
        continue;
      }
      const string_id name = run_.spans[row.span].name;
      device_component& component = component_of(name);
      component.own.add(row.own);
      if (!names.enter(row.span, name)) component.subtree.add_device(row.subtree);
      spans_.emplace_back(name, row.span, 0, -1);
    }
    for (const replay_instance& replay : replays(run_, devices, device)) {
      if (replay.span == no_span)
        continue;  // in no_span
      else if (tree_[replay.span].warm_up)
        table_.warm_up.add(replay.ops);
      else
        add(replay);
    }
    table_.no_span.share_ns =
        saturating_add(table_.no_span.share_ns, device.unattributed_total_ns());
    table_.no_span.copy_exposed_ns =
        saturating_add(table_.no_span.copy_exposed_ns, device.copy_exposed_unattributed_ns);
    table_.idle_ns = saturating_add(table_.idle_ns, device.idle_ns);
    table_.window_ns = saturating_add(table_.window_ns, device.window.length_ns());
  }

  device_component_table finish(const device_accounting& devices) {
    for (const device_op_account& op : devices.ops())
      if (op.placed() && op.span == no_span) ++table_.no_span.ops;
    // A span may have ops on several devices.
    std::sort(spans_.begin(), spans_.end());
    spans_.erase(std::unique(spans_.begin(), spans_.end()), spans_.end());
    for (const auto& [name, span, replay, element] : spans_) ++component_of(name).spans;
    const auto before = [this](const device_component& a, const device_component& b) {
      return std::make_tuple(b.own.time_ns(), b.subtree.share_ns,
                             std::string_view(run_.strings[a.name])) <
             std::make_tuple(a.own.time_ns(), a.subtree.share_ns,
                             std::string_view(run_.strings[b.name]));
    };
    std::sort(table_.rows.begin(), table_.rows.end(), before);
    return std::move(table_);
  }

 private:
  void add(const replay_instance& replay) {
    component_of(run_.spans[replay.span].name).own.add(replay.own);
    for (std::size_t reason = 0; reason < capture_reasons; ++reason)
      table_.not_captured[reason].add(replay.unknown[reason]);
    for (const captured_account& one : replay.spans) {
      device_component& component = component_of(one.name);
      component.own.add(one.own);
      spans_.emplace_back(one.name, replay.span, replay.replay, one.element);
      if (!is_inside(one, replay)) component.subtree.add_device(one.subtree);
    }
  }
  // Whether a span of the same name is around it.
  [[nodiscard]] bool is_inside(const captured_account& one, const replay_instance& replay) const {
    for (std::int32_t at = one.parent; at >= 0;) {
      const captured_account& around = replay.spans[static_cast<std::size_t>(at)];
      if (around.name == one.name) return true;
      at = around.parent;
    }
    for (std::uint32_t at = replay.span; at != no_span; at = tree_[at].parent)
      if (run_.spans[at].name == one.name) return true;
    return false;
  }

  device_component& component_of(string_id name) {
    const auto [entry, added] = row_of_.try_emplace(name, table_.rows.size());
    if (added) {
      table_.rows.emplace_back();
      table_.rows.back().name = name;
    }
    return table_.rows[entry->second];
  }

  const recording& run_;
  const span_tree& tree_;
  device_component_table table_;
  std::unordered_map<string_id, std::size_t> row_of_;
  // With device ops: name and span; of a captured one, the span that launched it, replay, element.
  std::vector<std::tuple<string_id, std::uint32_t, std::uint64_t, std::int32_t>> spans_;
};

}  // namespace

device_component_table device_components(const recording& run, const span_tree& tree,
                                         const device_accounting& devices) {
  collector all(run, tree);
  for (const device_account& device : devices.devices()) all.add(devices, device);
  return all.finish(devices);
}

std::vector<device_total_component> device_total_components(const recording& run) {
  std::map<std::pair<bool, string_id>, device_total_component> by_name;
  for (const device_total& total : run.device_totals) {
    const bool has_span =
        total.path >= 0 && static_cast<std::size_t>(total.path) < run.span_paths.size();
    const string_id name =
        has_span ? run.span_paths[static_cast<std::size_t>(total.path)].name : string_id{0};
    device_total_component& component = by_name[{has_span, name}];
    component.has_span = has_span;
    component.name = name;
    component.ops = saturating_add(component.ops, total.count);
    component.sum_ns = saturating_add(component.sum_ns, total.sum_ns);
  }
  std::vector<device_total_component> result;
  for (const auto& entry : by_name) result.push_back(entry.second);
  std::sort(result.begin(), result.end(),
            [&](const device_total_component& a, const device_total_component& b) {
              return std::make_tuple(b.sum_ns, std::string_view(run.strings[a.name])) <
                     std::make_tuple(a.sum_ns, std::string_view(run.strings[b.name]));
            });
  return result;
}

}  // namespace latency::analysis
