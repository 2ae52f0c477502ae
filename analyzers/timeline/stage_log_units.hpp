#pragma once
// In which unit the samples of a stage log are, whatever their label says.

#include "analyzers/timeline/stage_log.hpp"

namespace latency::timeline {

[[nodiscard]] double nanoseconds_in(log_unit unit) noexcept;

// The duration, or nothing when it is negative, not finite or beyond time_limit_ns.
[[nodiscard]] std::optional<std::int64_t> duration_ns_of(double value, log_unit unit) noexcept;

// Chooses the unit of each series, or takes the one that is `given`, and sets the durations of all
// samples. The stages' own times are trusted: their unit is fixed by the pipeline.
void settle_units(stage_log& log, std::optional<log_unit> given);

}  // namespace latency::timeline
