# One way to define each kind of target, so that warnings, sanitizers and output folders are the same everywhere.
add_library(latency_build INTERFACE)  # build flags of our own targets; never exported
target_compile_features(latency_build INTERFACE cxx_std_20)
target_include_directories(latency_build INTERFACE ${PROJECT_SOURCE_DIR})
set(LATENCY_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  list(APPEND LATENCY_WARNINGS -Wno-dangling-reference)  # alarms at every reference returned by a call with a temporary
endif()
if(PROJECT_IS_TOP_LEVEL)
  list(APPEND LATENCY_WARNINGS -Werror)
endif()
target_compile_options(latency_build INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${LATENCY_WARNINGS}>")
# What AddressSanitizer stops as well is not checked twice: it would be an eighth of the time to compile.
set(address_flags -fsanitize=address,undefined -fno-sanitize=null,object-size -fno-sanitize-recover=all
                  -fno-omit-frame-pointer)
if(LATENCY_SANITIZER STREQUAL "address")
  set(flags ${address_flags})
elseif(LATENCY_SANITIZER STREQUAL "thread")
  set(flags -fsanitize=thread -fno-omit-frame-pointer)
elseif(LATENCY_SANITIZER)
  message(FATAL_ERROR "LATENCY_SANITIZER must be address, thread or empty, not '${LATENCY_SANITIZER}'")
endif()
if(LATENCY_FUZZERS_ON)  # coverage reaches into the libraries; the tests have no use for it
  set(flags ${address_flags})
  target_compile_options(latency_build INTERFACE
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,STATIC_LIBRARY>:-fsanitize=fuzzer-no-link>)
endif()
if(LATENCY_SANITIZER OR LATENCY_FUZZERS_ON)
  target_compile_options(latency_build INTERFACE ${flags})
  target_link_options(latency_build INTERFACE ${flags})
endif()

# A ThreadSanitizer build has only the tests labelled threads, the code under which runs on several, and what these need.
set(only_where_needed OFF)
if(LATENCY_SANITIZER STREQUAL "thread")
  set(only_where_needed ON)
endif()

function(latency_add_library name)  # latency_add_library(name SOURCES a.cpp ... LIBRARIES x ...)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC latency_build ${arg_LIBRARIES})
  set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ${only_where_needed})
endfunction()

function(latency_add_program name)  # a program the user runs: build/<preset>/bin/<name, or OUTPUT_NAME>
  cmake_parse_arguments(arg "" "OUTPUT_NAME" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT arg_OUTPUT_NAME)
    set(arg_OUTPUT_NAME ${name})
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE latency_build ${arg_LIBRARIES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin
                                           OUTPUT_NAME ${arg_OUTPUT_NAME} EXCLUDE_FROM_ALL ${only_where_needed})
endfunction()

# Test code is compiled for a short build; what it tests in libraries keeps the build's optimization. Folders whose tests
# compute much by themselves say -O1.
set(test_optimization -O0)
if(LATENCY_SANITIZER STREQUAL "thread")
  set(test_optimization -O1)
endif()

# A doctest program, run by ctest under the same name. A test that cannot run here prints a line
# "skipped: <why>" and returns 77. One labelled gpu is skipped on a machine without an NVIDIA GPU.
function(latency_add_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE latency_build doctest_main ${arg_LIBRARIES})
  target_compile_options(${name} PRIVATE ${test_optimization})
  if("gpu" IN_LIST arg_LABELS)
    add_test(NAME ${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/run_if_gpu.sh $<TARGET_FILE:${name}>)
  elseif(LATENCY_SANITIZER STREQUAL "thread" AND NOT "threads" IN_LIST arg_LABELS)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  else()
    list(PREPEND arg_LABELS host)
    add_test(NAME ${name} COMMAND ${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()

function(latency_add_fuzzer name)  # a libFuzzer target; ctest runs its seeds, tests/fuzz/corpus/<name>/*
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  file(GLOB seeds CONFIGURE_DEPENDS ${corpus}/*)
  if(NOT seeds)
    message(FATAL_ERROR "${name} needs at least one seed file in ${corpus}")
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE latency_build ${arg_LIBRARIES})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers ${name})
  add_test(NAME ${name} COMMAND ${name} -runs=0 ${corpus})
  set_tests_properties(${name} PROPERTIES LABELS "host;fuzz" TIMEOUT 300)
endfunction()
