// Any bytes are either read as a log of stages or refused with one line that names the file; what
// is read refers only to what is there, and its times are times.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/stage_log.hpp"
#include "latency/saturating.hpp"
#include "tests/fuzz/refusal.hpp"

namespace {

using namespace latency::timeline;

void require(bool holds) {
  if (!holds) std::abort();
}

std::int64_t check_samples(const stage_log& log, const std::vector<log_sample>& samples) {
  for (const log_sample& sample : samples) {
    require(sample.series < log.series.size());
    require(sample.duration_ns >= 0 && latency::is_time(sample.duration_ns) && sample.line > 0);
  }
  return static_cast<std::int64_t>(samples.size());
}

void check(const stage_log& log) {
  std::int64_t samples = check_samples(log, log.stray_samples), counted = 0;
  for (const stage_round& round : log.rounds) {
    require(!round.stages.empty());
    for (const stage_run& stage : round.stages) {
      require(!stage.stage.empty() && stage.start_line + stage.end_line > 0);
      require(!stage.duration_ns || latency::is_time(*stage.duration_ns));
      samples += check_samples(log, stage.samples);
    }
  }
  for (const sample_series& series : log.series) {
    counted += series.count;
    require(!unit_note(series).empty());
  }
  require(samples == counted);
  require(log.remarks.size() <= stage_log_remark_limit);
  if (!log.averages) return;
  for (const auto* row : {&log.averages->all_rounds_ns, &log.averages->after_warm_up_ns})
    require(row->empty() || row->size() == log.averages->stages.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)recognise(bytes);
  try {
    check(parse_stage_log(bytes, "fuzz"));
    check(parse_stage_log(bytes, "fuzz", static_cast<log_unit>(size % 4)));
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  return 0;
}
