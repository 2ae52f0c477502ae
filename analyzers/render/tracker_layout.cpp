#include "analyzers/render/tracker_layout.hpp"

#include <algorithm>

namespace latency::render {
namespace {

constexpr int deepest = 64;  // parents of a damaged file may form a circle

}  // namespace

tracker_layout::tracker_layout(const recording& run) : run_(run) {
  for (const span& s : run.spans) by_id_.emplace(s.id, &s);
  for (const latency::block& row : run.blocks)
    if (const span* s = find(row.span)) blocks_.push_back({&row, s});
  std::stable_sort(blocks_.begin(), blocks_.end(),
                   [](const numbered_block& a, const numbered_block& b) {
                     return a.own->end_ns < b.own->end_ns;
                   });
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const span* around = blocks_[i].own;
    block_of_span_.emplace(around->id, static_cast<std::int64_t>(i));
    for (int level = 0; around != nullptr && level < deepest; ++level) {
      around_blocks_.insert(around->id);
      around = find(around->parent);
    }
  }
}

const span* tracker_layout::find(span_id id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

tracker_layout::place tracker_layout::place_of(const span& s) const {
  place result;
  const span* around = &s;
  for (int level = 0; around != nullptr && level < deepest; ++level) {
    result.in_switch = result.in_switch || run_.name_of(*around) == "prompt_switch_total";
    if (const auto block = block_of_span_.find(around->id); block != block_of_span_.end()) {
      // The tracker numbered a block when it began, and a switch came before that.
      result.block = block->second - (result.in_switch ? 1 : 0);
      return result;
    }
    around = find(around->parent);
  }
  const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), s.start_ns,
                                      [](std::int64_t time_ns, const numbered_block& block) {
                                        return time_ns < block.own->end_ns;
                                      });
  result.block = after - blocks_.begin() - 1;
  return result;
}

std::int64_t tracker_layout::latent_frames() const {
  std::int64_t total = 0;
  for (const numbered_block& b : blocks_) total += std::max(b.row->latent_frames, 0);
  return total;
}

std::int64_t tracker_layout::latent_frames_until(std::int64_t block) const {
  if (block < 0) return 0;
  const latency::block& row = *blocks_[static_cast<std::size_t>(block)].row;
  return std::int64_t{row.first_latent_frame} + row.latent_frames;
}

std::int64_t tracker_layout::latent_frames_per_block() const {
  return blocks_.empty() ? 0 : blocks_.front().row->latent_frames;
}

}  // namespace latency::render
