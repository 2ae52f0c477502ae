#include "analyzers/timeline/stage_log_units.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "latency/saturating.hpp"

namespace latency::timeline {
namespace {

constexpr log_unit all_units[] = {log_unit::nanoseconds, log_unit::microseconds,
                                  log_unit::milliseconds, log_unit::seconds};

// What code prints from inside a stage is a part of it worth printing. Units are a factor of 1000
// apart, so that by at most one of them the samples can be such a part, and then they are less than
// a thousandth of their stage by the next smaller one.
constexpr double least_part = 0.01;
constexpr double most_part = 1.05;  // the printing code's clock is not the stage's

double ratio(log_unit unit, log_unit to) noexcept {
  return nanoseconds_in(unit) / nanoseconds_in(to);
}

bool plausible(double share) noexcept {
  return share >= least_part && share <= most_part;
}

// Adds up each series' samples, in nanoseconds by their label, and the stages around them.
struct totals {
  double samples_ns = 0;
  double stages_ns = 0;
  double longest_part = 0;  // of its stage, that one sample takes
};

std::vector<totals> totals_of(const stage_log& log) {
  std::vector<totals> result(log.series.size());
  std::vector<const stage_run*> last_in(log.series.size(), nullptr);
  for (const stage_round& round : log.rounds) {
    for (const stage_run& stage : round.stages) {
      if (!stage.duration_ns || *stage.duration_ns == 0) continue;
      for (const log_sample& sample : stage.samples) {
        totals& sums = result[sample.series];
        const auto stage_ns = static_cast<double>(*stage.duration_ns);
        const double ns = sample.value * nanoseconds_in(log.series[sample.series].labelled);
        sums.samples_ns += ns;
        sums.longest_part = std::max(sums.longest_part, ns / stage_ns);
        if (last_in[sample.series] != &stage) sums.stages_ns += stage_ns;
        last_in[sample.series] = &stage;
      }
    }
  }
  return result;
}

void settle(sample_series& series, const totals& sums, std::optional<log_unit> given) {
  series.used = given.value_or(series.labelled);
  series.basis = given ? sample_series::unit_basis::given : sample_series::unit_basis::labelled;
  if (sums.stages_ns == 0) return;
  const double labelled_share = sums.samples_ns / sums.stages_ns;
  const auto share_in = [&](log_unit unit) {
    return labelled_share * ratio(unit, series.labelled);
  };
  const auto may_be_of_several_ranks = [&](log_unit unit) {
    return share_in(unit) > most_part &&
           sums.longest_part * ratio(unit, series.labelled) <= most_part;
  };
  if (!given && !plausible(labelled_share)) {
    for (const log_unit unit : all_units) {
      if (may_be_of_several_ranks(unit)) series.of_several_ranks = unit;
      if (!plausible(share_in(unit))) continue;
      series.used = unit;
      series.basis = sample_series::unit_basis::detected;
    }
    if (series.basis == sample_series::unit_basis::detected)
      series.of_several_ranks.reset();
    else if (series.of_several_ranks)
      series.basis = sample_series::unit_basis::doubtful;
  }
  series.labelled_share = labelled_share;
  series.used_share = share_in(series.used);
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %%", share * 100);
  return text;
}

}  // namespace

const char* symbol_of(log_unit unit) noexcept {
  switch (unit) {
    case log_unit::nanoseconds:
      return "ns";
    case log_unit::microseconds:
      return "us";
    case log_unit::milliseconds:
      return "ms";
    case log_unit::seconds:
      break;
  }
  return "s";
}

std::optional<log_unit> log_unit_of(std::string_view symbol) noexcept {
  if (symbol == "\xc2\xb5s" || symbol == "\xce\xbcs") return log_unit::microseconds;  // micro, mu
  for (const log_unit unit : all_units)
    if (symbol == symbol_of(unit)) return unit;
  return std::nullopt;
}

double nanoseconds_in(log_unit unit) noexcept {
  switch (unit) {
    case log_unit::nanoseconds:
      return 1;
    case log_unit::microseconds:
      return 1e3;
    case log_unit::milliseconds:
      return 1e6;
    case log_unit::seconds:
      break;
  }
  return 1e9;
}

std::optional<std::int64_t> duration_ns_of(double value, log_unit unit) noexcept {
  const double ns = value * nanoseconds_in(unit);
  if (!(ns >= 0 && ns <= static_cast<double>(time_limit_ns))) return std::nullopt;
  return std::llround(ns);
}

void settle_units(stage_log& log, std::optional<log_unit> given) {
  const std::vector<totals> sums = totals_of(log);
  for (std::size_t i = 0; i < log.series.size(); ++i) settle(log.series[i], sums[i], given);
  const auto set_duration = [&](log_sample& sample) {
    sample.duration_ns =
        duration_ns_of(sample.value, log.series[sample.series].used).value_or(time_limit_ns);
  };
  for (stage_round& round : log.rounds)
    for (stage_run& stage : round.stages)
      std::for_each(stage.samples.begin(), stage.samples.end(), set_duration);
  std::for_each(log.stray_samples.begin(), log.stray_samples.end(), set_duration);
}

std::string unit_note(const sample_series& series) {
  const std::string labelled = symbol_of(series.labelled), used = symbol_of(series.used);
  std::string note = series.name + ": " + std::to_string(series.count) +
                     (series.count == 1 ? " sample" : " samples") + " labelled " + labelled +
                     (series.count == 1 ? " is" : " are") + " read as " + used;
  if (series.basis == sample_series::unit_basis::given) note += ", as asked for";
  if (!series.labelled_share)
    return note + (series.basis == sample_series::unit_basis::given
                       ? ""
                       : ": no completed stage is around them to check it against");
  note += ": ";
  if (series.used != series.labelled)
    note += "as " + labelled + " they would be " + percent(*series.labelled_share) +
            " of their stages, ";
  note += "as " + used + " they are " + percent(*series.used_share);
  if (series.used == series.labelled) note += " of their stages";
  if (!series.of_several_ranks) return note;
  if (*series.of_several_ranks != series.used)
    note += std::string(", as ") + symbol_of(*series.of_several_ranks) + " they would be " +
            percent(*series.labelled_share * ratio(*series.of_several_ranks, series.labelled));
  return note + ": are they of several ranks?";
}

}  // namespace latency::timeline
