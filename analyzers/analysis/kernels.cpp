#include "analyzers/analysis/kernels.hpp"

#include <algorithm>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "latency/saturating.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {
namespace {

// A kernel and a memset may have one name.
std::uint64_t key_of(string_id name, device_op_kind kind) {
  return std::uint64_t{name} << 8 | static_cast<std::uint64_t>(kind);
}

class row_index {
 public:
  explicit row_index(std::vector<kernel_row>& rows) : rows_(rows) {}

  std::size_t of(string_id name, device_op_kind kind, bool from_totals) {
    const auto [entry, added] = index_.try_emplace(key_of(name, kind), rows_.size());
    if (added) {
      rows_.emplace_back();
      rows_.back().name = name;
      rows_.back().kind = kind;
      rows_.back().from_totals = from_totals;
    }
    return entry->second;
  }

 private:
  std::vector<kernel_row>& rows_;
  std::unordered_map<std::uint64_t, std::size_t> index_;
};

void add_duration(kernel_row& row, std::int64_t count, std::int64_t sum_ns, std::int64_t min_ns,
                  std::int64_t max_ns) {
  row.min_ns = row.count == 0 ? min_ns : std::min(row.min_ns, min_ns);
  row.max_ns = row.count == 0 ? max_ns : std::max(row.max_ns, max_ns);
  row.count = saturating_add(row.count, count);
  row.sum_ns = saturating_add(row.sum_ns, sum_ns);
}

// Launches of each shape, given in one row after the other.
void set_shapes(const recording& run, std::vector<std::pair<std::size_t, std::int32_t>>& launches,
                std::vector<kernel_row>& rows) {
  std::sort(launches.begin(), launches.end());
  std::size_t most = 0;  // launches of the commonest shape of the row
  for (std::size_t first = 0, last = 0; first < launches.size(); first = last) {
    while (last < launches.size() && launches[last] == launches[first]) ++last;
    kernel_row& row = rows[launches[first].first];
    if (row.shapes++ == 0) most = 0;
    if (last - first <= most) continue;
    most = last - first;
    row.shape = run.launch_shapes[static_cast<std::size_t>(launches[first].second)];
  }
}

void add_ops(const recording& run, const device_accounting& devices, kernel_table& table) {
  row_index rows(table.rows);
  constexpr std::size_t left_out = SIZE_MAX;
  std::vector<std::size_t> row_of(run.device_ops.size(), left_out);
  std::vector<std::pair<std::size_t, std::int32_t>> launches;
  for (std::size_t i = 0; i < run.device_ops.size(); ++i) {
    const device_op& op = run.device_ops[i];
    const device_op_account& account = devices.ops()[i];
    if (op.kind == device_op_kind::memcpy || !account.placed()) continue;
    row_of[i] = rows.of(op.name, op.kind, false);
    kernel_row& row = table.rows[row_of[i]];
    const std::int64_t duration_ns = op.end_ns - op.start_ns;
    add_duration(row, 1, duration_ns, duration_ns, duration_ns);
    row.share_ns = row.share_ns.value_or(0) + account.share_ns;
    if (op.shape >= 0 && static_cast<std::size_t>(op.shape) < run.launch_shapes.size())
      launches.emplace_back(row_of[i], op.shape);
  }
  set_shapes(run, launches, table.rows);

  // Durations of one row side by side in one array.
  std::vector<std::size_t> next(table.rows.size() + 1, 0);
  for (std::size_t r = 0; r < table.rows.size(); ++r)
    next[r + 1] = next[r] + static_cast<std::size_t>(table.rows[r].count);
  std::vector<double> durations_ns(next.back());
  for (std::size_t i = 0; i < row_of.size(); ++i)
    if (row_of[i] != left_out)
      durations_ns[next[row_of[i]]++] =
          static_cast<double>(run.device_ops[i].end_ns - run.device_ops[i].start_ns);
  std::size_t first = 0;
  for (kernel_row& row : table.rows) {
    const auto count = static_cast<std::size_t>(row.count);
    row.p95_ns = percentile(std::span(durations_ns).subspan(first, count), 95);
    first += count;
  }
  for (const device_account& d : devices.devices())
    table.window_ns = saturating_add(table.window_ns, d.window.length_ns());
}

// Of values that are each there `second` times, in order; as statistics.hpp does it for single
// ones.
std::optional<double> p95_of(const std::vector<std::pair<std::int64_t, std::int64_t>>& values) {
  std::int64_t n = 0;
  for (const auto& [value, count] : values) n = saturating_add(n, count);
  if (n <= 0) return std::nullopt;
  const double position = static_cast<double>(n - 1) * 0.95;
  const auto below = static_cast<std::int64_t>(position);
  const auto at = [&](std::int64_t rank) {
    std::int64_t seen = 0;
    for (const auto& [value, count] : values) {
      seen = saturating_add(seen, count);
      if (rank < seen) return static_cast<double>(value);
    }
    return static_cast<double>(values.back().first);
  };
  return detail::interpolate(at(below), at(std::min(below + 1, n - 1)),
                             position - static_cast<double>(below));
}

void add_totals(const recording& run, kernel_table& table) {
  row_index rows(table.rows);
  constexpr std::size_t left_out = SIZE_MAX;
  std::vector<std::size_t> row_of(run.device_totals.size(), left_out);
  for (std::size_t t = 0; t < run.device_totals.size(); ++t) {
    const device_total& total = run.device_totals[t];
    if (total.kind == device_op_kind::memcpy || total.count <= 0) continue;
    row_of[t] = rows.of(total.name, total.kind, true);
    add_duration(table.rows[row_of[t]], total.count, total.sum_ns, total.min_ns, total.max_ns);
  }
  std::vector<std::tuple<std::size_t, std::int64_t, std::int64_t>> buckets;
  for (const duration_bucket& bucket : run.device_histograms)
    if (bucket.total < row_of.size() && row_of[bucket.total] != left_out && bucket.count > 0)
      buckets.emplace_back(row_of[bucket.total], bucket.least_ns, bucket.count);
  std::sort(buckets.begin(), buckets.end());
  for (std::size_t first = 0, last = 0; first < buckets.size(); first = last) {
    kernel_row& row = table.rows[std::get<0>(buckets[first])];
    std::vector<std::pair<std::int64_t, std::int64_t>> values;
    for (; last < buckets.size() && std::get<0>(buckets[last]) == std::get<0>(buckets[first]);
         ++last)
      values.emplace_back(std::clamp(std::get<1>(buckets[last]), std::min(row.min_ns, row.max_ns),
                                     std::max(row.min_ns, row.max_ns)),
                          std::get<2>(buckets[last]));
    row.p95_ns = p95_of(values);
  }
}

}  // namespace

kernel_table kernels(const recording& run, const device_accounting& devices) {
  kernel_table table;
  add_ops(run, devices, table);
  add_totals(run, table);
  for (const kernel_row& row : table.rows) {
    table.count = saturating_add(table.count, row.count);
    table.sum_ns = saturating_add(table.sum_ns, row.sum_ns);
    table.share_ns = saturating_add(table.share_ns, row.share_ns.value_or(0));
  }
  std::sort(table.rows.begin(), table.rows.end(), [&](const kernel_row& a, const kernel_row& b) {
    return std::make_tuple(b.share_ns.value_or(0), b.sum_ns, std::string_view(run.strings[a.name]),
                           a.kind) < std::make_tuple(a.share_ns.value_or(0), a.sum_ns,
                                                     std::string_view(run.strings[b.name]), b.kind);
  });
  return table;
}

}  // namespace latency::analysis
