#pragma once
// Named memory snapshots and what changed between them:
//
//   latency::memory_profiler memory;
//   memory.snapshot("start");
//   load_weights();
//   memory.snapshot("weights");
//   std::cout << memory.summary();
//
// Each snapshot also goes into the recording when a session records. Thread-safe.

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "latency/detail/text_table.hpp"
#include "latency/error.hpp"
#include "latency/memory.hpp"

namespace latency {

class memory_profiler {
 public:
  struct row {
    std::string name;
    memory::usage bytes;
  };

  memory::usage snapshot(std::string_view name) {
    const memory::usage bytes = memory::snapshot(name);
    const std::lock_guard<std::mutex> lock(mutex_);
    rows_.push_back({std::string(name), bytes});
    return bytes;
  }

  // In the order in which they were taken.
  [[nodiscard]] std::vector<row> rows() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return rows_;
  }

  // What changed from one snapshot to another; of several with a name the last counts. Throws
  // latency::error for an unknown name.
  [[nodiscard]] memory::usage difference(std::string_view from, std::string_view to) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return last(to) - last(from);
  }

  // A table in MiB, with the change since the row above; device columns when a device reported.
  [[nodiscard]] std::string summary() const {
    const std::vector<row> all = rows();
    bool device = false;
    for (const row& r : all) device = device || r.bytes.device_peak_bytes != 0;
    std::vector<std::vector<std::string>> table = {{"snapshot", "rss MiB", "change", "peak MiB"}};
    if (device) table[0].insert(table[0].end(), {"device MiB", "change", "device peak MiB"});
    memory::usage before = all.empty() ? memory::usage{} : all[0].bytes;
    for (const row& r : all) {
      const memory::usage change = r.bytes - before;
      before = r.bytes;
      table.push_back({r.name, mebibytes(r.bytes.rss_bytes), with_sign(change.rss_bytes),
                       mebibytes(r.bytes.peak_rss_bytes)});
      if (!device) continue;
      table.back().push_back(mebibytes(r.bytes.device_used_bytes));
      table.back().push_back(with_sign(change.device_used_bytes));
      table.back().push_back(mebibytes(r.bytes.device_peak_bytes));
    }
    return detail::text_table(table);
  }

 private:
  static std::string mebibytes(std::int64_t bytes) {
    return detail::fixed(static_cast<double>(bytes) / (1024 * 1024), 1);
  }
  static std::string with_sign(std::int64_t bytes) {
    return (bytes >= 0 ? "+" : "") + mebibytes(bytes);
  }
  // Mutex held.
  [[nodiscard]] const memory::usage& last(std::string_view name) const {
    for (auto r = rows_.rbegin(); r != rows_.rend(); ++r)
      if (r->name == name) return r->bytes;
    throw error("memory_profiler", std::string(name), "no such snapshot");
  }

  mutable std::mutex mutex_;
  std::vector<row> rows_;
};

}  // namespace latency
