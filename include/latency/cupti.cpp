// latency.cpp, for programs that include cupti.hpp.

#ifndef LATENCY_COMPILED
#define LATENCY_COMPILED
#endif

#include "latency/detail/compiled/cupti.hpp"
