// latency.cpp, for programs that include cuda.hpp.

#ifndef LATENCY_COMPILED
#define LATENCY_COMPILED
#endif

#include "latency/detail/compiled/cuda.hpp"
