# Finds what is installed and decides which parts are built. A part that cannot be built says why.
set_property(GLOBAL PROPERTY LATENCY_PARTS "")

function(latency_decide part label wanted)  # latency_decide(<PART> <label> <wanted?> <missing things...>)
  if(NOT wanted)
    set(state "off (not asked for)")
  elseif(ARGN)
    list(JOIN ARGN ", " missing)
    set(state "off (missing: ${missing})")
  else()
    set(state "on")
    set(LATENCY_${part}_ON TRUE PARENT_SCOPE)
  endif()
  set_property(GLOBAL APPEND PROPERTY LATENCY_PARTS "${label}: ${state}")
endfunction()

function(latency_print_parts)  # on the terminal, and in parts.txt of the build folder for scripts
  get_property(parts GLOBAL PROPERTY LATENCY_PARTS)
  list(JOIN parts "\n" lines)
  file(WRITE ${PROJECT_BINARY_DIR}/parts.txt "${lines}\n")
  message(STATUS "latency ${PROJECT_VERSION}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
  foreach(part IN LISTS parts)
    message(STATUS "  ${part}")
  endforeach()
endfunction()

macro(latency_find package debian_name)  # records the Debian package name when it is missing
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    set(missing_${package} ${debian_name})
  endif()
endmacro()

macro(latency_find_files target header library debian_name)  # the same for what has no CMake package
  find_path(${target}_INCLUDE ${header})
  find_library(${target}_LIBRARY ${library})
  mark_as_advanced(${target}_INCLUDE ${target}_LIBRARY)
  if(${target}_INCLUDE AND ${target}_LIBRARY)
    add_library(${target} UNKNOWN IMPORTED)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${${target}_LIBRARY}
                                               INTERFACE_INCLUDE_DIRECTORIES ${${target}_INCLUDE})
  else()
    set(missing_${target} ${debian_name})
  endif()
endmacro()

find_package(Threads REQUIRED)
if(LATENCY_BUILD_ANALYZERS OR LATENCY_BUILD_PIPELINE OR LATENCY_BUILD_BENCHMARKS OR LATENCY_BUILD_TESTS)
  latency_find(fmt libfmt-dev)
  latency_find(nlohmann_json nlohmann-json3-dev)
  latency_find(simdjson libsimdjson-dev)
  latency_find(CLI11 libcli11-dev)
  latency_find(ZLIB zlib1g-dev)
  latency_find(Eigen3 libeigen3-dev NO_MODULE)
  latency_find(yaml-cpp libyaml-cpp-dev)
  latency_find(doctest doctest-dev)
  latency_find(rapidcheck librapidcheck-dev)
  latency_find(valijson libvalijson-dev)
  latency_find_files(sentencepiece sentencepiece_processor.h sentencepiece libsentencepiece-dev)
  latency_find_files(sentencepiece_train sentencepiece_trainer.h sentencepiece_train libsentencepiece-dev)
  latency_find_files(utf8proc utf8proc.h utf8proc libutf8proc-dev)
  latency_find_files(gumbo gumbo.h gumbo libgumbo-dev)
  latency_find_files(duktape duktape.h duktape duktape-dev)
  find_program(LATENCY_NPM npm)
  mark_as_advanced(LATENCY_NPM)
  if(NOT LATENCY_NPM)
    set(missing_npm npm)
  endif()
endif()

set(missing_fuzzing "")
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(missing_fuzzing "clang++ as the compiler, for libFuzzer")
elseif(LATENCY_SANITIZER STREQUAL "thread")
  set(missing_fuzzing "a build without LATENCY_SANITIZER=thread")
endif()

include(${CMAKE_CURRENT_LIST_DIR}/cuda.cmake)  # missing_cuda, missing_cupti, missing_nvtx

latency_decide(ANALYZERS "analyzers" ${LATENCY_BUILD_ANALYZERS} ${missing_fmt} ${missing_nlohmann_json}
               ${missing_simdjson} ${missing_CLI11} ${missing_ZLIB})
latency_decide(ECHARTS "charts in reports (ECharts, from npm)" ${LATENCY_BUILD_ANALYZERS} ${missing_npm})
latency_decide(SVG "charts as SVG" ${LATENCY_BUILD_ANALYZERS} ${missing_npm} ${missing_duktape})
latency_decide(PIPELINE "pipeline, CPU back end" ${LATENCY_BUILD_PIPELINE} ${missing_fmt} ${missing_nlohmann_json}
               ${missing_CLI11} ${missing_Eigen3} ${missing_yaml-cpp})
latency_decide(TOKENIZER "pipeline, tokenizer" ${LATENCY_BUILD_PIPELINE} ${missing_fmt} ${missing_nlohmann_json}
               ${missing_sentencepiece} ${missing_utf8proc} ${missing_gumbo})
latency_decide(CUDA "CUDA" ${want_cuda} ${missing_cuda})
latency_decide(CUPTI "CUPTI" ${want_cuda} ${missing_cupti})
latency_decide(NVTX "NVTX" ${want_cuda} ${missing_nvtx})
latency_decide(EXAMPLES "examples" ${LATENCY_BUILD_EXAMPLES})
latency_decide(BENCHMARKS "benchmarks" ${LATENCY_BUILD_BENCHMARKS} ${missing_fmt} ${missing_nlohmann_json}
               ${missing_CLI11})
latency_decide(TESTS "tests" ${LATENCY_BUILD_TESTS} ${missing_doctest} ${missing_rapidcheck} ${missing_valijson}
               ${missing_nlohmann_json})
latency_decide(FUZZERS "fuzzers" ${LATENCY_BUILD_FUZZERS} ${missing_fuzzing})
