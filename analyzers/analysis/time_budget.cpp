#include "analyzers/analysis/time_budget.hpp"

#include <algorithm>
#include <unordered_map>

#include "analyzers/analysis/clips.hpp"

namespace latency::analysis {
namespace {

// Sums exclusive times by name below some spans, nothing twice.
class budget_sum {
 public:
  budget_sum(const recording& run, const span_tree& tree) : run_(run), tree_(tree) {}

  // Calls must come in preorder of the spans.
  void add(std::uint32_t root) {
    const span_node& top = tree_[root];
    if (top.preorder < next_) return;  // inside one that was added
    next_ = top.preorder + top.subtree_size;
    for (std::uint32_t at = top.preorder; at < next_; ++at) {
      const std::uint32_t s = tree_.preorder()[at];
      if (run_.spans[s].thread == run_.spans[root].thread)
        sums_[run_.spans[s].name] += tree_[s].exclusive_ns;
    }
  }

  [[nodiscard]] time_budget over(std::int64_t count, std::int64_t blocks) const {
    time_budget result;
    if (count == 0) return result;
    result.count = count;
    result.blocks = blocks;
    for (const auto& [name, sum_ns] : sums_) {
      result.parts.push_back({name, static_cast<double>(sum_ns) / static_cast<double>(count)});
      result.total_ns += result.parts.back().mean_ns;
    }
    std::sort(result.parts.begin(), result.parts.end(),
              [this](const budget_part& a, const budget_part& b) {
                if (a.mean_ns != b.mean_ns) return a.mean_ns > b.mean_ns;
                return run_.strings[a.name] < run_.strings[b.name];
              });
    return result;
  }

 private:
  const recording& run_;
  const span_tree& tree_;
  std::unordered_map<string_id, std::int64_t> sums_;
  std::uint32_t next_ = 0;
};

void in_preorder(std::vector<std::uint32_t>& spans, const span_tree& tree) {
  std::sort(spans.begin(), spans.end(),
            [&](std::uint32_t a, std::uint32_t b) { return tree[a].preorder < tree[b].preorder; });
}

bool has_step(const recording& run, const span& s, string_id key) {
  for (std::uint64_t i = s.attributes.first; i < s.attributes.first + s.attributes.count; ++i)
    if (run.attributes[i].key == key && run.attributes[i].type == recorded_attribute::kind::integer)
      return true;
  return false;
}

}  // namespace

time_budgets budgets(const recording& run, const span_tree& tree,
                     const generation_report& generated) {
  time_budgets result;
  const clip_index index(run, tree, span_roles(run.strings));
  const auto is_of = [&](const joined_block& b) { return b.kind == result.of; };
  if (std::none_of(index.blocks().begin(), index.blocks().end(), is_of))
    result.of = scenario::filling;

  std::vector<std::uint32_t> roots;
  std::vector<std::uint32_t> block_spans;
  std::int64_t pixel_frames = 0;
  for (std::size_t at = 0; at < index.blocks().size(); ++at) {
    if (!is_of(index.blocks()[at])) continue;
    block_spans.push_back(index.blocks()[at].span);
    pixel_frames += generated.blocks[at].pixel_frames;
  }
  roots = block_spans;
  for (const clip& c : index.clips())
    for (const joined_vae_span& v : c.vae)
      if (!c.whole_clip_decode && v.block && is_of(index.blocks()[*v.block]))
        roots.push_back(v.span);
  in_preorder(roots, tree);
  budget_sum of_pixel_frame(run, tree);
  for (const std::uint32_t root : roots) of_pixel_frame.add(root);
  const auto blocks = static_cast<std::int64_t>(block_spans.size());
  result.pixel_frame = of_pixel_frame.over(pixel_frames, blocks);

  in_preorder(block_spans, tree);
  const string_id step_key = run.strings.find("step");
  budget_sum of_step(run, tree);
  std::int64_t steps = 0;
  std::uint32_t step_end = 0;
  std::size_t block = 0;  // the first of block_spans that does not end before
  for (std::uint32_t at = 0; at < tree.preorder().size(); ++at) {
    const std::uint32_t s = tree.preorder()[at];
    if (at < step_end || tree[s].warm_up || !has_step(run, run.spans[s], step_key)) continue;
    while (block < block_spans.size() &&
           tree[block_spans[block]].preorder + tree[block_spans[block]].subtree_size <= at)
      ++block;
    const bool in_block = block < block_spans.size() && tree.contains(block_spans[block], s);
    if (!in_block && !index.blocks().empty()) continue;
    of_step.add(s);
    step_end = at + tree[s].subtree_size;
    ++steps;
  }
  result.denoising_step = of_step.over(steps, blocks);
  return result;
}

}  // namespace latency::analysis
