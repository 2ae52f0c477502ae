#include "analyzers/analysis/switch_split.hpp"

#include <algorithm>
#include <utility>

#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

// A window of time from which parts are taken until nothing is left.
class remaining_time {
 public:
  explicit remaining_time(interval window) : left_{window} {}

  // Takes what the intervals cover of the rest, and returns how much that was.
  std::int64_t take(std::vector<interval> intervals) {
    const interval_set taken(std::move(intervals));
    std::vector<interval> rest;
    std::int64_t taken_ns = 0;
    for (const interval& piece : left_) {
      std::int64_t from_ns = piece.start_ns;
      for (const interval& t : taken.intervals()) {
        const std::int64_t start_ns = std::max(t.start_ns, from_ns);
        const std::int64_t end_ns = std::min(t.end_ns, piece.end_ns);
        if (start_ns >= end_ns) continue;
        if (from_ns < start_ns) rest.push_back({from_ns, start_ns});
        taken_ns += end_ns - start_ns;
        from_ns = end_ns;
      }
      if (from_ns < piece.end_ns) rest.push_back({from_ns, piece.end_ns});
    }
    left_ = std::move(rest);
    return taken_ns;
  }

  // Takes all that is left before `time_ns`.
  std::int64_t take_before(std::int64_t time_ns) { return take({{-time_limit_ns, time_ns}}); }

  std::int64_t take_rest() { return take_before(time_limit_ns); }

 private:
  std::vector<interval> left_;  // disjoint, in order
};

}  // namespace

switch_splitter::switch_splitter(const recording& run, const span_tree& tree,
                                 const span_roles& roles, const clip_index& index)
    : run_(run), tree_(tree), roles_(roles), index_(index), vae_of_block_(index.blocks().size()) {
  for (std::uint32_t i = 0; i < run.spans.size(); ++i)
    if (roles[run.spans[i].name] == span_role::text_encoding && !tree[i].warm_up)
      text_encoding_.push_back(i);
  for (const clip& c : index.clips())
    for (const joined_vae_span& v : c.vae)
      if (v.block) vae_of_block_[*v.block].push_back(v);
}

switch_parts switch_splitter::split(interval window, const joined_switch& joined) const {
  const joined_block& b = index_.blocks()[joined.block];
  std::vector<interval> denoising;
  for (const std::uint32_t child : tree_.children(b.span))
    if (roles_[run_.spans[child].name] != span_role::switch_total)
      denoising.push_back(time_of(child));

  remaining_time left(window);
  switch_parts parts{};
  const auto part = [&parts](switch_part p) -> std::int64_t& {
    return parts[static_cast<std::size_t>(p)];
  };
  part(switch_part::cache_reset) = left.take(operations_of(joined, span_role::cache_reset));
  part(switch_part::recache_setup) = left.take(operations_of(joined, span_role::recache_setup));
  part(switch_part::recache_forward) = left.take(operations_of(joined, span_role::recache));
  part(switch_part::text_encoding) = left.take(text_encoding_of(joined));
  part(switch_part::denoising) = left.take(std::move(denoising));
  part(switch_part::decode) = left.take(decode_of(joined));
  part(switch_part::boundary_wait) = left.take_before(b.time.start_ns);
  part(switch_part::unaccounted) = left.take_before(b.time.end_ns);
  part(switch_part::display_queue) = left.take_rest();
  return parts;
}

delta_parts switch_splitter::split_delta(std::int64_t delta_ns, const joined_switch& joined) const {
  delta_parts parts{};
  const auto part = [&parts](delta_part p) -> std::int64_t& {
    return parts[static_cast<std::size_t>(p)];
  };
  std::int64_t in_switch_ns = 0;
  if (joined.span != no_span) {
    const interval block = index_.blocks()[joined.block].time;
    const interval own = time_of(joined.span);
    remaining_time left(
        {std::max(own.start_ns, block.start_ns), std::min(own.end_ns, block.end_ns)});
    part(delta_part::cache_reset) = left.take(operations_of(joined, span_role::cache_reset));
    part(delta_part::recache_setup) = left.take(operations_of(joined, span_role::recache_setup));
    part(delta_part::recache_forward) = left.take(operations_of(joined, span_role::recache));
    part(delta_part::rest_of_switch) = left.take_rest();
    for (const std::int64_t taken_ns : parts) in_switch_ns += taken_ns;
  }
  part(delta_part::rest_of_block) = delta_ns - in_switch_ns;
  return parts;
}

std::vector<interval> switch_splitter::operations_of(const joined_switch& joined,
                                                     span_role role) const {
  std::vector<interval> found;
  if (joined.span == no_span) return found;
  for (const std::uint32_t child : tree_.children(joined.span))
    if (roles_[run_.spans[child].name] == role) found.push_back(time_of(child));
  return found;
}

// Text encoding of the new segment: under the block's own root, or on a thread of its own, where it
// costs the switch only what it takes beyond the boundary.
std::vector<interval> switch_splitter::text_encoding_of(const joined_switch& joined) const {
  const string_id segment_key = run_.strings.find("segment");
  const std::int32_t segment = run_.switches[joined.row].segment;
  std::uint32_t root = index_.blocks()[joined.block].span;
  while (tree_[root].parent != no_span) root = tree_[root].parent;
  std::vector<interval> found;
  for (const std::uint32_t i : text_encoding_) {
    const bool beside = run_.spans[i].thread != run_.spans[root].thread;
    const bool own = tree_[i].parent == no_span || tree_.contains(root, i);
    if (!own || run_.integer_attribute(run_.spans[i].attributes, segment_key, segment) != segment)
      continue;
    interval time = time_of(i);
    if (beside)
      time.start_ns = std::max(time.start_ns, index_.blocks()[joined.block].time.start_ns);
    if (time.start_ns < time.end_ns) found.push_back(time);
  }
  return found;
}

// The VAE spans that produce the block's first pixel frame: those that carry its number, or, when
// the clip is decoded as a whole, the decode that holds its first latent frame and what goes with
// it.
std::vector<interval> switch_splitter::decode_of(const joined_switch& joined) const {
  const joined_block& b = index_.blocks()[joined.block];
  const clip& c = index_.clips()[b.clip];
  std::vector<interval> found;
  if (!c.whole_clip_decode) {
    for (const joined_vae_span& v : vae_of_block_[joined.block]) found.push_back(v.time);
    return found;
  }
  const std::int64_t wanted = run_.blocks[b.row].first_latent_frame;
  const auto whole = std::find_if(c.vae.begin(), c.vae.end(),
                                  [&](const joined_vae_span& v) { return decodes(v, wanted); });
  if (whole == c.vae.end()) return found;
  for (const joined_vae_span& v : c.vae)
    if (v.block == whole->block) found.push_back(v.time);
  return found;
}

// Without attributes that say otherwise, a decode of the whole clip holds every latent frame.
bool switch_splitter::decodes(const joined_vae_span& v, std::int64_t latent_frame) const {
  const span& s = run_.spans[v.span];
  if (roles_[s.name] != span_role::vae_decode) return false;
  constexpr std::int64_t absent = -1;
  const std::int64_t first =
      run_.integer_attribute(s.attributes, run_.strings.find("latent_frame"), absent);
  const std::int64_t count =
      run_.integer_attribute(s.attributes, run_.strings.find("latent_frames"), absent);
  if (first == absent || count == absent) return true;
  return latent_frame >= first && latent_frame - first < count;
}

}  // namespace latency::analysis
