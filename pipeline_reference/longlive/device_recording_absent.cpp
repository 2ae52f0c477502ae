// Stands for the recording of a device in builds without CUDA or the headers of CUPTI.
#include "pipeline_reference/longlive/device_recording.hpp"

namespace longlive {

struct device_recording::parts {};

device_recording::device_recording(latency::session&, const std::string& device)
    : why_not_(device == "cuda" ? "this build lacks the headers of CUPTI" : "") {}

device_recording::~device_recording() = default;

}  // namespace longlive
