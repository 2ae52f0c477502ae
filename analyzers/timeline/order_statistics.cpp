#include "analyzers/timeline/order_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace latency::timeline {
namespace {

// By rank; the ranks that the summary does not determine are empty.
using known_ranks = std::vector<std::optional<double>>;

// Two ranks with a percentile between them that are set to it both: they may be further apart.
struct spreadable {
  std::size_t below;
  double part;  // of the way to the next rank, where the percentile is
};

// Makes the percentile at `q` what it must be, by the ranks on both sides of it.
void fix(known_ranks& ranks, std::vector<spreadable>& pairs, double q, double value_ns) {
  const double place = q * static_cast<double>(ranks.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double part = place - static_cast<double>(below);
  constexpr double next_to_nothing = 1e-9;
  const double least = *ranks.front(), most = *ranks.back();
  auto& low = ranks[below];
  if (part < next_to_nothing || below + 1 == ranks.size()) {
    if (!low) low = std::clamp(value_ns, least, most);
    return;
  }
  auto& high = ranks[below + 1];
  if (!low && !high) {
    low = high = std::clamp(value_ns, least, most);
    pairs.push_back({below, part});
  }
  // From the top down: where one of the two is known, it is the higher one.
  if (!low) low = std::clamp((value_ns - part * *high) / (1 - part), least, most);
}

struct filled_ranks {
  std::vector<double> values_ns;
  std::vector<std::size_t> free;  // what the summary does not determine
};

// The others lie on lines between those that are known, moved towards the lower or the higher of
// their neighbours until the sum is right.
filled_ranks fill(const known_ranks& ranks, double total_ns) {
  filled_ranks result;
  result.values_ns.reserve(ranks.size());
  std::vector<double> room_down, room_up;
  double sum_ns = 0, all_down = 0, all_up = 0;
  for (std::size_t low = 0; low < ranks.size();) {
    result.values_ns.push_back(*ranks[low]);
    std::size_t high = low + 1;
    while (high < ranks.size() && !ranks[high]) ++high;
    for (std::size_t i = low + 1; i < high && high < ranks.size(); ++i) {
      const double rise = *ranks[high] - *ranks[low];
      const double part = static_cast<double>(i - low) / static_cast<double>(high - low);
      result.values_ns.push_back(*ranks[low] + part * rise);
      result.free.push_back(i);
      room_down.push_back(part * rise);
      room_up.push_back((1 - part) * rise);
      all_down += room_down.back();
      all_up += room_up.back();
    }
    low = high;
  }
  for (const double value_ns : result.values_ns) sum_ns += value_ns;
  const double missing_ns = total_ns - sum_ns;
  const bool up = missing_ns > 0;
  const double all = up ? all_up : all_down;
  const double share = all > 0 ? std::clamp(missing_ns / all, -1.0, 1.0) : 0;
  for (std::size_t i = 0; i < result.free.size(); ++i)
    result.values_ns[result.free[i]] += share * (up ? room_up : room_down)[i];
  return result;
}

// Where the others alone cannot make the sum right, moves pairs apart, which leaves their
// percentile where it is.
void spread(std::vector<double>& values_ns, const std::vector<spreadable>& pairs, double total_ns) {
  for (const auto& [below, part] : pairs) {
    double missing_ns = total_ns;
    for (const double value_ns : values_ns) missing_ns -= value_ns;
    const double effect = 1 - 2 * part;  // on the sum, of a nanosecond between them
    if (missing_ns * effect <= 0) continue;
    double& low = values_ns[below];
    double& high = values_ns[below + 1];
    const double room_ns =
        std::min((low - values_ns[below - 1]) / part, (values_ns[below + 2] - high) / (1 - part));
    const double apart_ns = std::min(room_ns, missing_ns / effect);
    low -= part * apart_ns;
    high += (1 - part) * apart_ns;
  }
}

}  // namespace

std::vector<std::int64_t> durations_with(const kept_summary& kept) {
  const auto count = static_cast<std::size_t>(kept.count);
  const auto total_ns = static_cast<double>(kept.total_ns);
  if (count == 0) return {};
  if (count == 1) return {kept.total_ns};
  known_ranks ranks(count);
  std::vector<spreadable> pairs;
  ranks.front() = static_cast<double>(kept.min_ns);
  ranks.back() = static_cast<double>(std::max(kept.max_ns, kept.min_ns));
  // The outer ones first: beside the maximum they have a rank of their own.
  fix(ranks, pairs, 0.99, static_cast<double>(kept.p99_ns));
  fix(ranks, pairs, 0.95, static_cast<double>(kept.p95_ns));
  fix(ranks, pairs, 0.5, static_cast<double>(kept.median_ns));
  filled_ranks filled = fill(ranks, total_ns);
  spread(filled.values_ns, pairs, total_ns);

  double sum_ns = 0;
  for (const double value_ns : filled.values_ns) sum_ns += value_ns;
  // What rounding in the file explains is not worth moving the percentiles for.
  const bool contradicts = std::abs(sum_ns - total_ns) > 1000.0 + 1e-6 * total_ns;
  std::vector<std::int64_t> result;
  result.reserve(count);
  for (const double value_ns : filled.values_ns)
    result.push_back(std::llround(!contradicts ? value_ns
                                  : sum_ns > 0 ? value_ns * (total_ns / sum_ns)
                                               : total_ns / static_cast<double>(count)));
  // The last nanoseconds of the sum, from where nothing is known anyhow.
  if (!contradicts && !filled.free.empty()) {
    std::int64_t rest_ns = kept.total_ns;
    for (const std::int64_t value_ns : result) rest_ns -= value_ns;
    const auto most = static_cast<std::int64_t>(filled.free.size());
    for (std::size_t i = 0; i < filled.free.size(); ++i)
      result[filled.free[i]] =
          std::clamp(result[filled.free[i]] + rest_ns / most +
                         (static_cast<std::int64_t>(i) < rest_ns % most ? 1 : 0),
                     kept.min_ns, std::max(kept.min_ns, kept.max_ns));
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace latency::timeline
