#include "analyzers/analysis/kv_cache.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/analyzers/sample_run.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::ms;

namespace {

kv_cache_report kv_cache_of(const recording& run) {
  return kv_cache(run, span_tree(run));
}

const cache_operation& operation(const recording& run, const kv_cache_report& report,
                                 const std::string& name, const std::string& parent) {
  for (const cache_operation& op : report.operations)
    if (run.strings[op.name] == name && op.parent_name && run.strings[*op.parent_name] == parent)
      return op;
  FAIL("no operation " << name << " under " << parent);
  return report.operations.front();
}

}  // namespace

TEST_CASE("kv_cache: hit rate, tokens and bytes of the sample run") {
  const kv_cache_report report = kv_cache_of(test::sample_run());
  // Block 0: 3 forwards of 30 attended; blocks 1..6: 18 of 60, 30 reused; 2 recaches of 60.
  CHECK(report.tokens.attended == 90 + 1080 + 120);
  CHECK(report.tokens.reused == 540);
  CHECK(report.tokens.rewritten == 630 + 120);
  CHECK(report.tokens.hit_rate().value() == doctest::Approx(540.0 / 1290));
  CHECK(report.bytes == 2800);
}

TEST_CASE("kv_cache: operations by name and parent") {
  const recording run = test::sample_run();
  const kv_cache_report report = kv_cache_of(run);
  const cache_operation& recache =
      operation(run, report, "diffusion_forward", "prompt_switch_recache");
  CHECK(recache.count == 2);
  CHECK(recache.inclusive_ns == 74 * ms);
  CHECK(recache.tokens.attended == 120);
  CHECK(recache.tokens.hit_rate().value() == 0);
  const cache_operation& step =
      operation(run, report, "diffusion_forward", "interactive_denoising_step");
  CHECK(step.count == 7);
  CHECK(step.tokens.reused == 180);
  const cache_operation& reset =
      operation(run, report, "prompt_switch_kv_reset", "prompt_switch_total");
  CHECK(reset.bytes == 2000);
  CHECK(reset.inclusive_ns == 4 * ms);
  CHECK_FALSE(reset.tokens.hit_rate());
  CHECK(operation(run, report, "interactive_kv_cache_update", "temporal_block").inclusive_ns ==
        140 * ms);
  for (std::size_t i = 1; i < report.operations.size(); ++i)
    CHECK(report.operations[i - 1].inclusive_ns >= report.operations[i].inclusive_ns);
}

TEST_CASE("kv_cache: resets with their rate per block") {
  const kv_cache_report report = kv_cache_of(test::sample_run());
  CHECK(report.resets.count == 6);
  CHECK(report.resets.bytes == 2800);
  CHECK(report.resets.time_ns == 8 * ms);
  CHECK(report.resets.per_block.value() == doctest::Approx(6.0 / 7));
}

TEST_CASE("kv_cache: layer-level spans below a forward do not count twice in totals") {
  test::recording_builder made(100);
  const span_id forward =
      made.span("diffusion_forward", 0, 0, 50, {{"attended_tokens", 60}, {"reused_tokens", 30}});
  for (int layer = 0; layer < 2; ++layer) {
    made.span("self_attention", forward, 20 * layer, 20 * layer + 10,
              {{"attended_tokens", 60}, {"reused_tokens", 30}});
    made.span("kv_ring_write", forward, 20 * layer + 10, 20 * layer + 20, {{"bytes", 7}});
  }
  const kv_cache_report report = kv_cache_of(made.run());
  CHECK(report.tokens.attended == 60);
  CHECK(report.tokens.reused == 30);
  CHECK(report.bytes == 14);
  CHECK(operation(made.run(), report, "self_attention", "diffusion_forward").tokens.attended ==
        120);
}

TEST_CASE("kv_cache: bytes of spans that are no cache operations are not the cache's") {
  test::recording_builder made(100);
  made.span("load_weights", 0, 0, 50, {{"bytes", 1'000'000}});
  const kv_cache_report report = kv_cache_of(made.run());
  CHECK(report.bytes == 0);
  CHECK(report.operations.empty());
}

TEST_CASE("kv_cache: the growth of a forward with the window, from equal numbers of queries") {
  const recording run = test::sample_run();
  const kv_cache_report report = kv_cache_of(run);
  // Rewriting 30: attended 30 took 26 26 18, attended 60 took 31 31, ten of 36, six of 18.
  REQUIRE(report.attention);
  CHECK(run.strings[report.attention->name] == "diffusion_forward");
  CHECK(report.attention->low_tokens == 30);
  CHECK(report.attention->high_tokens == 60);
  CHECK(report.attention->low_n == 3);
  CHECK(report.attention->high_n == 18);
  CHECK(report.attention->low_median_ns == 26.0 * ms);
  CHECK(report.attention->high_median_ns == 36.0 * ms);
  CHECK(report.attention->attention_share == doctest::Approx(10.0 / 30 * 60 / 36));
}

TEST_CASE("kv_cache: too few forwards at one end say nothing about growth") {
  recording run = test::sample_run();
  const string_id attended = run.strings.find("attended_tokens");
  for (recorded_attribute& a : run.attributes)
    if (a.key == attended && a.integer == 30) {
      a.integer = 31;
      break;  // one forward at 31 is not the minimum any more, two stay at 30
    }
  CHECK_FALSE(kv_cache_of(run).attention);
}

TEST_CASE("kv_cache: prompt-cache hits only when the attribute exists") {
  CHECK_FALSE(kv_cache_of(test::sample_run()).prompts);
  test::recording_builder made(100);
  made.span("text_encoding", 0, 0, 10, {{"prompt_cache_hit", 0}});
  made.span("text_encoding", 0, 10, 11, {{"prompt_cache_hit", 1}});
  made.span("text_encoding", 0, 11, 12, {{"prompt_cache_hit", 1}});
  const auto prompts = kv_cache_of(made.run()).prompts;
  REQUIRE(prompts);
  CHECK(prompts->lookups == 3);
  CHECK(prompts->hits == 2);
}

TEST_CASE("kv_cache: warm-up is left out") {
  recording run = test::sample_run();
  for (span& s : run.spans)
    if (s.id == run.blocks[3].span) s.flags |= span_warm_up;
  const kv_cache_report report = kv_cache_of(run);
  CHECK(report.resets.count == 3);
  CHECK(report.resets.per_block.value() == doctest::Approx(3.0 / 6));
  CHECK(report.tokens.attended == 1290 - 180 - 60);
}
