#pragma once
// CUPTI's activity records in our own words. The types named here are the oldest whose members are
// needed; newer records begin alike, so a newer library of the same major version is read as well.

#include <cupti.h>

#include <cstddef>
#include <cstdint>
#include <set>

#include "cupti_library.hpp"
#include "kernel_names.hpp"
#include "traced_records.hpp"

namespace latency::detail {

class cupti_reader {
 public:
  // The library outlives the reader.
  explicit cupti_reader(const cupti_library& cupti) : cupti_(cupti) {}

  // Hands over every record of a buffer.
  void read(std::uint8_t* buffer, std::size_t bytes, trace_input& to) {
    CUpti_Activity* record = nullptr;
    while (bytes > 0 && cupti_.cuptiActivityGetNextRecord(buffer, bytes, &record) == CUPTI_SUCCESS)
      read(*record, to);
  }

 private:
  void read(const CUpti_Activity& record, trace_input& to) {
    switch (record.kind) {
      case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
        return deliver(kernel(reinterpret_cast<const CUpti_ActivityKernel9&>(record)), to);
      case CUPTI_ACTIVITY_KIND_MEMCPY:
        return deliver(copy(reinterpret_cast<const CUpti_ActivityMemcpy5&>(record)), to);
      case CUPTI_ACTIVITY_KIND_MEMSET:
        return deliver(memset(reinterpret_cast<const CUpti_ActivityMemset4&>(record)), to);
      case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION:
        return to.sync(sync(reinterpret_cast<const CUpti_ActivitySynchronization&>(record)));
      case CUPTI_ACTIVITY_KIND_CUDA_EVENT:
        return to.sync(event(reinterpret_cast<const CUpti_ActivityCudaEvent&>(record)));
      default:
        return;
    }
  }

  // The first op of a device brings its name.
  void deliver(const traced_op& one, trace_input& to) {
    if (devices_.insert(one.device).second)
      to.device(one.device, intern(cupti_.device_name(one.device)));
    to.op(one);
  }

  template <class Record>
  [[nodiscard]] static traced_op op(const Record& record, device_op_kind kind) {
    traced_op result;
    result.kind = kind;
    result.start_ns = static_cast<std::int64_t>(record.start);
    result.end_ns = static_cast<std::int64_t>(record.end);
    result.correlation = record.correlationId;
    result.device = record.deviceId;
    result.context = record.contextId;
    result.stream = record.streamId;
    result.graph_node = record.graphNodeId;
    return result;
  }

  [[nodiscard]] traced_op kernel(const CUpti_ActivityKernel9& record) {
    traced_op result = op(record, device_op_kind::kernel);
    result.name = names_.of(record.name);
    const auto size = [](std::int32_t n) { return static_cast<std::uint32_t>(n); };
    result.shape = {size(record.gridX),
                    size(record.gridY),
                    size(record.gridZ),
                    size(record.blockX),
                    size(record.blockY),
                    size(record.blockZ),
                    record.registersPerThread,
                    size(record.staticSharedMemory),
                    size(record.dynamicSharedMemory)};
    return result;
  }

  [[nodiscard]] static traced_op copy(const CUpti_ActivityMemcpy5& record) {
    traced_op result = op(record, device_op_kind::memcpy);
    result.bytes = static_cast<std::int64_t>(record.bytes);
    switch (record.copyKind) {
      case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
      case CUPTI_ACTIVITY_MEMCPY_KIND_HTOA:
        result.direction = copy_direction::host_to_device;
        result.name = "memcpy host to device";
        break;
      case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
      case CUPTI_ACTIVITY_MEMCPY_KIND_ATOH:
        result.direction = copy_direction::device_to_host;
        result.name = "memcpy device to host";
        break;
      case CUPTI_ACTIVITY_MEMCPY_KIND_PTOP:
        result.direction = copy_direction::peer;
        result.name = "memcpy peer to peer";
        break;
      case CUPTI_ACTIVITY_MEMCPY_KIND_HTOH:
        result.name = "memcpy host to host";
        break;
      default:
        result.direction = copy_direction::device_to_device;
        result.name = "memcpy device to device";
    }
    return result;
  }

  [[nodiscard]] static traced_op memset(const CUpti_ActivityMemset4& record) {
    traced_op result = op(record, device_op_kind::memset);
    result.bytes = static_cast<std::int64_t>(record.bytes);
    result.name = "memset";
    return result;
  }

  [[nodiscard]] traced_sync sync(const CUpti_ActivitySynchronization& record) const {
    traced_sync result;
    result.correlation = record.correlationId;
    result.context = record.contextId;
    if (record.streamId != CUPTI_SYNCHRONIZATION_INVALID_VALUE) result.stream = record.streamId;
#if CUPTI_API_VERSION >= 130000
    result.event =
        number(reinterpret_cast<const CUpti_ActivitySynchronization2&>(record).cudaEventSyncId);
#endif
    return result;
  }

  [[nodiscard]] traced_sync event(const CUpti_ActivityCudaEvent& record) const {
    traced_sync result;
    result.correlation = record.correlationId;
    result.context = record.contextId;
    result.stream = record.streamId;
    result.records_event = true;
#if CUPTI_API_VERSION >= 130000
    result.event =
        number(reinterpret_cast<const CUpti_ActivityCudaEvent2&>(record).cudaEventSyncId);
#endif
    return result;
  }
  [[nodiscard]] static std::uint64_t number(std::uint64_t event) noexcept {
    return static_cast<std::uint32_t>(event) == CUPTI_SYNCHRONIZATION_INVALID_VALUE ? 0 : event;
  }

  const cupti_library& cupti_;
  kernel_names names_;
  std::set<std::uint32_t> devices_;  // whose names were given
};

}  // namespace latency::detail
