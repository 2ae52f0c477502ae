#pragma once
// What was traced, as totals by path of spans and name, in memory that does not grow with the
// length of the run: the sink of a collector that aggregates.

#include <algorithm>
#include <cstdint>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../device_words.hpp"
#include "../histogram.hpp"
#include "../intern.hpp"
#include "device_writer.hpp"
#include "graph_attribution.hpp"
#include "journal_paths.hpp"
#include "span_paths.hpp"
#include "trace_clocks.hpp"
#include "trace_matcher.hpp"

namespace latency::detail {

class trace_totals : public trace_sink {
 public:
  static constexpr int histogram_digits = 2;
  static constexpr std::size_t capacity = 1u << 16;  // rows, of ops and of calls

  // `graphs`: tells of nodes of graphs where they were captured, as paths of the table; may be
  // null.
  trace_totals(const traced_apis& apis, trace_clocks& clocks, path_table& paths,
               graph_attribution* graphs)
      : apis_(apis), clocks_(clocks), paths_(paths), graphs_(graphs), journal_paths_(paths) {}

  void op(const traced_op& one, const traced_call* launch, std::uint64_t,
          unattributed_reason reason) override {
    if (!one.timed()) return;  // counted by the matcher
    clocks_.op(one);
    device_total key;
    key.path = launch == nullptr ? -1 : launch->path;
    const bool placed = key.path >= 0 || reason == unattributed_reason::conditional_body;
    if (one.graph_node != 0 && graphs_ != nullptr && placed)
      key.path = captured_path(key.path, graphs_->find(one.graph_node));
    key.device = one.device;
    key.kind = one.kind;
    key.direction = one.direction;
    key.reason = reason;
    const std::int64_t duration_ns = one.end_ns - one.start_ns;
    op_total& total = total_of(ops_, key, one.name);
    add(total.row, duration_ns);
    total.row.bytes = saturating_add(total.row.bytes, one.bytes);
    total.count_bucket(static_cast<std::uint32_t>(buckets_.bucket_of(duration_ns)));
  }

  void call(const traced_call& one, std::uint64_t, const call_place&) override {
    api_total key;
    key.path = one.path;
    key.kind = apis_[one.api].kind;
    // The ticks become nanoseconds when they are written: the clock's rate is known best then.
    add(total_of(calls_, key, apis_[one.api].name).row,
        static_cast<std::int64_t>(one.end_ticks - one.start_ticks));
  }

  // All totals into the journal. Inside recorder::write_device(). `ns_per_tick` of the session.
  void write(device_writer& out, double ns_per_tick) {
    std::vector<device_total> ops;
    std::vector<duration_bucket> histograms;
    std::vector<api_total> calls;
    for (const op_total& total : ops_.totals) {
      for (const auto& [bucket, count] : total.buckets)
        histograms.push_back(
            {static_cast<std::uint32_t>(ops.size()), buckets_.first_of(bucket), count});
      ops.push_back(total.row);
      ops.back().path = journal_paths_.number(total.row.path, out);
      ops.back().name = out.name(total.name);
      // So that the device's clock is described although no op names it.
      (void)clocks_.number(total.row.device, out);
    }
    const auto to_ns = [ns_per_tick](std::int64_t ticks) {
      return static_cast<std::int64_t>(static_cast<double>(ticks) * ns_per_tick + 0.5);
    };
    for (const call_total& total : calls_.totals) {
      calls.push_back(total.row);
      calls.back().path = journal_paths_.number(total.row.path, out);
      calls.back().name = out.name(total.name);
      api_total& row = calls.back();
      row.sum_ns = to_ns(row.sum_ns);
      row.min_ns = to_ns(row.min_ns);
      row.max_ns = to_ns(row.max_ns);
    }
    out.totals(ops, histograms, calls);
  }

 private:
  struct op_total {
    device_total row;
    const char* name = "";
    std::vector<std::pair<std::uint32_t, std::int64_t>> buckets;  // by bucket; those in use

