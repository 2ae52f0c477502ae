// What programs that link latency::compiled have compiled once, instead of in each of their
// sources. Without CMake: define LATENCY_COMPILED for all of them, and compile this file beside
// them.

#ifndef LATENCY_COMPILED
#define LATENCY_COMPILED
#endif

#include "latency/detail/compiled/attach.hpp"
#include "latency/detail/compiled/journal_reader.hpp"
#include "latency/detail/compiled/region.hpp"
#include "latency/detail/compiled/session.hpp"
#include "latency/detail/compiled/timing_file.hpp"
