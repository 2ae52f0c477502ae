#include <fmt/format.h>

#include <algorithm>

#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::line;
using render::section;
using render::table;

namespace {

table operation_table(const breakdown_report& report) {
  table result{"cache_operations",
               "By operation; rows nest, so they do not add up",
               {{"operation", "operation", unit::text},
                {"inside", "inside", unit::text},
                {"count", "count", unit::integer},
                {"hit", "hit rate", unit::ratio, true},
                {"attended_tokens", "attended tokens", unit::integer},
                {"reused_tokens", "reused tokens", unit::integer},
                {"rewritten_tokens", "rewritten tokens", unit::integer},
                {"moved", "moved", unit::bytes}},
               {},
               2};
  const auto& strings = report.run.strings;
  for (const analysis::cache_operation& op : report.cache.operations)
    result.rows.push_back({strings[op.name],
                           op.parent_name ? cell(strings[*op.parent_name]) : cell(), op.count,
                           optional_cell(op.tokens.hit_rate()), op.tokens.attended,
                           op.tokens.reused, op.tokens.rewritten, op.bytes});
  return result;
}

render::figure figure_of(const analysis::evidence& evidence) {
  const std::string key = as_key(evidence.what);
  const auto whole = static_cast<std::int64_t>(evidence.value);
  switch (evidence.in) {
    case analysis::unit::nanoseconds:
      return {key, unit::duration_ns, evidence.value};
    case analysis::unit::share:
      return {key, unit::ratio, evidence.value};
    case analysis::unit::ratio:
    case analysis::unit::count:
    case analysis::unit::tokens:
    case analysis::unit::latent_frames:
      break;
  }
  if (static_cast<double>(whole) == evidence.value) return {key, unit::integer, whole};
  return {key, unit::number, evidence.value};
}

}  // namespace

section kv_cache_section(const breakdown_report& report) {
  const analysis::kv_cache_report& cache = report.cache;
  section result{"kv_cache", "KV cache", {}};
  auto& items = result.items;
  if (const auto hit_rate = cache.tokens.hit_rate())
    items.emplace_back(plain_line("hit rate {}: {} tokens reused of {} attended; {} rewritten",
                                  {{"hit", unit::ratio, *hit_rate},
                                   {"reused_tokens", unit::integer, cache.tokens.reused},
                                   {"attended_tokens", unit::integer, cache.tokens.attended},
                                   {"rewritten_tokens", unit::integer, cache.tokens.rewritten}}));
  else
    items.emplace_back(absent_line("hit rate: no span has the attribute attended_tokens"));
  if (cache.bytes > 0)
    items.emplace_back(
        plain_line("{} moved by cache operations", {{"moved", unit::bytes, cache.bytes}}));
  if (cache.resets.count > 0)
    items.emplace_back(
        plain_line("{} resets ({} per block) of {} took {}",
                   {{"resets", unit::integer, cache.resets.count},
                    {"resets_per_block", unit::number, optional_cell(cache.resets.per_block)},
                    {"reset", unit::bytes, cache.resets.bytes},
                    {"reset_time", unit::duration_ns, cache.resets.time_ns}}));
  if (cache.prompts) {
    const double lookups = static_cast<double>(cache.prompts->lookups);
    items.emplace_back(plain_line(
        "prompt cache: {} of {} look-ups hit, {}",
        {{"prompt_cache_hits", unit::integer, cache.prompts->hits},
         {"prompt_cache_lookups", unit::integer, cache.prompts->lookups},
         {"prompt_cache_hit", unit::ratio,
          lookups > 0 ? cell(static_cast<double>(cache.prompts->hits) / lookups) : cell()}}));
  } else {
    items.emplace_back(absent_line("prompt cache: no span has the attribute prompt_cache_hit"));
  }
  const bool known = std::any_of(
      cache.operations.begin(), cache.operations.end(), [](const analysis::cache_operation& op) {
        return (op.tokens.attended | op.tokens.reused | op.tokens.rewritten | op.bytes) != 0;
      });
  if (known) items.emplace_back(operation_table(report));
  return result;
}

section advice_section(const breakdown_report& report) {
  section result{"advice", "Advice", {}};
  for (const analysis::advice& entry : report.advice) {
    std::string_view finding = entry.finding;
    if (!finding.empty() && finding.back() == '.') finding.remove_suffix(1);
    line text{std::string(finding) + " (", {}, tone::warning};
    for (const analysis::evidence& evidence : entry.because) {
      text.text += fmt::format("{}{} {{}}", text.figures.empty() ? "" : ", ", evidence.what);
      text.figures.push_back(figure_of(evidence));
    }
    text.text += fmt::format("; worth saying above {{}}). {}", entry.suggestion);
    analysis::evidence threshold = entry.because.front();
    threshold.value = entry.threshold;
    text.figures.push_back(figure_of(threshold));
    text.figures.back().key += "_threshold";
    result.items.emplace_back(std::move(text));
  }
  if (result.items.empty()) result.items.emplace_back(line{"nothing stands out", {}, tone::good});
  return result;
}

}  // namespace latency::commands
