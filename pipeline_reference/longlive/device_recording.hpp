#pragma once
// What a session records of the device that a clip is generated on.

#include <memory>
#include <string>

#include "latency/session.hpp"

namespace longlive {

// From its making to the session's end: of a CUDA device every kernel, copy and memset (through
// CUPTI) and the memory in use; of the CPU nothing.
class device_recording {
 public:
  // `device`: the type of the back end, "cpu" or "cuda".
  device_recording(latency::session& run, const std::string& device);
  device_recording(const device_recording&) = delete;
  device_recording& operator=(const device_recording&) = delete;
  ~device_recording();

  // Why the kernels of a CUDA device are not recorded, in one line; empty when they are.
  [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
  std::string why_not_;
};

}  // namespace longlive
