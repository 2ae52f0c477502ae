# The install tree, and a stranger's project built against it and against the source tree.
set(prefix ${PROJECT_BINARY_DIR}/install_tree)
set(consumer_arguments "-DGENERATOR=${CMAKE_GENERATOR}" -DCXX=${CMAKE_CXX_COMPILER})
set(build_consumer -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/build_and_run.cmake)

add_test(NAME install COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DPREFIX=${prefix}
                              -DTOOL=${LATENCY_ANALYZERS_ON} -P ${CMAKE_CURRENT_SOURCE_DIR}/install.cmake)
add_test(NAME consumer_find_package
         COMMAND ${CMAKE_COMMAND} ${consumer_arguments} -DPREFIX=${prefix} -DVERSION=${PROJECT_VERSION}
                 -DBINARY=${PROJECT_BINARY_DIR}/consumer_find_package ${build_consumer})
add_test(NAME consumer_add_subdirectory
         COMMAND ${CMAKE_COMMAND} ${consumer_arguments} -DSOURCE=${PROJECT_SOURCE_DIR}
                 -DBINARY=${PROJECT_BINARY_DIR}/consumer_add_subdirectory ${build_consumer})
set_tests_properties(install PROPERTIES FIXTURES_SETUP install_tree)
set_tests_properties(consumer_find_package PROPERTIES FIXTURES_REQUIRED install_tree)
set_tests_properties(install consumer_find_package consumer_add_subdirectory PROPERTIES LABELS host)
