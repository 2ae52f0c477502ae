#pragma once
// The ways of tracing kernels that are compared (ways_compared.hpp), each on for as long as its
// object lives, and on other cores than the one that launches.

#include <unistd.h>

#include <latency/cupti.hpp>
#include <latency/latency.hpp>
#include <memory>
#include <string>

#include "benchmarks/bare_tracing.hpp"
#include "benchmarks/launching_core.hpp"
#include "benchmarks/ways_compared.hpp"

namespace benchmarks {

class tracing {
 public:
  // Threads that tracing starts stay on other cores; from now on this one is on the launching core.
  // Throws latency::error where there is no CUPTI.
  explicit tracing(way of) {
    run_on(other_cores());
    if (of == way::bare_before || of == way::bare || of == way::external)
      bare_ = std::make_unique<bare_tracing>(of == way::external);
    if (of == way::keep || of == way::aggregate) start_collector(of == way::aggregate);
    run_on(launching_processor_alone());
  }

  // Where each launch is to be put between `push` and `pop`; else nullptr.
  [[nodiscard]] const bare_tracing* external() const noexcept {
    return bare_ != nullptr && bare_->push != nullptr ? bare_.get() : nullptr;
  }

  // After the device is done. Throws latency::error unless every kernel has its record, and under
  // the library its launch.
  void finish(std::uint64_t kernels) {
    std::uint64_t found = kernels, unmatched = 0;
    if (bare_ != nullptr) found = bare_->finish();
    if (session_ != nullptr) {
      collector_.reset();
      const latency::recording r = session_->stop();
      found = r.device_ops.size();
      for (const latency::device_total& t : r.device_totals)
        found += static_cast<std::uint64_t>(t.count);
      unmatched = r.hygiene.unmatched_device_ops;
    }
    if (found != kernels || unmatched != 0)
      throw latency::error("recorded " + std::to_string(found) + " of " + std::to_string(kernels) +
                           " kernels, " + std::to_string(unmatched) + " without a launch");
  }

 private:
  void start_collector(bool totals) {
    latency::session_options fixed;
    if (totals) fixed.mode = latency::session_mode::ring;
    session_ =
        std::make_unique<latency::session>("traced." + std::to_string(getpid()) + ".json", fixed);
    latency::cupti::options options;
    if (totals) options.mode = latency::cupti::collector_mode::aggregate;
    collector_ = std::make_unique<latency::cupti::collector>(*session_, options);
    if (!collector_->started()) throw latency::error(collector_->why_not());
  }

  std::unique_ptr<bare_tracing> bare_;
  std::unique_ptr<latency::session> session_;
  std::unique_ptr<latency::cupti::collector> collector_;
};

}  // namespace benchmarks
