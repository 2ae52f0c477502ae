#include "analyzers/analysis/explanation.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include "analyzers/analysis/clips.hpp"
#include "analyzers/analysis/span_names.hpp"
#include "latency/deadline.hpp"
#include "latency/error.hpp"
#include "latency/saturating.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {
namespace {

constexpr std::size_t fewest_instances = 2 * fewest_peers;  // of a name that is chosen unasked
constexpr std::size_t most_path_bytes = 2048;               // of spans that nest very deep

struct instance {
  timed_instance shown;
  std::vector<std::uint32_t> roots;
};

// Instances that should take equally long.
struct peer_group {
  std::vector<std::size_t> by_time;
  double least_slow_ns = 0;
  [[nodiscard]] std::size_t median() const { return by_time[(by_time.size() - 1) / 2]; }
};

struct found_case {
  std::size_t one = 0;
  std::size_t peer = 0;
  explanation result;
};

class explainer {
 public:
  explainer(const recording& run, const span_tree& tree, const device_accounting& devices)
      : run_(run),
        tree_(tree),
        index_(run, tree, span_roles(run.strings)),
        extra_(run.spans.size()) {
    for (const api_call& call : run.api_calls) {
      const std::uint32_t span = tree.find(call.span);
      if (call.span == 0 || span == no_span) continue;
      const std::int64_t start_ns = clamp_time(call.start_ns);
      const std::int64_t length_ns = std::max<std::int64_t>(0, clamp_time(call.end_ns) - start_ns);
      std::int64_t& to =
          call.kind == api_call_kind::synchronize ? extra_[span].waits_ns : extra_[span].calls_ns;
      to = saturating_add(to, length_ns);
    }
    for (const device_op_account& op : devices.ops())
      if (op.span != no_span)
        extra_[op.span].device_ns = saturating_add(extra_[op.span].device_ns, op.share_ns);
  }

  [[nodiscard]] bool has_blocks() const { return !index_.blocks().empty(); }

  explanation_report of_blocks(std::int64_t period_ns, std::size_t most) {
    explanation_report report;
    report.of_blocks = true;
    report.period_ns = period_ns;
    std::vector<instance> all;
    for (const joined_block& b : index_.blocks()) {
      instance one{{run_.blocks[b.row].index, b.kind, b.time.start_ns, 0}, {b.span}};
      all.push_back(std::move(one));
    }
    for (const clip& c : index_.clips())
      for (const joined_vae_span& v : c.vae)
        if (v.block && !c.whole_clip_decode) all[*v.block].roots.push_back(v.span);
    for (instance& one : all) set_time(one);
    report.instances = static_cast<std::int64_t>(all.size());

    count_late(report);
    const std::map<std::size_t, late_group> late = late_by_block(all, report);
    std::map<scenario, peer_group> groups;
    for (std::size_t i = 0; i < all.size(); ++i) groups[*all[i].shown.kind].by_time.push_back(i);
    for (auto& [kind, group] : groups) complete(group, all);

    std::vector<found_case> found;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const peer_group& own = groups[*all[i].shown.kind];
      const bool of_its_kind = own.by_time.size() > fewest_peers;
      const auto full = groups.find(scenario::full);
      const peer_group& peers = of_its_kind || full == groups.end() ? own : full->second;
      const auto lateness = late.find(i);
      if (lateness == late.end() && !is_slow(all[i], peers)) continue;
      found_case one{i, peers.median(), {}};
      one.result.peers = static_cast<std::int64_t>(peers.by_time.size());
      one.result.peer_of_its_kind = &peers == &own;
      if (lateness != late.end()) one.result.late = lateness->second;
      found.push_back(std::move(one));
    }
    finish(report, all, std::move(found), most);
    return report;
  }

