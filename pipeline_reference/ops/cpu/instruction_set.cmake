# latency_cpu_options(<variable>): compile options that build for LATENCY_CPU, or none when the
# compiler does not know it or this machine cannot run it.
function(latency_cpu_options variable)
  set(${variable} "" PARENT_SCOPE)
  if(NOT LATENCY_CPU)
    return()
  endif()
  include(CheckCXXSourceRuns)
  string(MAKE_C_IDENTIFIER "LATENCY_CPU_RUNS_${LATENCY_CPU}" result)
  set(CMAKE_REQUIRED_FLAGS -march=${LATENCY_CPU})
  set(CMAKE_REQUIRED_QUIET TRUE)
  check_cxx_source_runs("
    int main() {
      __builtin_cpu_init();
    #ifdef __AVX__
      if (!__builtin_cpu_supports(\"avx\")) return 1;
    #endif
    #ifdef __AVX2__
      if (!__builtin_cpu_supports(\"avx2\")) return 1;
    #endif
    #ifdef __FMA__
      if (!__builtin_cpu_supports(\"fma\")) return 1;
    #endif
    #ifdef __AVX512F__
      if (!__builtin_cpu_supports(\"avx512f\")) return 1;
    #endif
    #ifdef __AVX512VL__
      if (!__builtin_cpu_supports(\"avx512vl\")) return 1;
    #endif
      return 0;
    }" ${result})
  if(${result})
    set(${variable} -march=${LATENCY_CPU} PARENT_SCOPE)
  else()
    message(STATUS "CPU back end: built for the compiler's default, -march=${LATENCY_CPU} does not run here")
  endif()
endfunction()
