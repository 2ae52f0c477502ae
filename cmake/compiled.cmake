# latency::compiled: latency::latency with its slow paths compiled once, in latency.cpp, instead of in every source that
# includes it. Shared by our own build and by find_package(latency COMPONENTS compiled), where it becomes part of the
# user's build: no binary of ours has to fit their compiler and flags.
function(latency_add_compiled source)
  add_library(latency_compiled STATIC EXCLUDE_FROM_ALL ${source})
  add_library(latency::compiled ALIAS latency_compiled)
  target_link_libraries(latency_compiled PUBLIC latency::latency)
  target_compile_definitions(latency_compiled PUBLIC LATENCY_COMPILED)
  set_target_properties(latency_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON)  # for shared libraries that record
endfunction()
