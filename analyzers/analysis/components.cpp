#include "analyzers/analysis/components.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "analyzers/analysis/open_names.hpp"
#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

double share_of(std::int64_t part_ns, std::int64_t whole_ns) {
  return whole_ns == 0 ? 0 : static_cast<double>(part_ns) / static_cast<double>(whole_ns);
}

// The whole of every share.
std::int64_t thread_wall_ns(const span_tree& tree) {
  std::int64_t wall_ns = 0;
  for (const thread_account& t : tree.threads())
    if (t.spans > 0) wall_ns = saturating_add(wall_ns, t.wall_ns);
  return wall_ns;
}

bool on_thread_of_parent(const recording& run, const span_tree& tree, std::uint32_t s) {
  const std::uint32_t parent = tree[s].parent;
  return parent != no_span && run.spans[parent].thread == run.spans[s].thread;
}

// Inclusive times are of a name on a thread.
std::uint64_t name_on_thread(const span& s) {
  return std::uint64_t{s.thread} << 32 | s.name;
}

void add_rows(const recording& run, const span_tree& tree, component_table& table) {
  std::vector<component> by_name(run.strings.size());
  for (std::uint32_t s = 0; s < run.spans.size(); ++s) {
    component& c = by_name[run.spans[s].name];
    ++(tree[s].warm_up ? c.warm_up_count : c.count);
  }
  // Durations of one name side by side in one array.
  std::vector<std::size_t> first(by_name.size() + 1, 0);
  for (std::size_t i = 0; i < by_name.size(); ++i)
    first[i + 1] = first[i] + static_cast<std::size_t>(by_name[i].count);
  std::vector<std::size_t> next(first.begin(), first.end() - 1);
  std::vector<std::int64_t> durations_ns(first.back());

  open_names names(tree);
  for (const std::uint32_t s : tree.preorder()) {
    const span_node& node = tree[s];
    if (node.warm_up) {
      ++table.warm_up_count;
      table.warm_up_exclusive_ns += node.exclusive_ns;
      continue;
    }
    component& c = by_name[run.spans[s].name];
    durations_ns[next[run.spans[s].name]++] = node.inclusive_ns();
    c.exclusive_ns += node.exclusive_ns;
    if (!names.enter(s, name_on_thread(run.spans[s]))) c.inclusive_ns += node.inclusive_ns();
  }
  for (string_id name = 0; name < by_name.size(); ++name) {
    component& c = by_name[name];
    if (c.count == 0) continue;
    c.name = name;
    c.exclusive_share = share_of(c.exclusive_ns, table.thread_wall_ns);
    c.duration_ns =
        summarize(std::span(durations_ns).subspan(first[name], static_cast<std::size_t>(c.count)));
    table.rows.push_back(c);
  }
  std::sort(table.rows.begin(), table.rows.end(), [&](const component& a, const component& b) {
    return std::tie(b.exclusive_ns, run.strings[a.name]) <
           std::tie(a.exclusive_ns, run.strings[b.name]);
  });
}

void add_async_rows(const recording& run, component_table& table) {
  std::unordered_map<string_id, std::vector<std::int64_t>> durations_ns;
  for (const recorded_async_span& s : run.async_spans) {
    const std::int64_t start_ns = clamp_time(s.start_ns);
    durations_ns[s.name].push_back(std::max(start_ns, clamp_time(s.end_ns)) - start_ns);
  }
  for (const auto& [name, values] : durations_ns)
    table.async_rows.push_back({name, static_cast<std::int64_t>(values.size()), summarize(values)});
  std::sort(table.async_rows.begin(), table.async_rows.end(),
            [&](const async_component& a, const async_component& b) {
              return std::tie(b.duration_ns.sum, run.strings[a.name]) <
                     std::tie(a.duration_ns.sum, run.strings[b.name]);
            });
}

