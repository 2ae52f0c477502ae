#include <algorithm>
#include <vector>

#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::unit;

namespace {

std::vector<std::string> paths_of(const recording& run, const analysis::hierarchy& tree) {
  std::vector<std::string> paths;
  for (const analysis::hierarchy_node& node : tree.nodes) {
    const std::string& name = run.strings[node.name];
    paths.push_back(node.parent ? paths[*node.parent] + ';' + name : name);
  }
  return paths;
}

}  // namespace

std::optional<chart> icicle(const recording& run, const analysis::hierarchy& tree,
                            const analysis::component_table& parts) {
  if (tree.nodes.empty() || parts.thread_wall_ns <= 0) return std::nullopt;
  chart result;
  result.key = "icicle";
  result.title = "Hierarchy of spans";
  result.shown =
      "width: inclusive time of all spans of one path, below it what ran inside; blank: its own";
  result.counted = "spans";
  result.source = run.source;
  result.table = {"icicle",
                  result.title,
                  {{"path", "path", unit::path},
                   {"count", "spans", unit::integer},
                   {"inclusive", "inclusive", unit::duration_ns},
                   {"exclusive", "exclusive", unit::duration_ns},
                   {"inclusive_share", "share of the wall", unit::ratio}},
                  {}};
  const auto wall_ns = static_cast<double>(parts.thread_wall_ns);
  const double thinnest_ns = wall_ns / 2000;  // half a pixel
  const std::vector<std::string> paths = paths_of(run, tree);
  std::vector<double> next(tree.nodes.size(), 0);  // where the next child of a node begins
  std::vector<double> start(tree.nodes.size(), 0);
  double next_root = 0;
  int depth = 0;
  series boxes{"spans", first_colour, shape::boxes};
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    const analysis::hierarchy_node& node = tree.nodes[i];
    const auto length = static_cast<double>(node.inclusive_ns);
    // What runs on another thread is no part of its parent: it stands after the roots.
    const bool root = !node.parent || node.handed_over;
    double& from = root ? next_root : next[*node.parent];
    start[i] = next[i] = from;
    from += length;
    result.n += node.count;
    result.table.rows.push_back(
        {paths[i], node.count, node.inclusive_ns, node.exclusive_ns, node.inclusive_share});
    if (length < thinnest_ns || boxes.boxes.size() >= most_boxes) continue;
    const std::string& name = run.strings[node.name];
    boxes.boxes.push_back({start[i], start[i] + length, static_cast<double>(node.depth),
                           node.depth + 1.0, shortened(name), colour_of(name)});
    depth = std::max(depth, node.depth + 1);
  }
  result.x = {
      .title = "time", .type = unit::duration_ns, .min = 0.0, .max = std::max(wall_ns, next_root)};
  result.y = {"", unit::number, {}, true, true, 0.0, static_cast<double>(depth)};
  result.height = 160 + 26 * depth;
  result.data = {std::move(boxes)};
  return result;
}

}  // namespace latency::charts
