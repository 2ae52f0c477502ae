# latency::compiled: latency::latency with its slow paths compiled once, in latency.cpp, instead of in every source that
# includes it; with latency_compile_back_end(cuda) those of <latency/cuda.hpp>, too, and so on. Shared by our own build
# and by find_package(latency COMPONENTS compiled ...), where it becomes part of the user's build: no binary of ours has
# to fit their compiler and flags.
function(latency_add_compiled folder)
  add_library(latency_compiled STATIC EXCLUDE_FROM_ALL ${folder}/latency.cpp)
  add_library(latency::compiled ALIAS latency_compiled)
  target_link_libraries(latency_compiled PUBLIC latency::latency)
  target_compile_definitions(latency_compiled PUBLIC LATENCY_COMPILED)
  set_target_properties(latency_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON)  # for shared libraries that record
endfunction()

function(latency_compile_back_end name folder)
  get_target_property(sources latency_compiled SOURCES)
  if(EXISTS ${folder}/${name}.cpp AND NOT ${folder}/${name}.cpp IN_LIST sources)  # nvtx.hpp is all inline
    target_sources(latency_compiled PRIVATE ${folder}/${name}.cpp)
    target_link_libraries(latency_compiled PRIVATE latency::${name})
  endif()
endfunction()
