# cmake -DBINARY=folder -DGENERATOR=.. -DCXX=.. [-DPREFIX=install tree | -DSOURCE=latency tree] [-DVERSION=x.y.z] -P
# Configures, builds and runs the consumer from nothing, against one of the two.
file(REMOVE_RECURSE ${BINARY})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${BINARY} -G ${GENERATOR}
                        -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_PREFIX_PATH=${PREFIX} -DLATENCY_SOURCE=${SOURCE}
                        -DLATENCY_WANTED_VERSION=${VERSION} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY} --verbose COMMAND_ERROR_IS_FATAL ANY)
foreach(program IN ITEMS consumer compiled_consumer compiled_gpu_consumer)
  if(EXISTS ${BINARY}/${program})  # the last one only where the CUDA toolkit is
    execute_process(COMMAND ${BINARY}/${program} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
