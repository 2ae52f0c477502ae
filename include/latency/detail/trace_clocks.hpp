#pragma once
// The clocks of traced devices: which there are, how finely they tick, and their anchors to the
// session's clock. Tracing gives all devices of a process one time base, so an anchor holds for
// all.

#include <array>
#include <cstdint>
#include <map>

#include "device_writer.hpp"
#include "traced_records.hpp"

namespace latency::detail {

class trace_clocks {
 public:
  void device(std::uint32_t number, const char* name) { devices_[number].name = name; }

  void anchor(std::int64_t device_ns, std::uint64_t ticks, std::int64_t uncertainty_ns) {
    last_ = {device_ns, ticks, uncertainty_ns};
    if (first_.ticks == 0) first_ = last_;
    for (auto& [number, device] : devices_) device.anchor_due = true;
  }

  // Learns from an op how finely its device's clock ticks.
  void op(const traced_op& one) {
    const std::int64_t duration_ns = one.end_ns - one.start_ns;
    // Longer ones lose the tick to the driver's rounding.
    if (!one.timed() || duration_ns == 0 || duration_ns > 10000) return;
    device_state& device = devices_[one.device];
    std::size_t zeros = 0;
    while (zeros + 1 < powers && (duration_ns >> zeros & 1) == 0) ++zeros;
    ++device.durations_by_zeros[zeros];
    ++device.durations;
  }

  // The number of a device's clock in the journal; it begins there with the first op.
  [[nodiscard]] std::uint32_t number(std::uint32_t device, device_writer& out) {
    device_state& state = devices_[device];
    if (!state.begun) {
      state.begun = true;
      state.clock = out.new_clock(description(device, state));
      out.anchor(state.clock, first_.device_ns, first_.ticks, first_.uncertainty_ns);
      state.anchor_due = last_.ticks != first_.ticks;
    }
    return state.clock;
  }

  // Anchors taken since the last call.
  void write(device_writer& out) {
    for (auto& [number, device] : devices_) {
      if (!device.begun || !device.anchor_due) continue;
      out.anchor(device.clock, last_.device_ns, last_.ticks, last_.uncertainty_ns);
      device.anchor_due = false;
    }
  }
  // After the last op: what was learned of the clocks.
  void describe(device_writer& out) {
    for (auto& [number, device] : devices_)
      if (device.begun) out.describe_clock(device.clock, description(number, device));
  }

 private:
  static constexpr std::size_t powers = 12;
  struct anchor_taken {
    std::int64_t device_ns = 0;
    std::uint64_t ticks = 0;
    std::int64_t uncertainty_ns = 0;
  };
  struct device_state {
    const char* name = "";
    bool begun = false;
    bool anchor_due = false;
    std::uint32_t clock = 0;
    std::int64_t durations = 0;
    std::array<std::int64_t, powers> durations_by_zeros{};  // trailing zero bits
  };

  // The largest power of two that divides nearly all durations (one in four may be off by what the
  // driver rounds); 0 when too few are known.
  [[nodiscard]] static std::int64_t resolution_ns(const device_state& device) {
    if (device.durations < 20) return 0;
    std::int64_t divided = 0;
    for (std::size_t zeros = powers; zeros > 0; --zeros) {
      divided += device.durations_by_zeros[zeros - 1];
      if (divided * 4 >= device.durations * 3) return std::int64_t{1} << (zeros - 1);
    }
    return 1;
  }
  [[nodiscard]] static device_clock description(std::uint32_t number, const device_state& device) {
    device_clock described;
    described.device = number;
    described.name = device.name;
    described.tier = device_tier::kernels;
    described.resolution_ns = resolution_ns(device);
    return described;
  }

  std::map<std::uint32_t, device_state> devices_;
  anchor_taken first_, last_;
};

}  // namespace latency::detail
