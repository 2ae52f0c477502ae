#pragma once
// What tracing delivers, before it is matched: calls into the device's API, seen on the thread that
// made them, and device ops with the correlation id of their call. Plain data without any header of
// a device: tests replay what was recorded on one.

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "../device_rows.hpp"
#include "../intern.hpp"

namespace latency::detail {

enum traced_call_flag : std::uint8_t {
  call_failed = 1,    // returned an error: nothing was launched
  call_captured = 2,  // became a node of a graph: nothing runs now
  call_outside = 4,   // made while the session recorded nothing (LATENCY_REGIONS)
  call_of_nobody = 8  // its thread has no place in the session: ops without a span, no row
};

struct traced_call {
  std::uint32_t correlation = 0;
  std::uint16_t api = 0;  // number of the function: index into traced_apis
  std::uint8_t flags = 0;
  std::uint32_t thread = 0;
  std::int32_t path = -1;  // of the open spans, where totals are kept
  span_id span = 0;        // innermost open one
  std::uint64_t start_ticks = 0;
  std::uint64_t end_ticks = 0;
};

struct traced_op {
  std::int64_t start_ns = 0;  // of the device's clock
  std::int64_t end_ns = 0;
  std::uint32_t correlation = 0;
  device_op_kind kind = device_op_kind::kernel;
  copy_direction direction = copy_direction::none;
  std::uint32_t device = 0;
  std::uint32_t context = 0;
  std::uint32_t stream = 0;
  std::uint64_t graph_node = 0;  // 0 = launched by itself
  std::int64_t bytes = 0;
  const char* name = "";  // static or interned
  launch_shape shape;     // of a kernel

  [[nodiscard]] bool timed() const noexcept { return start_ns > 0 && end_ns >= start_ns; }
};

// Where a call that waits or orders took effect.
struct traced_sync {
  static constexpr std::uint32_t nowhere = UINT32_MAX;
  std::uint32_t correlation = 0;
  std::uint32_t context = 0;
  std::uint32_t stream = nowhere;
  std::uint64_t event = 0;  // of an event's recording; waits for it name the same; 0 = no event
  bool records_event = false;
};

// The functions of the driver's API that are traced: each has a number, a name and a kind.
class traced_apis {
 public:
  enum class ops : std::uint8_t {  // that a call makes run
    none,
    kernel,  // certain to follow
    copy,    // one or a few, or none (nothing to copy)
    peer,    // a copy between two devices: not traced, see cupti_subscription.hpp
    many     // nobody knows how many: a graph, a batch
  };
  struct function {
    const char* name = nullptr;  // interned; nullptr: not traced
    api_call_kind kind = api_call_kind::other;
    ops launches = ops::none;
  };

  // What a function is, by its name, the suffixes of versions and stream kinds left out.
  [[nodiscard]] static function classify(std::string_view name) {
    for (const std::string_view suffix : {"_ptsz", "_ptds"})
      if (ends_with(name, suffix)) name.remove_suffix(suffix.size());
    if (name.size() > 3 && name.substr(name.size() - 3, 2) == "_v" && name.back() >= '0' &&
        name.back() <= '9')
      name.remove_suffix(3);
    const auto is_one_of = [name](std::initializer_list<std::string_view> prefixes) {
      for (const std::string_view prefix : prefixes)
        if (name.substr(0, prefix.size()) == prefix) return true;
      return false;
    };
    const auto found = [name](api_call_kind kind, ops launches = ops::none) {
      return function{intern(name), kind, launches};
    };
    if (is_one_of({"cuLaunchHostFunc"})) return {};
    if (is_one_of({"cuLaunch"})) return found(api_call_kind::launch, ops::kernel);
    if (is_one_of({"cuGraphLaunch", "cuMemcpyBatch", "cuMemcpy3DBatch"}))
      return found(api_call_kind::launch, ops::many);
    if (is_one_of({"cuMemcpyPeer", "cuMemcpy3DPeer"}))
      return found(api_call_kind::launch, ops::peer);
    if (is_one_of({"cuMemcpy", "cuMemset"})) return found(api_call_kind::launch, ops::copy);
    if (is_one_of({"cuCtxSynchronize", "cuStreamSynchronize", "cuEventSynchronize"}))
      return found(api_call_kind::synchronize);
    if (is_one_of({"cuEventRecord"})) return found(api_call_kind::event_record);
    if (is_one_of({"cuStreamWaitEvent"})) return found(api_call_kind::stream_wait);
    if (is_one_of({"cuMemAlloc", "cuMemFree", "cuMemHostAlloc", "cuMemHostRegister",
                   "cuMemHostUnregister", "cuMemCreate", "cuMemRelease", "cuMemMap", "cuMemUnmap"}))
      return found(api_call_kind::allocate);
    return {};
  }

  void add(std::uint16_t number, const function& f) {
    if (functions_.size() <= number) functions_.resize(number + std::size_t{1});
    functions_[number] = f;
  }
  [[nodiscard]] function operator[](std::uint16_t number) const {
    return number < functions_.size() ? functions_[number] : function{};
  }
  [[nodiscard]] std::size_t size() const noexcept { return functions_.size(); }

 private:
  [[nodiscard]] static bool ends_with(std::string_view text, std::string_view end) noexcept {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
  }
  std::vector<function> functions_;
};

// Takes what tracing delivers. One thread at a time.
class trace_input {
 public:
  virtual ~trace_input() = default;
  virtual void call(const traced_call& one) = 0;
  virtual void op(const traced_op& one) = 0;
  virtual void sync(const traced_sync& one) = 0;
  virtual void device(std::uint32_t number, const char* name) = 0;  // `name` is interned
  // The clock of ops and the session's ticks, read together.
  virtual void anchor(std::int64_t device_ns, std::uint64_t ticks, std::int64_t uncertainty_ns) = 0;
  // Lost, because a buffer or a ring was full.
  virtual void dropped(std::uint64_t ops, std::uint64_t calls) = 0;
  // Kernel launches whose op has not come yet.
  [[nodiscard]] virtual std::size_t outstanding() const = 0;
  // Passes on what was gathered since the last call.
  virtual void flush() = 0;
  // After the last of everything.
  virtual void finish() = 0;
};

}  // namespace latency::detail