  explanation_report of_spans(const std::string& wanted, std::size_t most) {
    std::vector<std::vector<instance>> by_name(run_.strings.size());
    for (const std::uint32_t s : tree_.preorder()) {
      if (tree_[s].warm_up) continue;
      std::vector<instance>& group = by_name[run_.spans[s].name];
      instance one{{static_cast<std::int64_t>(group.size()), {}, tree_[s].start_ns, 0}, {s}};
      set_time(one);
      group.push_back(std::move(one));
    }
    explanation_report report;
    string_id name = run_.strings.find(wanted);
    if (wanted.empty())
      name = costliest(by_name);
    else if (name >= by_name.size() || by_name[name].empty())
      throw error(run_.source, "", "no span is called '" + wanted + "'");
    if (name >= by_name.size()) return report;
    const std::vector<instance>& all = by_name[name];
    report.span_name = run_.strings[name];
    report.instances = static_cast<std::int64_t>(all.size());
    const peer_group peers = everyone(all);
    std::vector<found_case> found;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!is_slow(all[i], peers)) continue;
      found.push_back({i, peers.median(), {}});
      found.back().result.peers = report.instances;
    }
    finish(report, all, std::move(found), most);
    return report;
  }

 private:
  // At every rate of playout.
  void count_late(explanation_report& report) const {
    std::vector<std::int64_t> periods(playout_periods_ns.begin(), playout_periods_ns.end());
    if (std::find(periods.begin(), periods.end(), report.period_ns) == periods.end())
      periods.push_back(report.period_ns);
    std::sort(periods.begin(), periods.end(), std::greater<>());
    for (const std::int64_t period_ns : periods) {
      playout_row row;
      row.period_ns = period_ns;
      for (const clip& c : index_.clips()) {
        const deadline_report one = check_deadlines(c.pixel_frames, period_ns);
        row.expected += one.expected;
        row.missing += one.missing;
        row.late += one.late;
        row.worst_lateness_ns = std::max(row.worst_lateness_ns, one.worst_lateness_ns);
      }
      if (row.expected > 0) report.playouts.push_back(row);
    }
  }

  // By position in `all`, at the report's rate, which is counted there.
  std::map<std::size_t, late_group> late_by_block(const std::vector<instance>& all,
                                                  explanation_report& report) const {
    std::map<std::pair<std::size_t, std::int64_t>, std::size_t> at;  // clip, index of the block
    for (std::size_t i = 0; i < all.size(); ++i)
      at[{index_.blocks()[i].clip, all[i].shown.number}] = i;
    std::map<std::size_t, late_group> late;
    for (std::size_t number = 0; number < index_.clips().size(); ++number) {
      const clip& c = index_.clips()[number];
      for (const pixel_frame_deadline& p :
           check_deadlines(c.pixel_frames, report.period_ns).pixel_frames) {
        if (p.lateness_ns <= 0) continue;
        ++report.late_pixel_frames;
        const auto found = at.find({number, p.block});
        if (found == at.end()) {
          ++report.late_without_block;
          continue;
        }
        late_group& group = late[found->second];
        if (group.count++ == 0) group.first = p.index;
        group.last = p.index;
        group.worst_ns = std::max(group.worst_ns, p.lateness_ns);
      }
    }
    return late;
  }

  void set_time(instance& of) const {
    for (const std::uint32_t root : of.roots)
      of.shown.time_ns = saturating_add(of.shown.time_ns, tree_[root].inclusive_ns());
  }

  static void complete(peer_group& group, const std::vector<instance>& all) {
    std::stable_sort(group.by_time.begin(), group.by_time.end(), [&](std::size_t a, std::size_t b) {
      return all[a].shown.time_ns < all[b].shown.time_ns;
    });
    std::vector<std::int64_t> times;
    for (const std::size_t i : group.by_time) times.push_back(all[i].shown.time_ns);
    const double median_ns = static_cast<double>(all[group.median()].shown.time_ns);
    const double deviation_ns = 1.4826 * median_absolute_deviation(times);
    group.least_slow_ns =
        median_ns + std::max(slow_excess * median_ns, slow_deviations * deviation_ns);
  }

  static peer_group everyone(const std::vector<instance>& all) {
    peer_group group;
    for (std::size_t i = 0; i < all.size(); ++i) group.by_time.push_back(i);
    complete(group, all);
    return group;
  }

  static bool is_slow(const instance& one, const peer_group& peers) {
    return static_cast<double>(one.shown.time_ns) > peers.least_slow_ns;
  }

  // Cost per path of names below the roots.
  std::map<std::string, span_cost> costs(const instance& of) const {
    std::map<std::string, span_cost> result;
    std::unordered_map<std::uint32_t, std::string> path_of;
    for (const std::uint32_t root : of.roots) {
      const std::uint32_t first = tree_[root].preorder;
      for (std::uint32_t at = first; at < first + tree_[root].subtree_size; ++at) {
        const std::uint32_t s = tree_.preorder()[at];
        std::string name = run_.strings[run_.spans[s].name];
        std::replace(name.begin(), name.end(), ';', ',');
        std::string path = s == root ? name : path_of[tree_[s].parent] + ";" + name;
        if (path.size() > most_path_bytes) path = path_of[tree_[s].parent];
        span_cost& cost = result[path];
        ++cost.count;
        cost.device_ns = saturating_add(cost.device_ns, extra_[s].device_ns);
        if (run_.spans[s].thread == run_.spans[root].thread) {
          const std::int64_t exclusive_ns = tree_[s].exclusive_ns;
          const std::int64_t waits_ns = std::min(exclusive_ns, extra_[s].waits_ns);
          const std::int64_t calls_ns = std::min(exclusive_ns - waits_ns, extra_[s].calls_ns);
          cost.waits_ns += waits_ns;
          cost.calls_ns += calls_ns;
          cost.host_ns += exclusive_ns - waits_ns - calls_ns;
        }
        path_of[s] = std::move(path);
      }
    }
    return result;
  }

  std::vector<span_change> changes(const instance& slow, const instance& peer) const {
    std::map<std::string, span_change> merged;
    for (auto& [path, cost] : costs(slow)) merged[path].now = cost;
    for (auto& [path, cost] : costs(peer)) merged[path].peer = cost;
    std::vector<span_change> result;
    for (auto& [path, change] : merged) {
      change.path = path;
      result.push_back(std::move(change));
    }
    std::stable_sort(result.begin(), result.end(), [](const span_change& a, const span_change& b) {
      return a.exclusive_ns() > b.exclusive_ns();
    });
    return result;
  }

  // The name whose slow instances exceed their median by most, together.
  string_id costliest(const std::vector<std::vector<instance>>& by_name) const {
    auto best = static_cast<string_id>(by_name.size());
    std::int64_t most_ns = 0;
    for (string_id name = 0; name < by_name.size(); ++name) {
      const std::vector<instance>& all = by_name[name];
      if (all.size() < fewest_instances) continue;
      const peer_group peers = everyone(all);
      std::int64_t excess_ns = 0;
      for (const instance& one : all)
        if (is_slow(one, peers))
          excess_ns =
              saturating_add(excess_ns, one.shown.time_ns - all[peers.median()].shown.time_ns);
      if (excess_ns > most_ns) {
        most_ns = excess_ns;
        best = name;
      }
    }
    return best;
  }

  // The worst of what was found, explained.
  void finish(explanation_report& report, const std::vector<instance>& all,
              std::vector<found_case> found, std::size_t most) const {
    report.found = static_cast<std::int64_t>(found.size());
    for (found_case& one : found) {
      one.result.slow = all[one.one].shown;
      one.result.peer = all[one.peer].shown;
    }
    std::stable_sort(found.begin(), found.end(), [](const found_case& a, const found_case& b) {
      return a.result.excess_ns() > b.result.excess_ns();
    });
    if (found.size() > most) found.resize(most);
    for (found_case& one : found) {
      one.result.changes = changes(all[one.one], all[one.peer]);
      report.cases.push_back(std::move(one.result));
    }
  }

  const recording& run_;
  const span_tree& tree_;
  clip_index index_;
  std::vector<span_cost> extra_;  // by span: its own API calls and device time
};

}  // namespace

explanation_report explain(const recording& run, const span_tree& tree,
                           const device_accounting& devices, const explanation_request& wanted) {
  explainer made(run, tree, devices);
  if (wanted.span_name.empty() && made.has_blocks())
    return made.of_blocks(wanted.period_ns, wanted.most);
  return made.of_spans(wanted.span_name, wanted.most);
}

}  // namespace latency::analysis