    void count_bucket(std::uint32_t bucket) {
      const auto at = std::lower_bound(
          buckets.begin(), buckets.end(), bucket,
          [](const auto& entry, std::uint32_t wanted) { return entry.first < wanted; });
      if (at != buckets.end() && at->first == bucket)
        ++at->second;
      else
        buckets.insert(at, {bucket, 1});
    }
  };
  struct call_total {
    api_total row;
    const char* name = "";
  };
  // Rows by everything that tells two of them apart, in the order in which they came up.
  template <class Total>
  struct table {
    struct key_hash {
      std::size_t operator()(const std::pair<const char*, std::uint64_t>& key) const noexcept {
        return std::hash<const char*>{}(key.first) ^ std::hash<std::uint64_t>{}(key.second) * 31;
      }
    };
    std::unordered_map<std::pair<const char*, std::uint64_t>, std::uint32_t, key_hash> index;
    std::vector<Total> totals;
  };

  [[nodiscard]] static std::uint64_t bits_of(const device_total& key) noexcept {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(key.path)) << 32 |
           static_cast<std::uint64_t>(key.device & 0xffff) << 16 |
           static_cast<std::uint64_t>(key.kind) << 12 |
           static_cast<std::uint64_t>(key.direction) << 8 | static_cast<std::uint64_t>(key.reason);
  }
  [[nodiscard]] static std::uint64_t bits_of(const api_total& key) noexcept {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(key.path)) << 32 |
           static_cast<std::uint64_t>(key.kind);
  }

  // The row for a key; once there are `capacity`, one row takes the names of all new ones.
  template <class Total, class Row>
  [[nodiscard]] static Total& total_of(table<Total>& in, Row row, const char* name) {
    auto found = in.index.find({name, bits_of(row)});
    if (found == in.index.end() && in.totals.size() >= capacity) {
      name = "(more)";
      row.path = -1;
      found = in.index.find({name, bits_of(row)});
    }
    if (found == in.index.end()) {
      found = in.index
                  .emplace(std::make_pair(name, bits_of(row)),
                           static_cast<std::uint32_t>(in.totals.size()))
                  .first;
      in.totals.emplace_back();
      in.totals.back().row = row;
      in.totals.back().name = name;
    }
    return in.totals[found->second];
  }

  template <class Row>
  static void add(Row& row, std::int64_t value) noexcept {
    row.min_ns = row.count == 0 ? value : std::min(row.min_ns, value);
    row.max_ns = row.count == 0 ? value : std::max(row.max_ns, value);
    row.sum_ns = saturating_add(row.sum_ns, value);
    ++row.count;
  }

  // The spans open at the launch, then those of the capture; where these are not known, why.
  [[nodiscard]] std::int32_t captured_path(std::int32_t launched,
                                           const graph_attribution::answer& captured) {
    const std::uint64_t key = static_cast<std::uint64_t>(launched) << 32 |
                              static_cast<std::uint64_t>(captured.path + 1) << 8 |
                              static_cast<std::uint64_t>(captured.reason);
    const auto [known, is_new] = captured_paths_.try_emplace(key, launched);
    if (is_new) {
      known->second = paths_.joined(launched, captured.path);
      if (captured.reason != capture_reason::none)
        known->second = paths_.child(known->second, bucket_name(captured.reason));
    }
    return known->second;
  }
  [[nodiscard]] static const char* bucket_name(capture_reason reason) {
    std::string name = "(" + std::string(to_text(reason)) + ")";
    std::replace(name.begin(), name.end(), '_', ' ');
    return intern(name);
  }

  const traced_apis& apis_;
  trace_clocks& clocks_;
  path_table& paths_;
  histogram_buckets buckets_{histogram_digits};
  table<op_total> ops_;
  table<call_total> calls_;
  graph_attribution* const graphs_;
  journal_paths journal_paths_;
  std::unordered_map<std::uint64_t, std::int32_t> captured_paths_;
};

}  // namespace latency::detail
