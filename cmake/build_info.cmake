# The library `build_info` knows which commit was built; asked anew at every build.
set(output ${CMAKE_CURRENT_BINARY_DIR}/build_info.cpp)
add_custom_target(write_build_info
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DOUTPUT=${output} -DCOMMIT=${LATENCY_COMMIT}
          -P ${CMAKE_CURRENT_LIST_DIR}/write_build_info.cmake
  BYPRODUCTS ${output})
latency_add_library(build_info SOURCES ${output})
set_target_properties(build_info PROPERTIES UNITY_BUILD OFF)
add_dependencies(build_info write_build_info)
