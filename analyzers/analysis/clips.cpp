#include "analyzers/analysis/clips.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "latency/saturating.hpp"

namespace latency::analysis {

clip_index::clip_index(const recording& run, const span_tree& tree, const span_roles& roles) {
  join_blocks(run, tree);
  divide_into_clips(run, tree);
  name_scenarios(run);
  const bool without_blocks = clips_.empty();
  if (without_blocks) clips_.emplace_back();  // for pixel frames of blocks that nobody recorded
  join_vae(run, tree, roles);
  join_pixel_frames(run);
  if (without_blocks && clips_.front().pixel_frames.empty()) clips_.clear();
  find_overlaps();
}

void clip_index::join_blocks(const recording& run, const span_tree& tree) {
  for (std::size_t row = 0; row < run.blocks.size(); ++row) {
    const std::uint32_t span = tree.find(run.blocks[row].span);
    if (span == no_span) {
      ++blocks_without_span_;
    } else if (tree[span].warm_up) {
      ++warm_up_blocks_;
      numbered_.push_back({run.blocks[row].index, tree[span].start_ns, std::nullopt});
    } else {
      joined_block joined;
      joined.row = row;
      joined.span = span;
      joined.time = {tree[span].start_ns, tree[span].end_ns};
      blocks_.push_back(joined);
    }
  }
}

void clip_index::divide_into_clips(const recording& run, const span_tree& tree) {
  using clip_key = std::pair<std::uint32_t, std::uint32_t>;  // parent span, thread
  const auto key_of = [&](const joined_block& b) {
    return clip_key{tree[b.span].parent, run.spans[b.span].thread};
  };
  // Numbered by the start of their first block, so that the order of rows does not matter.
  std::map<clip_key, std::pair<std::int64_t, span_id>> first_of;
  for (const joined_block& b : blocks_) {
    const std::pair first{b.time.start_ns, run.spans[b.span].id};
    const auto [entry, inserted] = first_of.try_emplace(key_of(b), first);
    if (!inserted) entry->second = std::min(entry->second, first);
  }
  std::vector<std::pair<std::pair<std::int64_t, span_id>, clip_key>> in_order;
  for (const auto& [key, first] : first_of) in_order.emplace_back(first, key);
  std::sort(in_order.begin(), in_order.end());
  std::map<clip_key, std::size_t> number_of;
  for (const auto& [first, key] : in_order) {
    number_of[key] = clips_.size();
    by_parent_.emplace_back(key.first, clips_.size());
    clips_.emplace_back();
    clips_.back().parent = key.first;
    clips_.back().start_ns = first.first;
  }

  for (joined_block& b : blocks_) b.clip = number_of[key_of(b)];
  std::sort(blocks_.begin(), blocks_.end(), [&](const joined_block& a, const joined_block& b) {
    return std::tuple(a.clip, run.blocks[a.row].index, a.time.start_ns, run.spans[a.span].id) <
           std::tuple(b.clip, run.blocks[b.row].index, b.time.start_ns, run.spans[b.span].id);
  });
  for (std::size_t at = 0; at < blocks_.size(); ++at) {
    const joined_block& b = blocks_[at];
    clip& c = clips_[b.clip];
    if (c.end_block == 0) c.first_block = at;
    c.end_block = at + 1;
    numbered_.push_back({run.blocks[b.row].index, b.time.start_ns, at});
    by_span_.emplace_back(b.span, at);
  }
  std::sort(numbered_.begin(), numbered_.end(), [](const numbered& a, const numbered& b) {
    return std::tie(a.index, a.start_ns, a.position) < std::tie(b.index, b.start_ns, b.position);
  });
  std::sort(by_span_.begin(), by_span_.end());
  std::sort(by_parent_.begin(), by_parent_.end());
}

void clip_index::name_scenarios(const recording& run) {
  for (std::size_t at = 0; at < blocks_.size(); ++at) {
    const block& b = run.blocks[blocks_[at].row];
    blocks_[at].kind = at == clips_[blocks_[at].clip].first_block ? scenario::first
                       : b.switched != 0                          ? scenario::switched
                       : holds_window(b)                          ? scenario::full
                                                                  : scenario::filling;
  }
}

void clip_index::join_vae(const recording& run, const span_tree& tree, const span_roles& roles) {
  const string_id block_key = run.strings.find("block");
  const string_id latent_frames_key = run.strings.find("latent_frames");
  constexpr std::int64_t absent = -1;
  for (std::uint32_t i = 0; i < run.spans.size(); ++i) {
    const span& s = run.spans[i];
    if (!is_vae(roles[s.name]) || tree[i].warm_up) continue;
    const std::uint32_t parent = tree[i].parent;
    if (parent != no_span && is_vae(roles[run.spans[parent].name])) continue;  // part of that one
    joined_vae_span joined{i, std::nullopt, {tree[i].start_ns, tree[i].end_ns}};
    const std::int64_t named = run.integer_attribute(s.attributes, block_key, absent);
    if (named != absent) {
      if (const numbered* found = find(named, joined.time.start_ns); found != nullptr) {
        if (!found->position) continue;  // of a warm-up block
        joined.block = found->position;
      }
    }
    std::size_t clip_number = 0;
    if (joined.block) {
      clip_number = blocks_[*joined.block].clip;
      const std::int64_t decoded = run.integer_attribute(s.attributes, latent_frames_key, 0);
      if (decoded > run.blocks[blocks_[*joined.block].row].latent_frames)
        clips_[clip_number].whole_clip_decode = true;
    } else {
      clip_number = clip_under(parent, joined.time.start_ns);
      if (roles[s.name] == span_role::vae_decode) clips_[clip_number].whole_clip_decode = true;
    }
    clips_[clip_number].vae.push_back(joined);
  }
  for (clip& c : clips_)
    std::sort(c.vae.begin(), c.vae.end(),
              [&run](const joined_vae_span& a, const joined_vae_span& b) {
                return std::tie(a.time.start_ns, run.spans[a.span].id) <
                       std::tie(b.time.start_ns, run.spans[b.span].id);
              });
}

void clip_index::join_pixel_frames(const recording& run) {
  for (const pixel_frame& p : run.pixel_frames) {
    const numbered* found = find(p.block, p.complete_ns);
    if (found != nullptr && !found->position) continue;  // of a warm-up block
    const std::size_t number =
        found != nullptr ? blocks_[*found->position].clip : clip_at(p.complete_ns);
    clips_[number].pixel_frames.push_back(p);
  }
  for (clip& c : clips_)
    std::sort(c.pixel_frames.begin(), c.pixel_frames.end(),
              [](const pixel_frame& a, const pixel_frame& b) {
                return std::tie(a.index, a.complete_ns, a.block) <
                       std::tie(b.index, b.complete_ns, b.block);
              });
}

// Blocks and the union of the VAE spans overlap nowhere when the length of everything's union is
// the sum of theirs.
void clip_index::find_overlaps() {
  for (clip& c : clips_) {
    std::vector<interval> vae;
    for (const joined_vae_span& v : c.vae) vae.push_back(v.time);
    std::vector<interval> all = vae;
    std::int64_t sum_ns = interval_set(std::move(vae)).total_ns();
    for (std::size_t at = c.first_block; at < c.end_block; ++at) {
      all.push_back(blocks_[at].time);
      sum_ns += blocks_[at].time.length_ns();
    }
    c.serial = interval_set(std::move(all)).total_ns() == sum_ns;
  }
}

const clip_index::numbered* clip_index::find(std::int64_t index, std::int64_t time_ns) const {
  const auto after =
      std::upper_bound(numbered_.begin(), numbered_.end(), std::pair{index, time_ns},
                       [](const std::pair<std::int64_t, std::int64_t>& wanted, const numbered& n) {
                         return wanted < std::pair<std::int64_t, std::int64_t>{n.index, n.start_ns};
                       });
  if (after == numbered_.begin() || (after - 1)->index != index) return nullptr;
  return &*(after - 1);
}

std::optional<std::size_t> clip_index::block_at(std::int32_t index, std::int64_t time_ns) const {
  const numbered* found = find(index, time_ns);
  return found == nullptr ? std::nullopt : found->position;
}

std::optional<std::size_t> clip_index::block_of_span(std::uint32_t span) const {
  const auto found =
      std::lower_bound(by_span_.begin(), by_span_.end(), std::pair{span, std::size_t{0}});
  if (found == by_span_.end() || found->first != span) return std::nullopt;
  return found->second;
}

// The last clip that had started by then, else the first clip.
std::size_t clip_index::clip_at(std::int64_t time_ns) const {
  const auto after =
      std::upper_bound(clips_.begin(), clips_.end(), time_ns,
                       [](std::int64_t time, const clip& c) { return time < c.start_ns; });
  return after == clips_.begin() ? 0 : static_cast<std::size_t>(after - clips_.begin()) - 1;
}

// The clip whose blocks stand under that span too, else by time.
std::size_t clip_index::clip_under(std::uint32_t parent, std::int64_t time_ns) const {
  const auto found =
      std::lower_bound(by_parent_.begin(), by_parent_.end(), std::pair{parent, std::size_t{0}});
  if (parent == no_span || found == by_parent_.end() || found->first != parent)
    return clip_at(time_ns);
  return found->second;
}

}  // namespace latency::analysis
