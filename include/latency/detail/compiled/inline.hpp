#pragma once
// How the functions in this folder are defined: in each source that includes the library, inline,
// or, where LATENCY_COMPILED is defined, in latency.cpp, cuda.cpp and cupti.cpp alone. Their public
// headers only declare them.

#ifdef LATENCY_COMPILED
#define LATENCY_DETAIL_INLINE
#else
#define LATENCY_DETAIL_INLINE inline
#endif
