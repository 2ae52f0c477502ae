# The targets of the back ends, one for each header: latency::cuda for <latency/cuda.hpp>, and so on. Shared by our own
# build and by find_package(latency COMPONENTS ...); both have found the CUDA toolkit before.
set(LATENCY_BACK_ENDS cuda nvtx cupti)

function(latency_add_back_end name)
  set(needs_cuda CUDA::cudart_static ${CMAKE_DL_LIBS})  # libcuda is opened at run time: programs start without it
  set(needs_nvtx CUDA::nvtx3)
  set(needs_cupti CUDA::toolkit ${CMAKE_DL_LIBS})  # headers alone: libcupti is opened at run time, too
  add_library(latency::${name} INTERFACE IMPORTED GLOBAL)
  if(name STREQUAL "cupti")
    get_target_property(headers CUDA::cupti INTERFACE_INCLUDE_DIRECTORIES)
    target_include_directories(latency::cupti INTERFACE ${headers})
  endif()
  target_link_libraries(latency::${name} INTERFACE latency::latency ${needs_${name}})
endfunction()