// A path of names, while the tree of paths grows.
struct path_key {
  std::uint32_t parent;  // index of the parent path, no_span for a root
  string_id name;
  bool handed_over;
  bool operator==(const path_key&) const = default;
};

struct path_hash {
  std::size_t operator()(const path_key& key) const {
    const std::uint64_t both = std::uint64_t{key.parent} << 32 | key.name;
    return std::hash<std::uint64_t>{}((both ^ std::uint64_t{key.handed_over} << 63) *
                                      0x9e3779b97f4a7c15u);
  }
};

// Paths in the order in which preorder first meets them, so parents before children.
std::vector<hierarchy_node> collect_paths(const recording& run, const span_tree& tree) {
  std::vector<hierarchy_node> paths;
  std::unordered_map<path_key, std::uint32_t, path_hash> index;
  std::vector<std::uint32_t> path_of(run.spans.size(), no_span);
  for (const std::uint32_t s : tree.preorder()) {
    const span_node& node = tree[s];
    if (node.warm_up) continue;
    path_key key;
    key.parent = node.parent == no_span ? no_span : path_of[node.parent];
    key.name = run.spans[s].name;
    key.handed_over = node.parent != no_span && !on_thread_of_parent(run, tree, s);
    const auto [entry, inserted] = index.try_emplace(key, static_cast<std::uint32_t>(paths.size()));
    if (inserted) {
      hierarchy_node path;
      path.name = key.name;
      path.handed_over = key.handed_over;
      if (key.parent != no_span) {
        path.parent = key.parent;
        path.depth = paths[key.parent].depth + 1;
      }
      paths.push_back(path);
    }
    path_of[s] = entry->second;
    hierarchy_node& path = paths[entry->second];
    ++path.count;
    path.inclusive_ns += node.inclusive_ns();
    path.exclusive_ns += node.exclusive_ns;
  }
  return paths;
}

}  // namespace

component_table components(const recording& run, const span_tree& tree) {
  component_table table;
  table.wall_ns = tree.wall_ns();
  table.thread_wall_ns = thread_wall_ns(tree);
  for (const thread_account& t : tree.threads()) {
    if (t.spans == 0) continue;
    ++table.thread_count;
    table.untracked_ns += t.untracked_ns;
  }
  add_rows(run, tree, table);
  add_async_rows(run, table);
  table.untracked_share = share_of(table.untracked_ns, table.thread_wall_ns);
  table.warm_up_share = share_of(table.warm_up_exclusive_ns, table.thread_wall_ns);
  return table;
}

hierarchy hierarchy_of(const recording& run, const span_tree& tree) {
  const std::vector<hierarchy_node> paths = collect_paths(run, tree);
  std::vector<std::uint32_t> order(paths.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::tie(paths[b].inclusive_ns, run.strings[paths[a].name], paths[a].handed_over) <
           std::tie(paths[a].inclusive_ns, run.strings[paths[b].name], paths[b].handed_over);
  });
  const latency::detail::grouped_spans children(order, paths.size() + 1, [&](std::uint32_t path) {
    return paths[path].parent.value_or(paths.size());
  });

  hierarchy result;
  const std::int64_t whole_ns = thread_wall_ns(tree);
  std::vector<std::uint32_t> todo;
  std::vector<std::size_t> placed_at(paths.size());
  const auto push = [&todo](span_range group) {
    for (std::size_t i = group.size(); i > 0; --i) todo.push_back(group[i - 1]);
  };
  push(children[paths.size()]);
  while (!todo.empty()) {
    const std::uint32_t path = todo.back();
    todo.pop_back();
    hierarchy_node node = paths[path];
    if (node.parent) node.parent = placed_at[*node.parent];
    node.inclusive_share = share_of(node.inclusive_ns, whole_ns);
    node.exclusive_share = share_of(node.exclusive_ns, whole_ns);
    placed_at[path] = result.nodes.size();
    result.nodes.push_back(node);
    push(children[path]);
  }
  return result;
}

}  // namespace latency::analysis
