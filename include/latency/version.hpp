#pragma once
// Version of the library. Files carry their own versions: see `timing_file_version` in
// recording.hpp.

#define LATENCY_VERSION_MAJOR 0
#define LATENCY_VERSION_MINOR 1
#define LATENCY_VERSION_PATCH 0
#define LATENCY_VERSION_STRING "0.1.0"
