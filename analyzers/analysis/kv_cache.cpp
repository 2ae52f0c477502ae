#include "analyzers/analysis/kv_cache.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "analyzers/analysis/span_names.hpp"
#include "latency/saturating.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {
namespace {

// What one span says about the cache. Bits of `carries` tell which of the values it has.
struct cache_values {
  enum : std::uint8_t { attended = 1, reused = 2, rewritten = 4, bytes = 8 };
  std::uint8_t carries = 0;
  token_counts tokens;
  std::int64_t moved_bytes = 0;
  std::optional<std::int64_t> prompt_cache_hit;
};

class kv_cache_analysis {
 public:
  kv_cache_analysis(const recording& run, const span_tree& tree)
      : run_(run),
        tree_(tree),
        roles_(run.strings),
        attended_key_(run.strings.find("attended_tokens")),
        reused_key_(run.strings.find("reused_tokens")),
        rewritten_key_(run.strings.find("rewritten_tokens")),
        bytes_key_(run.strings.find("bytes")),
        prompt_cache_key_(run.strings.find("prompt_cache_hit")) {}

  kv_cache_report report() {
    add_spans();
    finish_operations();
    report_.attention = cost_of_attention();
    std::int64_t blocks = 0;
    for (const block& b : run_.blocks) {
      const std::uint32_t span = tree_.find(b.span);
      if (span == no_span || !tree_[span].warm_up) ++blocks;
    }
    if (blocks > 0)
      report_.resets.per_block =
          static_cast<double>(report_.resets.count) / static_cast<double>(blocks);
    return std::move(report_);
  }

 private:
  struct forward {  // one span that attends to tokens
    string_id name;
    std::int64_t rewritten;
    std::int64_t attended;
    std::int64_t duration_ns;
    bool operator<(const forward& other) const {
      return std::tie(name, rewritten, attended, duration_ns) <
             std::tie(other.name, other.rewritten, other.attended, other.duration_ns);
    }
  };

  cache_values values_of(const span& s) const {
    cache_values values;
    for (std::uint64_t i = s.attributes.first; i < s.attributes.first + s.attributes.count; ++i) {
      const recorded_attribute& a = run_.attributes[i];
      if (a.type != recorded_attribute::kind::integer) continue;
      if (a.key == attended_key_) {
        values.tokens.attended = a.integer;
        values.carries |= cache_values::attended;
      } else if (a.key == reused_key_) {
        values.tokens.reused = a.integer;
        values.carries |= cache_values::reused;
      } else if (a.key == rewritten_key_) {
        values.tokens.rewritten = a.integer;
        values.carries |= cache_values::rewritten;
      } else if (a.key == bytes_key_) {
        values.moved_bytes = a.integer;
        values.carries |= cache_values::bytes;
      } else if (a.key == prompt_cache_key_) {
        values.prompt_cache_hit = a.integer;
      }
    }
    return values;
  }

  void add_spans() {
    // Which values a span or one around it on its thread carries: those below it count no more.
    std::vector<std::uint8_t> carried(run_.spans.size(), 0);
    for (const std::uint32_t s : tree_.preorder()) {
      const span& row = run_.spans[s];
      const std::uint32_t parent = tree_[s].parent;
      const bool same_thread = parent != no_span && run_.spans[parent].thread == row.thread;
      const std::uint8_t around = same_thread ? carried[parent] : std::uint8_t{0};
      carried[s] = around;
      if (tree_[s].warm_up) continue;
      const cache_values values = values_of(row);
      if (values.prompt_cache_hit) add_prompt_lookup(*values.prompt_cache_hit != 0);
      const bool tokens = (values.carries & ~cache_values::bytes) != 0;
      if (!tokens && !is_cache_operation(roles_[row.name])) continue;
      carried[s] = around | values.carries;
      add_operation(s, values);
      add_totals(s, values, static_cast<std::uint8_t>(values.carries & ~around));
    }
  }

  void add_prompt_lookup(bool hit) {
    if (!report_.prompts) report_.prompts.emplace();
    ++report_.prompts->lookups;
    report_.prompts->hits += hit ? 1 : 0;
  }

  static void add(std::int64_t& sum, std::int64_t value) { sum = saturating_add(sum, value); }

  void add_operation(std::uint32_t s, const cache_values& values) {
    const std::uint32_t parent = tree_[s].parent;
    const std::uint64_t parent_part =
        parent == no_span ? 0 : std::uint64_t{run_.spans[parent].name} + 1;
    cache_operation& op = operations_[parent_part << 32 | run_.spans[s].name];
    op.name = run_.spans[s].name;
    if (parent != no_span) op.parent_name = run_.spans[parent].name;
    ++op.count;
    op.inclusive_ns += tree_[s].inclusive_ns();
    add(op.tokens.attended, values.tokens.attended);
    add(op.tokens.reused, values.tokens.reused);
    add(op.tokens.rewritten, values.tokens.rewritten);
    add(op.bytes, values.moved_bytes);
  }

