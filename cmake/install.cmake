# Installs two components: `headers` (header targets for find_package(latency), schemas, licence) and
# `programs` (the tool with its published names, the reference pipeline).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS latency EXPORT latency_targets COMPONENT headers)
install(DIRECTORY include/latency DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT headers
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cpp")
install(DIRECTORY schemas/ DESTINATION ${CMAKE_INSTALL_DATADIR}/latency/schemas COMPONENT headers
        FILES_MATCHING PATTERN "*.json")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT headers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/latency)
install(EXPORT latency_targets NAMESPACE latency:: FILE latencyTargets.cmake DESTINATION ${package_folder}
        COMPONENT headers)
configure_package_config_file(cmake/latencyConfig.cmake.in ${PROJECT_BINARY_DIR}/latencyConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/latencyConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/latencyConfig.cmake ${PROJECT_BINARY_DIR}/latencyConfigVersion.cmake
              cmake/back_ends.cmake cmake/compiled.cmake
        DESTINATION ${package_folder} COMPONENT headers)

if(LATENCY_ANALYZERS_ON)
  install(TARGETS latency_tool COMPONENT programs)
  set(completions ${PROJECT_BINARY_DIR}/completions)
  set(bash_completions ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  set(fish_completions ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  install(FILES ${completions}/latency DESTINATION ${bash_completions} COMPONENT programs)
  install(FILES ${completions}/_latency DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT programs)
  install(FILES ${completions}/latency.fish DESTINATION ${fish_completions} COMPONENT programs)
  foreach(name IN LISTS latency_published_names)
    install(FILES $<TARGET_FILE_DIR:latency_tool>/${name} DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
    # bash and fish look for the completion of a command under its name.
    install(FILES ${completions}/latency DESTINATION ${bash_completions} RENAME ${name} COMPONENT programs)
    install(FILES ${completions}/latency.fish DESTINATION ${fish_completions} RENAME ${name}.fish COMPONENT programs)
  endforeach()
endif()
if(LATENCY_PIPELINE_ON)
  install(TARGETS interactive_inference_with_timing inference_with_timing COMPONENT programs)
endif()