  // `outermost`: bits of the values that nothing around the span carries.
  void add_totals(std::uint32_t s, const cache_values& values, std::uint8_t outermost) {
    if ((outermost & cache_values::attended) != 0) {
      add(report_.tokens.attended, values.tokens.attended);
      forwards_.push_back({run_.spans[s].name, values.tokens.rewritten, values.tokens.attended,
                           tree_[s].inclusive_ns()});
    }
    if ((outermost & cache_values::reused) != 0) add(report_.tokens.reused, values.tokens.reused);
    if ((outermost & cache_values::rewritten) != 0)
      add(report_.tokens.rewritten, values.tokens.rewritten);
    if ((outermost & cache_values::bytes) != 0) add(report_.bytes, values.moved_bytes);
    if (roles_[run_.spans[s].name] == span_role::cache_reset) {
      ++report_.resets.count;
      report_.resets.time_ns += tree_[s].inclusive_ns();
      add(report_.resets.bytes, values.moved_bytes);
    }
  }

  void finish_operations() {
    for (const auto& entry : operations_) report_.operations.push_back(entry.second);
    const std::string none;
    const auto parent_text = [&](const cache_operation& op) -> const std::string& {
      return op.parent_name ? run_.strings[*op.parent_name] : none;
    };
    std::sort(report_.operations.begin(), report_.operations.end(),
              [&](const cache_operation& a, const cache_operation& b) {
                return std::tie(b.inclusive_ns, run_.strings[a.name], parent_text(a)) <
                       std::tie(a.inclusive_ns, run_.strings[b.name], parent_text(b));
              });
  }

  std::optional<attention_cost> cost_of_attention() {
    std::sort(forwards_.begin(), forwards_.end());
    std::optional<attention_cost> best;
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; first < forwards_.size(); first = last) {
      while (last < forwards_.size() && forwards_[last].name == forwards_[first].name &&
             forwards_[last].rewritten == forwards_[first].rewritten)
        ++last;
      if (last - first <= most) continue;
      if (const auto cost = cost_between(first, last)) {
        best = cost;
        most = last - first;
      }
    }
    return best;
  }

  // Of forwards_[first, last): one name, as many tokens rewritten, sorted by tokens attended.
  std::optional<attention_cost> cost_between(std::size_t first, std::size_t last) const {
    attention_cost cost;
    cost.name = forwards_[first].name;
    cost.low_tokens = forwards_[first].attended;
    cost.high_tokens = forwards_[last - 1].attended;
    if (cost.low_tokens <= 0 || cost.low_tokens == cost.high_tokens) return std::nullopt;
    std::vector<std::int64_t> low_ns;
    std::vector<std::int64_t> high_ns;
    for (std::size_t i = first; i < last; ++i) {
      if (forwards_[i].attended == cost.low_tokens) low_ns.push_back(forwards_[i].duration_ns);
      if (forwards_[i].attended == cost.high_tokens) high_ns.push_back(forwards_[i].duration_ns);
    }
    cost.low_n = static_cast<std::int64_t>(low_ns.size());
    cost.high_n = static_cast<std::int64_t>(high_ns.size());
    if (std::min(cost.low_n, cost.high_n) < attention_cost_minimum_n) return std::nullopt;
    cost.low_median_ns = median(low_ns);
    cost.high_median_ns = median(high_ns);
    if (cost.high_median_ns <= 0) return std::nullopt;
    const double per_token_ns = (cost.high_median_ns - cost.low_median_ns) /
                                static_cast<double>(cost.high_tokens - cost.low_tokens);
    cost.attention_share = std::clamp(
        per_token_ns * static_cast<double>(cost.high_tokens) / cost.high_median_ns, 0.0, 1.0);
    return cost;
  }

  const recording& run_;
  const span_tree& tree_;
  span_roles roles_;
  string_id attended_key_;
  string_id reused_key_;
  string_id rewritten_key_;
  string_id bytes_key_;
  string_id prompt_cache_key_;
  std::unordered_map<std::uint64_t, cache_operation> operations_;
  std::vector<forward> forwards_;
  kv_cache_report report_;
};

}  // namespace

kv_cache_report kv_cache(const recording& run, const span_tree& tree) {
  return kv_cache_analysis(run, tree).report();
}

}  // namespace latency::analysis
